import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/node/journal.ts';
import { SharedDisk } from '../../src/node/shared-disk.ts';
import type { RecipientState } from '../../src/relay/queue/port.ts';
import { concat, EMPTY } from '../../src/wire/octet.ts';
import { inPieces } from '../support/content.ts';
import { DEFERRED, DELIVERED, FAILED, mailTo, watched } from '../support/journal.ts';
import { SimDisk } from '../support/sim-disk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { deferred, turns, until } from '../support/turn.ts';

/** A disk that is shared, and counts how often it was asked what the others need. */
class WatchedDisk extends SharedDisk {
  answers = 0;

  override async othersNeed(): Promise<number> {
    const octets = await super.othersNeed();
    this.answers += 1;
    return octets;
  }
}

describe('the journal, where there must be room', () => {
  // shows RFC5321:6.1-2
  it('has room for a mail only above the floor', async () => {
    const disk = new SimDisk();
    disk.free = async () => 1000;
    const journal = await Journal.on(disk, { floor: 600, delay: () => () => undefined });
    expect([100, 399, 400].map((octets) => journal.roomFor(octets))).toEqual([true, true, false]);
  });

  it('has room for a mail only where memory has room for what is known of all that wait', async () => {
    const disk = new SimDisk();
    const options = { memory: 100_000, delay: () => () => undefined };
    const journal = await Journal.on(disk, options);
    const many = Array.from({ length: 20 }, (_, index) => `b${index}`);
    const ids: string[] = [];
    while (ids.length < 100 && journal.roomFor(10)) ids.push((await journal.add(mailTo(...many), inPieces('x'))).id);
    expect(ids.length).toBeGreaterThan(1);
    expect(ids.length).toBeLessThan(6); // a kilobyte for each recipient, at least
    const [first = '', ...others] = ids;
    await journal.settle(first, many.map(() => DELIVERED), 0);
    await journal.flush();
    expect(journal.roomFor(10)).toBe(true);
    const reply = { code: 450, enhanced: undefined, lines: ['l'.repeat(480)] } as const;
    for (const id of others) await journal.settle(id, many.map(() => ({ state: 'waiting', reply, host: 'mx.peer.test' })), 0);
    await journal.flush();
    expect(journal.roomFor(10)).toBe(false);
    await journal.close();
    expect((await Journal.on(disk, options)).roomFor(10)).toBe(false);
  });

  it.each([['memory', 100_000, 10_000_000], ['the disk', Infinity, 100_000]])('keeps the beginning alone of what hosts say, where all that wait leave no room in %s', async (_, memory, free) => {
    const disk = new SimDisk();
    disk.free = async () => free;
    const journal = await Journal.on(disk, { memory, floor: 60_000, delay: () => () => undefined });
    const ids: string[] = [];
    while (ids.length < 1_000 && journal.roomFor(10)) ids.push((await journal.add(mailTo('bob'), inPieces('x'))).id);
    const wordy: RecipientState = { ...DEFERRED, reply: { code: 450, enhanced: '4.2.0', lines: Array.from({ length: 10 }, () => 'busy '.repeat(96)) } };
    for (const id of ids) await journal.settle(id, [wordy], 0);
    await journal.flush();
    const said = [...journal.mails()].map(({ recipients: [state] }) => state?.reply?.lines.join('') ?? '');
    expect(said.join('').length).toBeLessThan(50_000);
    expect(new Set(said.map((text) => text.slice(0, 30)))).toEqual(new Set(['busy '.repeat(6)]));
    await journal.close();
  });

  /** A disk of so many octets. */
  function limited(capacity: number): SimDisk {
    const disk = new SimDisk();
    const free = async (): Promise<number> => {
      const paths = (await Promise.all(['journal', 'msg'].map(async (each) => (await disk.list(each)).map((name) => `${each}/${name}`)))).flat();
      return (await Promise.all(paths.map((path) => disk.read(path)))).reduce((left, { length }) => left - length, capacity);
    };
    const write = disk.write.bind(disk);
    disk.free = free;
    disk.write = async (path, pieces, at) => {
      const known = await disk.read(path).catch(() => EMPTY);
      if ((await free()) < at + concat(pieces).length - known.length) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      return write(path, pieces, at);
    };
    return disk;
  }

  it('has room for a mail only where a checkpoint finds room for all that waits', async () => {
    const disk = limited(30_000);
    let now = 0;
    const journal = await Journal.on(disk, { floor: 4000, ahead: 0, segmentSize: 100_000, delay: () => () => undefined, now: () => now });
    const roomFor = async (octets: number): Promise<boolean> => {
      now += 2000;
      journal.roomFor(octets);
      await turns(3);
      return journal.roomFor(octets);
    };
    let taken = 0;
    for (; await roomFor(200); taken++) await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
    expect(taken).toBeGreaterThan(30);
    await journal.checkpoint();
    expect((await disk.list('journal')).length).toBe(1);
    expect(await roomFor(200)).toBe(false);
    for (const { id } of journal.mails()) await journal.settle(id, [DELIVERED], 0);
    await journal.checkpoint();
    expect(await roomFor(200)).toBe(true);
  });

  it('has room for a mail only where a checkpoint finds room for each of its recipients', async () => {
    const disk = limited(300_000);
    let now = 0;
    const journal = await Journal.on(disk, { floor: 20_000, ahead: 0, segmentSize: 1_000_000, delay: () => () => undefined, now: () => now });
    const many = Array.from({ length: 50 }, (_, index) => `b${index}`);
    for (; journal.roomFor(10); now += 2000, await turns(3)) await journal.settle((await journal.add(mailTo(...many), inPieces('x'))).id, many.map(() => DEFERRED), 0);
    await journal.checkpoint();
    expect((await disk.list('journal')).length).toBe(1);
    expect(await disk.free()).toBeGreaterThan(20_000);
  });

  it('breaks off a checkpoint that writes more than was thought, and leaves room for outcomes', async () => {
    const disk = limited(40_000);
    const journal = await Journal.on(disk, { floor: 8000, ahead: 0, segmentSize: 100_000, delay: () => () => undefined, now: () => 0 });
    const wordy: RecipientState = { ...DEFERRED, reply: { code: 450, enhanced: '4.2.0', lines: Array.from({ length: 10 }, () => 'x'.repeat(480)) } };
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    for (let count = 0; count < 4; count++) await journal.settle((await journal.add(mailTo('bob'), inPieces('x'))).id, [wordy], 0);
    await disk.write('msg/alien', [new Uint8Array((await disk.free()) - 8100)], 0); // others write to the disk too
    await expect(journal.checkpoint()).rejects.toThrow('no room for a checkpoint');
    expect(await disk.free()).toBeGreaterThan(1000);
    await journal.settle(id, [DELIVERED], 0);
    await journal.close();
    const again = await Journal.on(disk, { floor: 8000, ahead: 0, delay: () => () => undefined, idle: true });
    expect([...again.mails()].length).toBe(4);
  });

  it('breaks off a checkpoint when another queue takes the room meanwhile, and leaves room for outcomes', async () => {
    const disk = limited(150_000);
    const journal = await Journal.on(disk, { floor: 8000, ahead: 0, segmentSize: 1_000_000, delay: () => () => undefined, now: () => 0 });
    await journal.checkpoint(); // that of the start
    for (let count = 0; count < 150; count++) await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
    const write = disk.write.bind(disk);
    disk.write = async (path, pieces, at) => {
      await write(path, pieces, at);
      if (path !== 'journal/000002.log' || at < 5000) return;
      disk.write = write;
      await write('msg/alien', [new Uint8Array((await disk.free()) - 6000)], 0);
    };
    await expect(journal.checkpoint()).rejects.toThrow('no room for a checkpoint');
    expect(await disk.free()).toBeGreaterThan(3000);
    expect((await disk.list('journal')).length).toBe(2);
  });

  it.each([['small', 1_000_000, 2], ['large', 1000, 3]])('takes no mail out of the floor, whatever has come since it looked: %s content', async (_, inlineLimit, most) => {
    const disk = new SimDisk();
    disk.free = async () => 1_000_000;
    const journal = await Journal.on(disk, { floor: 600_000, inlineLimit, delay: () => () => undefined, now: () => 0 });
    await journal.checkpoint(); // that of the start
    disk.free = () => new Promise(() => undefined); // it takes long to tell
    let taken = 0;
    for (; taken < 5; taken++) {
      const added = await journal.add(mailTo('bob'), inPieces('x'.repeat(50_000), 'x'.repeat(50_000))).catch((error: unknown) => error);
      if (!(added instanceof Error)) continue;
      expect(added).toMatchObject({ code: 'ENOSPC', message: 'there is no room for the mail' });
      break;
    }
    expect(taken).toBe(most); // of small content a checkpoint would take as much again
    expect(await disk.list('tmp')).toEqual([]);
    const [{ id } = { id: '' }] = journal.mails();
    await journal.bounce(id, [FAILED], 0, mailTo('alice'), inPieces('x'.repeat(200_000))); // that is what it is for
    await journal.close();
  });

  it('takes no mail that would make a segment larger than a start can read, and has a checkpoint before that', async () => {
    const { journal, disk, operations } = await watched({ segmentSize: 2000, segmentMost: 12_000, floor: 0, carryLimit: 10, ahead: 0, gather: (commit) => commit() });
    const finish = deferred();
    const sync = disk.sync.bind(disk);
    disk.sync = async (path) => {
      if (path.startsWith('tmp/')) await finish.promise; // copies that take long
      return sync(path);
    };
    let largest = 0;
    for (let count = 0; count < 200 && journal.roomFor(200); count++) {
      await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
      largest = Math.max(largest, (await disk.read(`journal/${(await disk.list('journal')).at(-1)}`)).length);
    }
    expect(journal.roomFor(200)).toBe(false);
    expect(largest).toBeGreaterThan(11_000);
    expect(largest).toBeLessThan(13_000);
    finish.resolve();
    await journal.checkpoint();
    await turns(20);
    await journal.checkpoint();
    expect(journal.roomFor(200)).toBe(true);
    expect(operations.filter((each) => each.startsWith('unlink journal/')).length).toBeGreaterThan(1);
  });

  it('asks again for the room there is when it has claimed a part of the floor: others have, too', async () => {
    const disk = new SimDisk();
    let free = 1_000_000;
    disk.free = async () => free;
    const journal = await Journal.on(disk, { floor: 160_000, delay: () => () => undefined, now: () => 0 });
    await journal.checkpoint(); // that of the start
    free = 100_000;
    for (let count = 0; count < 11; count++) {
      expect(journal.roomFor(1)).toBe(true);
      await journal.add(mailTo('bob'), inPieces('x'.repeat(1000)));
    }
    journal.roomFor(1);
    await turns(3);
    expect(journal.roomFor(1)).toBe(false);
  });

  // found by running: two workers, each of which had found room for a checkpoint of its own mail, began with one together, and neither
  // came to its end; all new mail was refused until a third of what waited had gone
  it.each([['together', [[0, 1]]], ['one after the other', [[0], [1]]]] as const)('leaves room for the checkpoint of each queue on a disk, where they are filled %s, and has one when the others have none', async (_, filled) => {
    using folder = temporaryDirectory();
    for (const name of ['1', '2', 'turns']) mkdirSync(join(folder.path, name));
    const disks = [limited(100_000), limited(100_000)];
    const own = disks.map((disk) => disk.free);
    for (const disk of disks) disk.free = async () => (await Promise.all(own.map((free) => free()))).reduce((sum, free) => sum + free) - 100_000;
    let now = 0;
    let shared: WatchedDisk[] = [];
    const open = (): Promise<readonly Journal[]> => {
      shared = disks.map((_, index) => {
        const [mine = '', other = ''] = (index === 0 ? ['1', '2'] : ['2', '1']).map((name) => join(folder.path, name));
        return new WatchedDisk(mine, [other], join(folder.path, 'turns'), 100);
      });
      return Promise.all(disks.map((disk, index) => Journal.on(disk, { floor: 4000, ahead: 0, segmentSize: 1_000_000, carryLimit: 1000, delay: () => () => undefined, now: () => now, shared: shared[index] })));
    };
    const room = async (of: readonly Journal[]): Promise<readonly boolean[]> => {
      now += 2000;
      for (const disk of shared) await disk.close(); // the others have been told
      const before = shared.map(({ answers }) => answers);
      for (const journal of of) journal.roomFor(200);
      await until(() => shared.every(({ answers }, index) => answers > (before[index] ?? 0)));
      return of.map((journal) => journal.roomFor(200));
    };
    const journals = await open();
    await Promise.all(journals.map((journal) => journal.checkpoint()));
    let taken = 0;
    for (const indices of filled) {
      for (let there = await room(journals); indices.some((index) => there[index]); there = await room(journals)) {
        for (const index of indices) {
          if (!there[index]) continue;
          await journals[index]?.add(mailTo('bob'), inPieces('x'.repeat(200)));
          taken++;
        }
      }
    }
    expect(taken).toBeGreaterThan(100);
    for (const journal of journals) await journal.close();
    const again = await open();
    await Promise.all(again.map((journal) => journal.checkpoint()));
    expect(await Promise.all(disks.map(async (disk) => (await disk.list('journal')).length))).toEqual([1, 1]);
    for (const journal of again) for (const { id } of [...journal.mails()].slice(0, 20)) await journal.settle(id, [DELIVERED], 0);
    for (const journal of again) await journal.checkpoint();
    expect(await room(again)).toEqual([true, true]);
    for (const journal of again) await journal.close();
  });

  it('tells the others on the disk that a checkpoint has made the next one small, though no outcome of a mail follows', async () => {
    using directory = temporaryDirectory();
    using other = temporaryDirectory();
    const shared = new SharedDisk(directory.path, [], other.path, 1000);
    const journal = await Journal.open(directory.path, { shared });
    await journal.checkpoint(); // that of the start
    await journal.add(mailTo('bob'), inPieces('x'.repeat(100_000)));
    await shared.close(); // the others have been told
    expect(Number(readFileSync(join(directory.path, 'need'), 'utf8'))).toBeGreaterThan(100_000);
    await journal.checkpoint(); // has given it a file of its own
    await shared.close();
    expect(Number(readFileSync(join(directory.path, 'need'), 'utf8'))).toBeLessThan(1000);
    await journal.close();
  });

  it('takes mail again when enough of what makes a segment that large has been removed', async () => {
    const { journal, disk } = await watched({ segmentSize: 64_000, segmentMost: 12_000, floor: 0, ahead: 0 });
    await journal.checkpoint(); // that of the start
    const many = Array.from({ length: 50 }, (_, index) => `somebody.with.a.name.${index}`);
    const ids: string[] = [];
    while (journal.roomFor(1)) ids.push((await journal.add(mailTo(...many), inPieces('x'))).id);
    await journal.checkpoint();
    expect(journal.roomFor(1)).toBe(false);
    for (const id of ids.slice(1, 3)) await journal.remove(id);
    expect(journal.roomFor(1)).toBe(false); // so there is to be some
    await turns(20);
    expect(await disk.list('journal')).toHaveLength(1);
    expect(journal.roomFor(1)).toBe(true);
  });

  it.each([['carries along', 200], ['would copy', 10]])('begins nothing that would take the room in which outcomes are written, where it %s what waits, and has a checkpoint when that is done with', async (_, carryLimit) => {
    const disk = limited(40_000);
    const journal = await Journal.on(disk, { carryLimit, floor: 4000, ahead: 0, segmentSize: 200_000, delay: () => () => undefined, now: () => 0 });
    await journal.checkpoint(); // that of the start
    const ids: string[] = [];
    for (let count = 0; count < 40; count++) ids.push((await journal.add(mailTo('bob'), inPieces('x'.repeat(200)))).id);
    await disk.write('msg/alien', [new Uint8Array((await disk.free()) - 4100)], 0); // others write to the disk too
    await expect(journal.checkpoint()).rejects.toThrow('no room for a checkpoint');
    expect(await disk.free()).toBeGreaterThan(4000);
    for (const id of ids) await journal.settle(id, [DELIVERED], 0);
    await journal.flush();
    expect(journal.roomFor(200)).toBe(false); // so there is to be some
    await turns(20);
    expect((await disk.list('journal')).length).toBe(1);
    expect(await disk.free()).toBeGreaterThan(12_000);
  });

  it.each([2_000, -3_600_000])('asks again for the room there is when the clock has gone by %d ms', async (by) => {
    const disk = new SimDisk();
    let [now, free] = [10_000_000, 1000];
    disk.free = async () => free;
    const journal = await Journal.on(disk, { floor: 600, delay: () => () => undefined, now: () => now });
    free = 0;
    expect(journal.roomFor(1)).toBe(true); // known a moment ago
    now += by;
    journal.roomFor(1);
    await turns(3);
    expect(journal.roomFor(1)).toBe(false);
  });
});
