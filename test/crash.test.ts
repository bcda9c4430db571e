// That nothing acknowledged is ever lost: the queue dies at every operation of its disk, with and without the power, and
// again in the recovery; the model is in support/crash-model.ts. And that this is no accident: without any one of its steps,
// or with two of them in the wrong order, the same model finds what is lost then.

import { describe, expect, it } from 'vitest';
import type { Disk } from '../src/node/disk.ts';
import { Journal } from '../src/node/journal.ts';
import { STEPS, type Perform, type Step } from '../src/node/step.ts';
import { allOf } from './support/content.ts';
import { contentOf } from './support/crash-scenario.ts';
import { explore, fail, optionsOf, record, type Variant } from './support/crash-model.ts';
import { randomOf, TIMES } from './support/random.ts';
import type { SimDisk } from './support/sim-disk.ts';

describe('the journal, whenever it dies', () => {
  // shows RFC5321:6.1-1 RFC5321:6.1-2 RFC2033:4.2-4 RFC2033:4.2-5 RFC2033:4.3-3
  it('loses nobody, doubles nothing, and knows what it does not know, in 200,000 states', { timeout: 600_000 }, async () => {
    const { states, operations, violation } = await explore({}, { seed: 1, losses: 14, deepLosses: TIMES - 1 });
    expect(violation).toBeUndefined();
    expect(operations).toBeGreaterThan(145);
    expect(states).toBeGreaterThan(200_000);
  });

  it.each(['EIO', 'ENOSPC'] as const)('acknowledges nothing after an error of the disk (%s), whichever operation it is, but goes on where it was only full, and loses nothing by it', { timeout: 60_000 }, async (code) => {
    for (let operation = 0; ; operation++) {
      const fault = await fail(operation, code);
      if (fault === 'never') {
        expect(operation).toBeGreaterThan(145);
        return;
      }
      if (fault !== undefined) expect.fail(`at operation ${operation}: ${fault}`);
    }
  });
});

/** What is different, and what is found then. */
type Mutation = readonly [difference: string, variant: Variant, violation: RegExp];

const LOST = /I1|I5|I7|recovery fails|has gone/;

const MUTATIONS: readonly Mutation[] = [
  without('sync content', /is not what was stored|I0/),
  without('sync content name', /has gone/),
  without('sync mails', LOST),
  without('write intent', /I6/),
  without('sync results', /I5|I7|I11|decayed|has gone/),
  without('remove content', /I8/),
  without('sync segment', /decayed|has gone|I5/),
  without('sync segment name', LOST),
  without('sync copy', /is not what was stored|I0/),
  without('sync copy names', /has gone/),
  without('write states', /the queue has no mail/),
  without('sync states', LOST),
  without('drop segment', /I8/),
  without('sync drop', /I5|I7|has gone/),
  without('sync format', /recovery fails/),
  without('sync format name', /no FORMAT/),
  without('empty tmp', /I8/),
  without('cut tail', /decayed/),
  without('sync tail', /decayed|has gone/),
  without('remove strays', /I8/),
  ['content is removed before the outcome is durable', { perform: putting('sync results', 'remove content') }, /decayed|has gone|I5|I11/],
  ['old facts go before the new ones are written', { perform: putting('write states', 'drop segment') }, /has stopped/],
  ['the newest of the old segments goes first', { disk: newestFirst }, /I5|I7|has gone/],
  ['a failure is recorded before its notification', { bouncing: 'failure first' }, /I1: lost/],
  ['a notification is queued before the failure is recorded', { bouncing: 'notification first' }, /I4/],
  ['the notification of a delay is queued before that is recorded', { bouncing: 'warning first' }, /I10: told of a delay, and would be again/],
];

/** Those that show only where a recovery dies too; to look for the others there would be ten times the work. */
const DEEP: ReadonlySet<string> = new Set(['without: sync drop', 'without: cut tail', 'the newest of the old segments goes first']);

describe('each step of the journal is needed', () => {
  it.each(MUTATIONS)('%s', { timeout: 60_000 }, async (difference, variant, expected) => {
    const seed = 2; // of those tried one of the soonest
    const { violation } = await explore(variant, DEEP.has(difference) ? { seed, losses: 3, deepLosses: 0, shuffled: true } : { seed, losses: 1, shuffled: true });
    expect(violation).toMatch(expected);
  });

  it('and none is missing here', () => {
    const left = MUTATIONS.map(([difference]) => difference.replace('without: ', ''));
    expect(STEPS.filter((step) => !left.includes(step))).toEqual(['take back', 'keep dead']); // journal-failure.test.ts, and below: crashes alone never make them necessary
  });
});

describe('a segment that has decayed', () => {
  /** A disk in the afternoon, when its last segment has facts of many batches, with one octet other than it was. */
  async function decayed(): Promise<{ readonly disk: SimDisk; readonly path: string; readonly octets: Uint8Array }> {
    const { moments } = await record({});
    const { disk } = moments.findLast(({ ledger, next }) => next?.type === 'write' && next.path === 'journal/000003.log' && ledger.taken > 0 && (next.at ?? 0) > 1000) ?? {};
    if (disk === undefined) throw new Error('there is no such moment');
    const wreck = disk.powerless(randomOf(1), 1);
    const path = 'journal/000003.log';
    wreck.decay(path, 700);
    return { disk: wreck, path, octets: await wreck.read(path) };
  }

  /** Recovers, and dies at each operation of that. Returns what is left where neither the segment nor its copy is. */
  async function evidenceLost(perform?: () => Perform): Promise<readonly string[]> {
    const { disk, path, octets } = await decayed();
    const wrecks: SimDisk[] = [];
    const random = randomOf(2);
    disk.before = () => wrecks.push(disk.powerless(random, 0), disk.powerless(random, 0.5), disk.powerless(random, 1));
    const journal = await Journal.on(disk, optionsOf(perform === undefined ? {} : { perform }));
    await journal.checkpoint();
    const lost: string[] = [];
    for (const wreck of [...wrecks, disk.killed(), disk.powerless(random, 0)]) {
      const kept = await Promise.all([path, 'dead/3.log'].map((each) => wreck.read(each).catch(() => undefined)));
      if (!kept.some((each) => each?.join() === octets.join())) lost.push((await wreck.list('journal')).join());
    }
    return lost;
  }

  it('is kept for a person, and so is the content of a mail of which nothing is known any more; every other fact counts', async () => {
    const { disk, octets } = await decayed();
    const content = await disk.read('msg/m6');
    const journal = await Journal.on(disk, optionsOf({}));
    await journal.checkpoint();
    expect(journal.report.dead).toEqual([{ name: '3.log', reason: expect.stringMatching(/^decayed at octet \d+$/) }, { name: 'm6.msg', reason: 'the journal, which has decayed or gone, knows nothing of it' }]);
    expect(await disk.read('dead/3.log')).toEqual(octets);
    expect(await disk.read('dead/m6.msg')).toEqual(content);
    const mails = [...journal.mails()];
    expect(mails.length).toBeGreaterThan(3);
    for (const { id } of mails) expect(await allOf(journal.content(id))).toEqual(contentOf(id));
  });

  it('is kept whenever the recovery dies', async () => {
    expect(await evidenceLost()).toEqual([]);
  });

  it('would be lost if it were not copied, or after it was dropped', async () => {
    expect((await evidenceLost(leavingOut('keep dead'))).length).toBeGreaterThan(0);
    expect((await evidenceLost(putting('keep dead', 'sync drop'))).length).toBeGreaterThan(0);
  });

  it('leaves the content of that mail, whenever the recovery dies, and the next one has a journal that is whole', async () => {
    const { disk } = await decayed();
    const content = await disk.read('msg/m6');
    const wrecks: SimDisk[] = [];
    const random = randomOf(2);
    disk.before = () => wrecks.push(disk.powerless(random, 0), disk.powerless(random, 0.5), disk.powerless(random, 1));
    await (await Journal.on(disk, { ...optionsOf({}), carryLimit: 1_000_000 })).checkpoint(); // which makes no names in msg/ durable
    for (const wreck of [...wrecks, disk.powerless(random, 0)]) {
      await (await Journal.on(wreck, optionsOf({}))).checkpoint();
      expect(await wreck.read('dead/m6.msg')).toEqual(content);
    }
  });
});

// Mutations

function without(step: Step, violation: RegExp): Mutation {
  return [`without: ${step}`, { perform: leavingOut(step) }, violation];
}

function leavingOut(left: Step): () => Perform {
  return () => async (step, action) => {
    if (step !== left) await action();
  };
}

/** One step is done only when the next one of another kind has been. */
function putting(step: Step, behind: Step): () => Perform {
  return () => {
    let held: (() => Promise<void>)[] = [];
    return async (each, action) => {
      if (each === step) {
        held.push(action);
        return;
      }
      await action();
      if (each !== behind) return;
      for (const late of held.splice(0)) await late();
      held = [];
    };
  };
}

/** Whichever old segment is to go, the newest of them goes. */
function newestFirst(disk: SimDisk): Disk {
  return new Proxy<Disk>(disk, {
    get(_, name: keyof Disk) {
      if (name !== 'unlink') return disk[name].bind(disk);
      return async (path: string) => disk.unlink(path.startsWith('journal/') ? `journal/${(await disk.list('journal')).toSorted().at(-2)}` : path);
    },
  });
}
