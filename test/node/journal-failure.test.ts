import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/node/journal.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import { encodeFact, FORMAT_VERSION } from '../../src/relay/queue/fact.ts';
import { seal, secretOf } from '../../src/relay/queue/record.ts';
import { concat } from '../../src/wire/octet.ts';
import { inPieces } from '../support/content.ts';
import { contentOf, DEFERRED, DELIVERED, failing, LOG, mailTo, recovered, states, watched } from '../support/journal.ts';
import { randomOf } from '../support/random.ts';
import { SimDisk } from '../support/sim-disk.ts';
import { deferred, turns, until } from '../support/turn.ts';

describe('the journal, on a disk that fails', () => {
  it('acknowledges nothing after an error, and says so once', async () => {
    const told: string[] = [];
    const { journal, disk } = await watched({ failed: ({ message }) => told.push(message) });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    failing(disk, 'EIO', ({ type }) => type === 'sync');
    const results: PromiseSettledResult<unknown>[] = await Promise.allSettled([journal.add(mailTo('bob'), inPieces('y')), journal.add(mailTo('bob'), inPieces('z'))]);
    disk.before = () => undefined; // the disk is well again: it does not matter
    results.push(...(await Promise.allSettled([journal.add(mailTo('bob'), inPieces('y')), journal.settle(id, [DELIVERED], 0), journal.attempt(id, [0]), journal.checkpoint()])));
    const message = 'the queue has stopped, since the disk failed: EIO: no luck';
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.message : 'resolved'))).toEqual(results.map(() => message));
    expect(told).toEqual([message]);
    await journal.close();
  });

  it('does not have a mail either that was refused while its record was synced, since the disk failed elsewhere', async () => {
    const { journal, disk } = await watched({ inlineLimit: 10 });
    const gate = deferred();
    let waits = false;
    const sync = disk.sync.bind(disk);
    disk.sync = async (path) => {
      waits ||= path === LOG;
      if (path === LOG) await gate.promise;
      return sync(path);
    };
    const small = expect(journal.add(mailTo('bob'), inPieces('x'))).rejects.toThrow('the disk failed: EIO');
    await until(() => waits);
    failing(disk, 'EIO', ({ type, path }) => type === 'write' && path.startsWith('tmp/'));
    await expect(journal.add(mailTo('carol'), inPieces('x'.repeat(100)))).rejects.toThrow('the disk failed: EIO');
    await small;
    gate.resolve();
    await turns(20);
    expect([...journal.mails()]).toEqual([]);
  });

  // EFBIG found by running: under `ulimit -f` one large mail ended the relay with status 74, and again each time that it was tried
  it.each(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EFBIG'])('refuses one large mail when the disk is full, too many files are open, or none may be so large (%s), and goes on', async (code) => {
    const told: string[] = [];
    const { journal, disk } = await watched({ inlineLimit: 10, failed: ({ message }) => told.push(message) });
    failing(disk, code, ({ type, path, at = 0 }) => type === 'write' && path.startsWith('tmp/') && at > 50);
    await expect(journal.add(mailTo('bob'), inPieces(...Array.from({ length: 3 }, () => 'x'.repeat(300_000))))).rejects.toThrow(code);
    await journal.add(mailTo('bob'), inPieces('x'));
    expect(told).toEqual([]);
    expect([...journal.mails()].length).toBe(1);
    expect([...(await disk.list('msg')), ...(await disk.list('tmp'))]).toEqual([]);
  });

  it('acknowledges nothing more where the log may not be so large (EFBIG): it takes nothing any more, and the next start begins another segment', async () => {
    const told: string[] = [];
    const { journal, disk } = await watched({ failed: ({ message }) => told.push(message) });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    failing(disk, 'EFBIG', ({ type, path }) => type === 'write' && path === LOG);
    await expect(journal.add(mailTo('bob'), inPieces('y'.repeat(2000)))).rejects.toThrow('the queue has stopped, since the disk failed: EFBIG');
    expect(told).toHaveLength(1);
    const again = await Journal.on(disk.killed(), { delay: () => () => undefined });
    await again.add(mailTo('bob'), inPieces('z'));
    expect([...again.mails()].map((mail) => mail.id)).toContain(id);
  });

  it.each(['tmp/', 'journal/000002'])('breaks off a checkpoint when too many files are open for %s, and has another later', async (path) => {
    const told: string[] = [];
    const { journal, disk } = await watched({ carryLimit: 10, failed: ({ message }) => told.push(message) });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    failing(disk, 'EMFILE', (operation) => operation.type === 'write' && operation.path.startsWith(path));
    await expect(journal.checkpoint()).rejects.toThrow('EMFILE');
    disk.before = () => undefined;
    await journal.checkpoint();
    expect(await contentOf(journal, id)).toBe('x'.repeat(100));
    expect(told).toEqual([]);
  });

  it('leaves nothing of a checkpoint that was broken off to the segment after the next, where it would be older than what it stands behind', async () => {
    const { journal, disk } = await watched({ ahead: 0 });
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.push((await journal.add(mailTo('bob'), inPieces('x'.repeat(600)))).id);
    const [first = ''] = ids;
    const write = disk.write.bind(disk);
    const read = disk.read.bind(disk);
    const gate = deferred();
    let [reads, settled] = [0, false];
    disk.write = async (path, pieces, at) => {
      if (path === 'journal/000002.log' && at > 0 && !settled) {
        settled = true;
        await gate.promise;
      }
      return write(path, pieces, at);
    };
    disk.read = async (path, at, length) => {
      if (path !== LOG) return read(path, at, length);
      reads += 1;
      if (reads > 1) throw Object.assign(new Error('EMFILE: no luck'), { code: 'EMFILE' });
      journal.settle(first, [DELIVERED], 0).catch(() => undefined);
      await until(() => settled); // its record is being written, and not known yet
      return read(path, at, length);
    };
    const brokenOff = journal.checkpoint().then(() => 'done', ({ message }: Error) => message);
    const next = brokenOff.then(() => {
      Reflect.deleteProperty(disk, 'read');
      return journal.checkpoint();
    });
    await turns(20);
    gate.resolve();
    expect(await brokenOff).toBe('EMFILE: no luck');
    await next;
    await journal.flush();
    expect([...journal.mails()].map(({ id }) => id)).toEqual(ids.slice(1));
    const again = await Journal.on(disk.killed(), { delay: () => () => undefined });
    expect([...again.mails()].map(({ id }) => id)).toEqual(ids.slice(1));
  });

  it('drops no segment more when the disk has failed beside a checkpoint', async () => {
    const { journal, disk } = await watched({ carryLimit: 10, gather: (commit) => commit() });
    await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    failing(disk, 'ENOSPC', ({ path }) => path.startsWith('tmp/'));
    await expect(journal.checkpoint()).rejects.toThrow('ENOSPC');
    let added: Promise<unknown> | undefined;
    const late: string[] = [];
    disk.before = ({ type, path }) => {
      if (added !== undefined) late.push(`${type} ${path}`);
      if (added !== undefined && path === 'journal/000003.log') throw Object.assign(new Error('EIO: no luck'), { code: 'EIO' });
      if (path === LOG) added ??= journal.add(mailTo('bob'), inPieces('y')).catch(({ message }: Error) => message);
    };
    const syncFolder = disk.syncFolder.bind(disk);
    disk.syncFolder = async (folder) => {
      await syncFolder(folder);
      await added;
    };
    await expect(journal.checkpoint()).rejects.toThrow('the queue has stopped, since the disk failed: EIO: no luck');
    expect(await added).toContain('the queue has stopped');
    expect(late.toSorted()).toEqual(['syncFolder journal', 'write journal/000003.log']);
  });

  it('leaves no file of a large mail whose name could not be made durable', async () => {
    const { journal, disk } = await watched({ inlineLimit: 10 });
    failing(disk, 'ENOSPC', ({ type, path }) => type === 'syncFolder' && path === 'msg');
    await expect(journal.add(mailTo('bob'), inPieces('x'.repeat(100)))).rejects.toThrow('ENOSPC');
    expect([...(await disk.list('msg')), ...(await disk.list('tmp'))]).toEqual([]);
  });

  /** The disk is full: of a write behind `from` it takes so many octets, and says so. */
  const fill = (disk: SimDisk, path: string, octets: number, from = 0): void => {
    const write = disk.write.bind(disk);
    disk.write = async (each, pieces, at) => {
      if (!each.startsWith(path) || at < from) return write(each, pieces, at);
      if (octets > 0) await write(each, [concat(pieces).subarray(0, octets)], at);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
  };
  const empty = (disk: SimDisk): void => void Reflect.deleteProperty(disk, 'write');

  it.each([0, 1, 30, 150])('refuses what there is no room for, takes back the %i octets of it that were written, and goes on when there is room', async (octets) => {
    const told: string[] = [];
    const { journal, disk } = await watched({ ahead: 0, failed: ({ message }) => told.push(message) });
    const first = await journal.add(mailTo('bob'), inPieces('first'));
    const before = await disk.read(LOG);
    fill(disk, 'journal/', octets);
    const refused = await Promise.allSettled([journal.add(mailTo('bob'), inPieces('y')), journal.add(mailTo('bob'), inPieces('z')), journal.settle(first.id, [DEFERRED], 9), journal.attempt(first.id, [0])]);
    expect(refused.map((result) => (result.status === 'rejected' ? (result.reason as { readonly code: string }).code : 'done'))).toEqual(refused.map(() => 'ENOSPC'));
    expect(await disk.read(LOG)).toEqual(before);
    expect(journal.mail(first.id)?.nextAttempt).toBe(1000);
    empty(disk);
    const second = await journal.add(mailTo('bob'), inPieces('x'));
    await journal.settle(first.id, [DEFERRED], 9);
    expect(told).toEqual([]);
    for (const wreck of [disk.killed(), disk.powerless(randomOf(1), 1)]) {
      const again = await Journal.on(wreck, { delay: () => () => undefined });
      expect(again.report).toMatchObject({ torn: undefined, dead: [] });
      expect([...again.mails()].map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    }
  });

  it('takes it back for good: the power may go right behind that', async () => {
    const { journal, disk } = await watched({ ahead: 0 });
    const { id } = await journal.add(mailTo('bob'), inPieces('first'));
    fill(disk, 'journal/', 200);
    await Promise.allSettled([journal.add(mailTo('bob'), inPieces('y')), journal.add(mailTo('bob'), inPieces('z'))]);
    for (let seed = 1; seed <= 60; seed++) {
      const again = await Journal.on(disk.powerless(randomOf(seed), 0.5), { delay: () => () => undefined });
      expect([...again.mails()].map((mail) => mail.id)).toEqual([id]);
    }
  });

  it('would take what it has not taken back for decay', async () => {
    const { journal, disk } = await watched({ ahead: 0, perform: async (step, action) => (step === 'take back' ? undefined : action()) });
    const big = inPieces('y'.repeat(300));
    fill(disk, 'journal/', 200);
    await expect(journal.add(mailTo('bob'), big)).rejects.toThrow('ENOSPC');
    empty(disk);
    await journal.add(mailTo('bob'), inPieces('x'));
    disk.before = ({ type }) => {
      if (type === 'unlink') throw new Error('the power goes');
    };
    await expect(journal.checkpoint()).rejects.toThrow('the power goes');
    disk.before = () => undefined;
    const again = await Journal.on(disk.powerless(randomOf(1), 1), { delay: () => () => undefined });
    expect(again.report.dead).toHaveLength(1);
  });

  it('makes room for many small batches at a time, none for large ones, and takes no zeros for records', async () => {
    const { journal, disk } = await watched({ ahead: 1000 });
    const lengths: number[] = [];
    for (const size of [10, 10, 10, 400, 10]) {
      await journal.add(mailTo('bob'), inPieces('x'.repeat(size)));
      lengths.push((await disk.read(LOG)).length);
    }
    const [first = 0] = lengths;
    expect(first).toBeGreaterThan(1000);
    expect(lengths.slice(0, 4)).toEqual([first, first, first, first]);
    await journal.add(mailTo('bob'), inPieces('x'.repeat(500)));
    const used = (await disk.read(LOG)).length;
    expect(used).toBeGreaterThan(first);
    expect((await disk.read(LOG)).at(-1)).toBe(0x78);
    await journal.add(mailTo('bob'), inPieces('x'));
    expect((await disk.read(LOG)).length).toBeGreaterThan(used + 1000);
    for (const wreck of [disk.killed(), disk.powerless(randomOf(1), 1), disk.powerless(randomOf(1), 0)]) {
      const again = await Journal.on(wreck, { delay: () => () => undefined });
      expect(again.report).toMatchObject({ torn: undefined, dead: [] });
      expect([...again.mails()]).toHaveLength(7);
    }
  });

  it('goes without room ahead where the disk has none', async () => {
    const told: string[] = [];
    const { journal, disk } = await watched({ ahead: 1000, failed: ({ message }) => told.push(message) });
    const write = disk.write.bind(disk);
    disk.write = async (path, pieces, at) => {
      const octets = concat(pieces);
      await write(path, [octets.subarray(0, 900)], at);
      if (octets.length > 900) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    for (const size of [10, 20]) await journal.add(mailTo('bob'), inPieces('x'.repeat(size)));
    expect(told).toEqual([]);
    const again = await Journal.on(disk.killed(), { delay: () => () => undefined });
    expect(again.report).toMatchObject({ torn: undefined, dead: [] });
    expect([...again.mails()].map(({ size }) => size)).toEqual([10, 20]);
  });

  // found by running: somebody had removed the file of a mail that waited, and when its time was over the relay ended with status 74
  it('goes on where the content of a mail that is done with has gone already', async () => {
    const told: string[] = [];
    const { journal, disk } = await watched({ inlineLimit: 10, failed: ({ message }) => told.push(message) });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    await disk.unlink(`msg/${id}`);
    await journal.settle(id, [DELIVERED], 0);
    await journal.flush();
    await journal.add(mailTo('bob'), inPieces('y'));
    expect(told).toEqual([]);
  });

  it('leaves no file of a large mail for whose record there is no room', async () => {
    const { journal, disk } = await watched({ inlineLimit: 10 });
    fill(disk, 'journal/', 5);
    await expect(journal.add(mailTo('bob'), inPieces('x'.repeat(100)))).rejects.toThrow('ENOSPC');
    expect([...(await disk.list('msg')), ...(await disk.list('tmp'))]).toEqual([]);
  });

  it.each([['tmp/', 'copies', 10], ['journal/000002', 'the next segment', 10], ['journal/000002', 'what is carried along', 1000]])('breaks off a checkpoint when there is no room for %s (%s), keeps the old segments, and has another later', async (path, what, carryLimit) => {
    const told: string[] = [];
    const { journal, disk } = await watched({ carryLimit, failed: ({ message }) => told.push(message) });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    fill(disk, path, 3, what === 'what is carried along' ? 1 : 0);
    await expect(journal.checkpoint()).rejects.toThrow('ENOSPC');
    expect(await disk.list('journal')).toContain('000001.log');
    expect(await disk.list('tmp')).toEqual([]);
    empty(disk);
    const other = await journal.add(mailTo('bob'), inPieces('y'));
    const again = await Journal.on(disk.killed(), { delay: () => () => undefined });
    await again.checkpoint();
    expect([...again.mails()].map((mail) => mail.id).sort()).toEqual([id, other.id].sort());
    await journal.checkpoint();
    expect((await disk.list('journal')).length).toBe(1);
    expect(await contentOf(journal, id)).toBe('x'.repeat(100));
    expect(told).toEqual([]);
    await journal.close();
  });

  it('drops a segment that the last checkpoint had no room to see gone for good', async () => {
    const { journal, disk } = await watched();
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    let dropped = false;
    failing(disk, 'ENOSPC', ({ type, path }) => dropped || ((dropped = type === 'unlink' && path === LOG), false));
    await expect(journal.checkpoint()).rejects.toThrow('ENOSPC');
    disk.before = () => undefined;
    await journal.checkpoint();
    expect(await disk.list('journal')).toEqual(['000003.log']);
    expect(states(journal, id)).toEqual(['waiting']);
  });

  it('leaves no file of content that has been copied in vain, and is carried along later', async () => {
    const { journal, disk } = await watched({ carryLimit: 10 });
    const ids = [await journal.add(mailTo('bob'), inPieces('x'.repeat(100))), await journal.add(mailTo('bob'), inPieces('y'.repeat(100)))].map(({ id }) => id);
    failing(disk, 'ENOSPC', ({ type, path }) => type === 'write' && path === `tmp/${ids[1]}`);
    await expect(journal.checkpoint()).rejects.toThrow('ENOSPC');
    expect(await disk.list('msg')).toEqual(ids.slice(0, 1));
    const killed = disk.killed();
    const again = await Journal.on(killed, { carryLimit: 1000, delay: () => () => undefined });
    await again.checkpoint();
    expect(await killed.list('msg')).toEqual([]);
    expect(await contentOf(again, ids[0] ?? '')).toBe('x'.repeat(100));
  });

  it('closes while a checkpoint finds no room', async () => {
    const { journal, disk } = await watched({ carryLimit: 10 });
    await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    fill(disk, 'tmp/', 0);
    const checkpoint = journal.checkpoint().catch(() => undefined);
    await journal.close();
    await checkpoint;
  });

  it('closes where there is no room for the mark that it was closed, and gives the queue free', async () => {
    const disk = new SimDisk();
    let released = false;
    const journal = await Journal.on(disk, { ahead: 0, delay: () => () => undefined }, async () => void (released = true));
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    fill(disk, 'journal/', 3);
    await journal.close();
    empty(disk);
    expect(released).toBe(true);
    const again = await Journal.on(disk.powerless(randomOf(1), 0), { delay: () => () => undefined });
    expect(again.report).toMatchObject({ torn: undefined, dead: [] });
    expect([...again.mails()].map((mail) => mail.id)).toEqual([id]);
  });

  it.each([0, 3])('takes no torn end for decay behind which a segment of %i octets was begun in vain', async (octets) => {
    const { journal, disk } = await watched({ ahead: 0 });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    fill(disk, 'journal/000002', octets);
    await expect(journal.checkpoint()).rejects.toThrow('ENOSPC');
    empty(disk);
    await disk.write('journal/000002.log', [], 0); // the system has made the file, and then had no room
    const torn = new Promise<SimDisk>((resolve) => {
      disk.before = (operation) => (operation.type === 'write' ? resolve(disk.killed(operation, 50)) : undefined);
    });
    await journal.add(mailTo('carol'), inPieces('y'.repeat(100)));
    const wreck = await torn;
    const again = await Journal.on(wreck, { delay: () => () => undefined });
    expect(again.report).toMatchObject({ torn: { name: '1.torn', octets: 50 }, dead: [] });
    expect([...again.mails()].map((mail) => mail.id)).toEqual([id]);
  });

  // found by running: a relay that was started every five seconds for a day on a full disk left 17,280, which took the next start 6.5 s
  it('leaves no segment behind that it could not begin', async () => {
    const { journal, disk } = await watched({ ahead: 0 });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    await journal.close();
    fill(disk, 'journal/', 3);
    for (let start = 0; start < 3; start++) await expect(Journal.on(disk, { delay: () => () => undefined })).rejects.toThrow('ENOSPC');
    expect(await disk.list('journal')).toEqual(['000001.log']);
    empty(disk);
    expect([...(await Journal.on(disk, { delay: () => () => undefined })).mails()].map((mail) => mail.id)).toEqual([id]);
  });

  it('takes the end of the last segment that was begun for torn, and the beginning of the next, whatever their numbers', async () => {
    const disk = new SimDisk();
    await recovered(disk); // makes its FORMAT
    for (const [segment, length, more] of [[200, 23, 10], [201, 5, 0]] as const) {
      const draft = encodeFact({ type: 'SEG', version: FORMAT_VERSION, segment }, crc32);
      seal(draft, { secret: secretOf(0, segment), sequence: 0, watermark: 0 }, crc32);
      await disk.write(`journal/000${segment}.log`, [draft.octets.subarray(0, length), new Uint8Array(more).fill(1)], 0);
    }
    expect((await recovered(disk)).report).toMatchObject({ torn: { name: '200.torn', octets: 10 }, dead: [] });
    expect((await disk.list('dead')).toSorted()).toEqual(['200.torn', '201.torn']);
  });

  it('makes durable what it has read in front of a segment that was begun in vain', async () => {
    const { journal, disk } = await watched({ ahead: 0, inlineLimit: 10 });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    fill(disk, 'journal/000002', 0);
    await expect(journal.checkpoint()).rejects.toThrow('ENOSPC');
    empty(disk);
    await disk.write('journal/000002.log', [], 0);
    await journal.settle(id, [DELIVERED], 0); // written; the process dies before it is synced
    const killed = disk.killed();
    await Journal.on(killed, { delay: () => () => undefined, idle: true });
    const again = await Journal.on(killed.powerless(randomOf(1), 0), { delay: () => () => undefined, idle: true });
    expect(again.report.dead).toEqual([]);
    expect([...again.mails()]).toEqual([]);
  });
});
