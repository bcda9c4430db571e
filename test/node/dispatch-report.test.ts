import { describe, expect, it, vi } from 'vitest';
import type { Queue } from '../../src/relay/queue/port.ts';
import { DEFERRED, DELIVERED, FAILED, HOUR, MINUTE, nothing, NOTHING, onVirtualTime, SCHEDULE, settle, SILENT, stage, type Stage, TO_BOB, TO_BOTH, TO_TWO } from '../support/dispatch.ts';
import { mailOf } from '../support/memory-queue.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);
onVirtualTime();

describe('a recipient that failed', () => {
  it('is reported before it is recorded, and nobody else is', async () => {
    const { queue, dispatcher, done, logged } = stage(() => [DELIVERED, FAILED]);
    dispatcher.add(queue.put(TO_TWO, NOTHING));
    await settle();
    expect(done).toEqual(['relay m1 0,1', 'notify m1 1', 'settle m1 delivered,failed']);
    expect(logged.map(([event]) => event)).toEqual(['delivered', 'failed', 'bounced', 'done']);
  });

  // shows RFC3461:5.2-2
  it('is logged as undeliverable where there is nobody to tell', async () => {
    const { queue, dispatcher, logged } = stage(() => [FAILED], { notify: async () => undefined });
    dispatcher.add(queue.put(mailOf('m1', '<>', '<bob@b.test>'), NOTHING));
    await settle();
    expect(logged.map(([event]) => event)).toEqual(['failed', 'undeliverable', 'done']);
  });

  it('leads to a notification that goes its own way', async () => {
    const { queue, dispatcher, done } = stage((mail) => [mail.id === 'm1' ? FAILED : DELIVERED], {
      notify: async () => ({ id: 'n1', queue: { mail: mailOf('n1', '<>', '<alice@a.test>'), content: nothing } }),
    });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await settle();
    expect(done).toContain('settle n1 delivered');
  });

  // found by random mails: 500 of 1 MB that failed at a time took 680 MB; now 180
  it.each([['FULL', 8], ['HDRS', 30]] as const)('is reported with RET=%s of at most %i mails at a time, where 30 fail', async (ret, most) => {
    const answers: (() => void)[] = [];
    const { queue, dispatcher, done } = stage(() => [FAILED], { notify: () => new Promise((resolve) => answers.push(() => resolve(undefined))) });
    for (let at = 0; at < 30; at++) dispatcher.add(queue.put({ ...mailOf(`m${at}`, '<alice@a.test>', `<bob@b${at}.test>`), parameters: { ret } }, NOTHING));
    await settle();
    expect(answers).toHaveLength(most);
    for (let told = 0; told < 30; told++) {
      answers[told]?.();
      await settle();
    }
    expect(done.filter((what) => what.startsWith('settle'))).toHaveLength(30);
  });
});

// found by trying: the notification stayed where it was until the next start
describe('a notification that was queued', () => {
  const NOTIFICATION = { id: 'n1', queue: { mail: mailOf('n1', '<>', '<alice@a.test>'), content: nothing } };
  const failing = (): Stage => stage(({ id }) => [id === 'm1' ? FAILED : DELIVERED], { notify: async () => NOTIFICATION });

  it.each([['is lost', false], ['is lost, though it was done', true]])('goes its way where the answer to `settle` %s', async (_, isDone) => {
    const { queue, dispatcher, done } = failing();
    const { settle: record } = queue;
    queue.settle = async (...args) => {
      queue.settle = record;
      if (isDone) await record.apply(queue, args);
      throw new Error('disk full');
    };
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(done.slice(-3)).toEqual(['settle m1 failed', 'relay n1 0', 'settle n1 delivered']);
  });

  /** A queue with `bounce`, whose first answer is lost. */
  const bouncing = (queue: Queue): void => {
    let lost = false;
    queue.bounce = async (id, recipients, at, notification, content) => {
      const queued = await queue.add(notification, content);
      await queue.settle(id, recipients, at);
      if (lost) return queued;
      lost = true;
      throw new Error('connection lost');
    };
  };

  it('goes its way where the answer to `bounce` is lost', async () => {
    const { queue, dispatcher, done } = failing();
    bouncing(queue);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(done).toEqual(['relay m1 0', 'settle m1 failed', 'relay n1 0', 'settle n1 delivered']);
  });

  it('goes its way where the answer to `bounce` is lost when it tells of a delay', async () => {
    const { queue, dispatcher, done } = stage(({ id }) => [id === 'm1' ? DEFERRED : DELIVERED], { notify: async () => NOTIFICATION });
    bouncing(queue);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(HOUR + 2 * MINUTE);
    expect(done.filter((what) => what.includes('n1'))).toEqual(['relay n1 0', 'settle n1 delivered']);
  });

  // found by reading: it stayed in the queue until the next start
  it.each(['is delivered', 'is removed'])('goes its way where the answer to `bounce` is lost when it tells of a delay, and the mail %s then', async (what) => {
    let outcome = DEFERRED;
    const { queue, dispatcher, done } = stage(({ id }) => [id === 'm1' ? outcome : DELIVERED], { notify: async () => NOTIFICATION });
    bouncing(queue);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(HOUR + MINUTE / 2);
    outcome = DELIVERED;
    if (what === 'is delivered') dispatcher.retry('m1');
    else await queue.settle('m1', [{ state: 'failed' }], 0);
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(done.filter((each) => each.includes('n1'))).toEqual(['relay n1 0', 'settle n1 delivered']);
  });
});

describe('mail that is delayed (RFC 3461 §5.2.5)', () => {
  it('is reported after it was let go, where the operator held it when it became late', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED]);
    const { mail } = queue;
    let held = true;
    queue.mail = (id) => {
      const found = mail.call(queue, id);
      return found === undefined ? undefined : { ...found, held };
    };
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect(done).toEqual([]);
    held = false;
    dispatcher.retry('m1');
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect(done.filter((what) => what.startsWith('notify'))).toEqual(['notify m1 0']);
  });

  it('is reported once, of those who still wait', async () => {
    const { queue, dispatcher, done, logged } = stage((_, recipients) => recipients.map((recipient) => (recipient === 1 ? DELIVERED : DEFERRED)));
    dispatcher.add(queue.put(TO_BOTH, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(4 * HOUR);
    expect(done.filter((what) => what.startsWith('notify'))).toEqual(['notify m1 0,2']);
    expect(logged.filter(([event]) => event === 'warned')).toEqual([['warned', { id: 'm1', to: '<bob@b.test>,<dave@b.test>', notification: 'n1' }]]);
    expect(queue.mail('m1')?.recipients.map(({ warned }) => warned)).toEqual([true, undefined, true]);
  });

  it('is reported only where the sender wants that, and has an address', async () => {
    const { queue, dispatcher, done } = stage(() => [DEFERRED], { schedule: { ...SCHEDULE, expireBounce: 5 * HOUR } });
    dispatcher.add(queue.put({ ...TO_BOB, id: 'm1', recipientParameters: [{ notify: ['FAILURE'] }] }, NOTHING));
    dispatcher.add(queue.put({ ...TO_BOB, id: 'm2', recipientParameters: [{ notify: ['DELAY'] }] }, NOTHING));
    dispatcher.add(queue.put({ ...mailOf('m3', '<>', '<bob@b.test>') }, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(4 * HOUR);
    expect(done.filter((what) => what.startsWith('notify'))).toEqual(['notify m2 0']);
  });

  it('is reported behind a destination that is dead, where nobody tries it', async () => {
    const { queue, dispatcher, done } = stage(() => [SILENT]);
    for (const id of ['m1', 'm2', 'm3', 'm4']) dispatcher.add(queue.put({ ...TO_BOB, id }, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(HOUR + MINUTE);
    expect(done.filter((what) => what.startsWith('notify')).sort()).toEqual(['notify m1 0', 'notify m2 0', 'notify m3 0', 'notify m4 0']);
  });

  // found by trying: a sender in a Maildir was told each minute
  it('is reported once where it cannot be recorded that it was', async () => {
    const { queue, dispatcher, done, logged } = stage(() => [DEFERRED]);
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    dispatcher.start();
    await settle();
    queue.broken = new Error('disk full');
    await vi.advanceTimersByTimeAsync(HOUR + 5 * MINUTE);
    queue.broken = undefined;
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(done.filter((what) => what.startsWith('notify'))).toEqual(['notify m1 0']);
    expect(logged.filter(([event]) => event === 'warned')).toHaveLength(1);
    expect(queue.mail('m1')?.recipients[0]).toMatchObject({ warned: true });
  });

  it('is reported again where that could not be recorded', async () => {
    let full = true;
    const { queue, dispatcher, done, logged } = stage(() => [DEFERRED], {
      async notify() {
        if (full) throw new Error('disk full');
        done.push('notify');
        return { id: 'n1' };
      },
    });
    dispatcher.add(queue.put(TO_BOB, NOTHING));
    dispatcher.start();
    await vi.advanceTimersByTimeAsync(HOUR + MINUTE / 2);
    expect(logged).toContainEqual(['error', { id: 'm1', text: 'disk full' }]);
    full = false;
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(done.filter((what) => what === 'notify')).toHaveLength(1);
  });
});

describe('mail that is passed on (RFC 3461 §5.2.2)', () => {
  it.each([
    ['SUCCESS is asked for, and the next host reports nothing', ['SUCCESS'], undefined, ['notify m1 0']],
    ['SUCCESS is asked for, and the next host reports itself', ['SUCCESS'], true, []],
    ['only failures are asked for', ['FAILURE'], undefined, []],
    ['nothing is asked for', undefined, undefined, []],
  ] as const)('is reported, or not, where %s', async (_, notify, dsn, expected) => {
    const { queue, dispatcher, done, logged } = stage(() => [{ ...DELIVERED, ...(dsn === undefined ? {} : { dsn }) }]);
    dispatcher.add(queue.put({ ...TO_BOB, recipientParameters: [notify === undefined ? {} : { notify }] }, NOTHING));
    await settle();
    expect(done.filter((what) => what.startsWith('notify'))).toEqual(expected);
    expect(logged.map(([event]) => event)).toEqual(expected.length > 0 ? ['delivered', 'reported', 'done'] : ['delivered', 'done']);
  });

  it('fails without a word where NOTIFY=NEVER', async () => {
    const { queue, dispatcher, done, logged } = stage(() => [FAILED]);
    dispatcher.add(queue.put({ ...TO_BOB, recipientParameters: [{ notify: [] }] }, NOTHING));
    await settle();
    expect(done).toEqual(['relay m1 0', 'settle m1 failed']);
    expect(logged.map(([event]) => event)).toEqual(['failed', 'undeliverable', 'done']);
  });
});
