import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FileDisk, writeAll } from '../../src/node/disk.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { Journal, type JournalOptions } from '../../src/node/journal.ts';
import { recover, type Recovered } from '../../src/node/recovery.ts';
import { SharedDisk } from '../../src/node/shared-disk.ts';
import { Book } from '../../src/relay/queue/book.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import type { MailParameters, RecipientParameters } from '../../src/protocol/mail.ts';
import { encodeFact, FORMAT_VERSION } from '../../src/relay/queue/fact.ts';
import type { NewMail, RecipientState } from '../../src/relay/queue/port.ts';
import { seal, secretOf } from '../../src/relay/queue/record.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { decodeBase64 } from '../../src/wire/base64.ts';
import { concat, EMPTY, equal } from '../../src/wire/octet.ts';
import { inPieces, textOf } from '../support/content.ts';
import { mailOf } from '../support/memory-queue.ts';
import { randomOf } from '../support/random.ts';
import { SimDisk, type Operation } from '../support/sim-disk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { deferred, turns, until } from '../support/turn.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A disk that is shared, and counts how often it was asked what the others need. */
class WatchedDisk extends SharedDisk {
  answers = 0;

  override async othersNeed(): Promise<number> {
    const octets = await super.othersNeed();
    this.answers += 1;
    return octets;
  }
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ehlo-journal-'));
  folders.push(path);
  return path;
}

function mailTo(...recipients: readonly string[]): NewMail {
  return mailOf(undefined, '<alice@sender.test>', ...recipients.map((each) => `<${each}@peer.test>`));
}

const recovered = (disk: SimDisk): Promise<Recovered> => recover({ disk, checksum: crc32, perform: (_, action) => action(), random: () => 0 });
const contentOf = (journal: Journal, id: string): Promise<string> => textOf(journal.content(id));
const states = (journal: Journal, id: string): readonly string[] => journal.mail(id)?.recipients.map(({ state }) => state) ?? [];
const DELIVERED: RecipientState = { state: 'delivered' };
const DEFERRED: RecipientState = { state: 'waiting', reply: { code: 450, enhanced: '4.2.0', lines: ['later'] }, host: 'mx.peer.test' };
const FAILED: RecipientState = { state: 'failed', reply: { code: 550, enhanced: undefined, lines: ['no'] } };

/** A segment as version 1 wrote it, under the secret 12345678: SEG, the ENQ of m1 with the content "x", its RES. */
const FIRST_VERSION =
  'ux0BAAAAAAIAAAAAAAAAAA0Tm6kBAbsdAgAAAAAsAAAAAQAAAAAonphwAm0x6AcTPGFsaWNlQHNlbmRlci50ZXN0PgEPPGJvYkBwZWVyLnRlc3Q+' +
  'AHi7HQMAAAAAJAAAAAIAAAAAV3/wUwJtMQEHAQAADG14LnBlZXIudGVzdMIDBTQuMi4wAQVsYXRlcg==';

describe('the journal in a directory', () => {
  // shows RFC5321:4.5.2-6 RFC5321:4.5.4.1-2
  it('gives back what it took, in the process and after the next start', async () => {
    const directory = folder();
    let journal = await Journal.open(directory);
    const { id } = await journal.add(mailTo('bob', 'carol'), inPieces('Subject: x\r\n', '\r\n', 'hello\r\n'));
    await journal.settle(id, [DELIVERED, DEFERRED], 77);
    const before = journal.mail(id);
    await journal.close();
    journal = await Journal.open(directory);
    expect(journal.mail(id)).toMatchObject({ id, size: 21, eightBit: false, nextAttempt: 77, held: false, recipients: [DELIVERED, DEFERRED] });
    expect(journal.mail(id)?.reversePath).toEqual(before?.reversePath);
    expect(journal.mail(id)?.forwardPaths).toEqual(mailTo('bob', 'carol').forwardPaths);
    expect(await contentOf(journal, id)).toBe('Subject: x\r\n\r\nhello\r\n');
    await journal.close();
  });

  it('gives large content a file of its own, and removes it with the last recipient', async () => {
    const directory = folder();
    let journal = await Journal.open(directory);
    const { id, size } = await journal.add(mailTo('bob'), inPieces(...Array.from({ length: 400 }, (_, index) => `${index}`.padEnd(1000, '.'))));
    expect(size).toBe(400_000);
    expect(readdirSync(join(directory, 'msg'))).toEqual([id]);
    await journal.close();
    journal = await Journal.open(directory);
    expect((await contentOf(journal, id)).length).toBe(400_000);
    await journal.settle(id, [DELIVERED], 0);
    await journal.flush();
    expect(readdirSync(join(directory, 'msg'))).toEqual([]);
    expect([...journal.mails()]).toEqual([]);
    await journal.close();
  });

  it('has one segment after a checkpoint, and what waits in files that can be looked at, where it is larger than what is carried along', async () => {
    const directory = folder();
    const journal = await Journal.open(directory, { carryLimit: 4 });
    const ids = await Promise.all(['one', 'two', 'three'].map(async (text) => (await journal.add(mailTo('bob'), inPieces(`${text}\r\n`))).id));
    await journal.settle(ids[1] ?? '', [DELIVERED], 0);
    await journal.checkpoint();
    expect(readdirSync(join(directory, 'journal')).length).toBe(1);
    expect(readdirSync(join(directory, 'msg')).sort()).toEqual([ids[0], ids[2]].sort());
    expect(decodeLatin1(readFileSync(join(directory, 'msg', ids[2] ?? '')))).toMatch(/<alice@sender\.test>[^]*<bob@peer\.test>[^]*three\r\n$/);
    expect(await contentOf(journal, ids[2] ?? '')).toBe('three\r\n');
    await journal.close();
  });

  it('carries small content, and what has become of its mail, from segment to segment, checkpoint for checkpoint and start for start', async () => {
    const directory = folder();
    let journal = await Journal.open(directory, { ahead: 0 });
    await journal.checkpoint(); // that of the start, which knows nothing of what comes meanwhile
    const sizes = [0, 1, 100, 32_768, 32_769];
    const ids = await Promise.all(sizes.map(async (size) => (await journal.add(mailTo('bob', 'carol'), inPieces('x'.repeat(size)))).id));
    for (const id of ids) await journal.settle(id, [DELIVERED, DEFERRED], 7);
    for (let start = 0; start < 3; start++) {
      await journal.checkpoint();
      expect(readdirSync(join(directory, 'journal')).length).toBe(1);
      expect(readdirSync(join(directory, 'msg'))).toEqual(ids.slice(-1));
      for (const [index, id] of ids.entries()) {
        expect(journal.mail(id)).toMatchObject({ size: sizes[index], nextAttempt: 7, recipients: [{ state: 'delivered' }, DEFERRED] });
        expect(await contentOf(journal, id)).toBe('x'.repeat(sizes[index] ?? 0));
      }
      await journal.close();
      journal = await Journal.open(directory, { ahead: 0 });
    }
    await journal.checkpoint(); // that of the start
    for (const id of ids) await journal.settle(id, [DELIVERED, DELIVERED], 0);
    await journal.checkpoint();
    await journal.close();
    expect(readdirSync(join(directory, 'msg'))).toEqual([]);
    expect(statSync(join(directory, 'journal', readdirSync(join(directory, 'journal'))[0] ?? '')).size).toBeLessThan(1000);
  });

  it('is opened by one process at a time', async () => {
    const directory = folder();
    const journal = await Journal.open(directory);
    const closing = vi.spyOn(FileDisk.prototype, 'close');
    await expect(Journal.open(directory)).rejects.toThrow('another process has this queue open');
    expect(closing).toHaveBeenCalledOnce(); // found by running: a relay that waited for its queue tried fifty times, and kept five descriptors of each
    closing.mockRestore();
    await journal.close();
    await (await Journal.open(directory)).close();
  });

  it.each([
    ['ehlo-queue 4 00000000\n', 'the queue has the format "ehlo-queue 4 00000000", this version reads "ehlo-queue 1" to "ehlo-queue 3"'],
    ['ehlo-queue 0 00000000\n', 'the queue has the format "ehlo-queue 0 00000000", this version reads "ehlo-queue 1" to "ehlo-queue 3"'],
    ['ehlo-files 1\n', 'the queue has the format "ehlo-files 1", this version reads "ehlo-queue 1" to "ehlo-queue 3"'],
    ['', 'the queue has the format "", this version reads "ehlo-queue 1" to "ehlo-queue 3"'],
  ])('is not opened where its format is another: %j', async (format, message) => {
    const directory = folder();
    await (await Journal.open(directory)).close();
    writeFileSync(join(directory, 'FORMAT'), format);
    await expect(Journal.open(directory)).rejects.toThrow(message);
  });

  it('is not opened where a newer version has written to it', async () => {
    const directory = folder();
    await (await Journal.open(directory)).close();
    const secret = parseInt(readFileSync(join(directory, 'FORMAT'), 'utf8').slice(-9), 16);
    const draft = encodeFact({ type: 'SEG', version: 4, segment: 9 }, crc32);
    seal(draft, { secret: secretOf(secret, 9), sequence: 0, watermark: 0 }, crc32);
    const disk = await FileDisk.open(directory);
    await disk.write('journal/000009.log', [draft.octets], 0);
    await disk.close();
    await expect(Journal.open(directory)).rejects.toThrow('the queue has the format "ehlo-queue 4", this version reads "ehlo-queue 1" to "ehlo-queue 3"');
  });

  // shows RFC8689:4.1-1
  it('gives back what MAIL and RCPT asked for, of small mail and large, after a start and after a checkpoint', async () => {
    const directory = folder();
    const parameters: MailParameters = { body: '8BITMIME', smtpUtf8: true, auth: 'alice+x@sender.test', ret: 'HDRS', envelopeId: 'a + b', requireTls: true };
    const recipientParameters: readonly RecipientParameters[] = [{}, { notify: [], originalRecipient: { type: 'rfc822', address: 'Bob+x@peer.test' } }, { notify: ['SUCCESS', 'DELAY'] }];
    let journal = await Journal.open(directory, { inlineLimit: 100, carryLimit: 5 });
    for (const [id, size] of [['small', 10], ['large', 1000]] as const) await journal.add({ ...mailTo('bob', 'carol', 'dave'), id, parameters, recipientParameters }, inPieces('x'.repeat(size)));
    await journal.add({ ...mailTo('bob'), id: 'plain', parameters: { size: 5 }, recipientParameters: [{}] }, inPieces('x'));
    for (let start = 0; start < 3; start++) {
      for (const id of ['small', 'large']) expect(journal.mail(id)).toMatchObject({ parameters, recipientParameters });
      expect(journal.mail('plain')).toMatchObject({ parameters: {}, recipientParameters: [{}] });
      expect((await contentOf(journal, 'small')).length + (await contentOf(journal, 'large')).length).toBe(1010);
      await journal.close();
      journal = await Journal.open(directory, { carryLimit: 5 });
      await journal.checkpoint();
    }
    expect(readdirSync(join(directory, 'msg')).sort()).toEqual(['large', 'small']);
    expect(decodeLatin1(readFileSync(join(directory, 'msg', 'small')))).toContain('BODY=8BITMIME AUTH=alice+2Bx@sender.test SMTPUTF8 RET=HDRS ENVID=a+20+2B+20b REQUIRETLS');
    await journal.close();
  });

  it('reads what the first version wrote, and says in its next segment that it is of this one', async () => {
    const directory = folder();
    const disk = await FileDisk.open(directory);
    await disk.write('FORMAT', [encodeAscii('ehlo-queue 1 12345678\n')], 0);
    await disk.write(LOG, [decodeBase64(FIRST_VERSION) ?? EMPTY], 0);
    await disk.close();
    const journal = await Journal.open(directory);
    expect(journal.mail('m1')).toMatchObject({ nextAttempt: 7, recipients: [DEFERRED], parameters: {} });
    expect(await contentOf(journal, 'm1')).toBe('x');
    await journal.checkpoint();
    await journal.close();
    expect(readFileSync(join(directory, 'FORMAT'), 'utf8')).toBe('ehlo-queue 1 12345678\n');
    expect([...readFileSync(join(directory, 'journal', '000002.log')).subarray(20, 22)]).toEqual([FORMAT_VERSION, 2]);
  });

  it('is not made in a folder that holds other things, and touches none of them', async () => {
    const directory = folder();
    mkdirSync(join(directory, 'tmp'));
    writeFileSync(join(directory, 'tmp', 'precious'), '');
    for (const name of ['a.txt', 'b.txt', 'c.txt']) writeFileSync(join(directory, name), '');
    await expect(Journal.open(directory)).rejects.toThrow(/^it holds \S+, \S+ and 1 more, and no queue: a queue wants a folder of its own$/);
    expect(readdirSync(directory).sort()).toEqual(['a.txt', 'b.txt', 'c.txt', 'tmp']);
    expect(readdirSync(join(directory, 'tmp'))).toEqual(['precious']);
  });

  it('is made where a first start has died that had made all but its FORMAT', async () => {
    const directory = folder();
    const shared = new SharedDisk(directory, [], directory, 1);
    const journal = await Journal.open(directory, { shared });
    shared.tell(100);
    await journal.close();
    unlinkSync(join(directory, 'FORMAT'));
    for (const name of readdirSync(join(directory, 'journal'))) unlinkSync(join(directory, 'journal', name));
    expect(readdirSync(directory).sort()).toEqual(['dead', 'journal', 'lock.key', 'msg', 'need', 'tmp']);
    await (await Journal.open(directory)).close();
  });

  it('is not opened where the simple queue is, with or without its FORMAT', async () => {
    const directory = folder();
    const simple = await FileQueue.open(directory);
    const { id } = await simple.add(mailTo('bob'), inPieces('x'));
    await simple.close();
    await expect(Journal.open(directory)).rejects.toThrow('the queue has the format "ehlo-files 1", this version reads "ehlo-queue 1" to "ehlo-queue 3"');
    unlinkSync(join(directory, 'FORMAT'));
    await expect(Journal.open(directory)).rejects.toThrow('and no queue: a queue wants a folder of its own');
    expect(readdirSync(join(directory, 'mail'))).toEqual([id]);
  });

  it('says what a decayed octet has cost, and keeps the segment', async () => {
    const directory = folder();
    let journal = await Journal.open(directory);
    await journal.checkpoint();
    const first = await journal.add(mailTo('bob'), inPieces('first'));
    const second = await journal.add(mailTo('bob'), inPieces('second'));
    await journal.close();
    const path = join(directory, 'journal', readdirSync(join(directory, 'journal'))[0] ?? '');
    const octets = readFileSync(path);
    octets[decodeLatin1(octets).indexOf('first')] = 0x46;
    writeFileSync(path, octets);
    journal = await Journal.open(directory);
    expect(journal.report.dead).toEqual([{ name: '1.log', reason: expect.stringMatching(/^decayed at octet \d+$/) }]);
    expect(equal(readFileSync(join(directory, 'dead', '1.log')), octets)).toBe(true);
    expect(journal.mail(first.id)).toBeUndefined();
    expect(await contentOf(journal, second.id)).toBe('second');
    await journal.close();
  });

  it('knows of decay to the last octet of a queue that was closed', async () => {
    const directory = folder();
    let journal = await Journal.open(directory);
    await journal.checkpoint();
    await journal.add(mailTo('bob'), inPieces('the last one'));
    await journal.close();
    const path = join(directory, 'journal', '000001.log');
    const octets = readFileSync(path);
    octets[decodeLatin1(octets).indexOf('the last one')] = 0x54;
    writeFileSync(path, octets);
    journal = await Journal.open(directory);
    expect(journal.report).toMatchObject({ torn: undefined, dead: [{ name: '1.log' }] });
    await journal.close();
  });

  it('cuts off what a crash has torn, says so, and keeps it', async () => {
    const directory = folder();
    let journal = await Journal.open(directory);
    await journal.checkpoint();
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    await journal.close();
    const path = join(directory, 'journal', '000001.log');
    const octets = readFileSync(path);
    octets.set(encodeAscii('half a rec'), octets.findLastIndex((octet) => octet !== 0) + 1); // in the room that was made for it
    writeFileSync(path, octets);
    journal = await Journal.open(directory);
    expect(journal.report).toMatchObject({ torn: { name: '1.torn', octets: 10 }, dead: [] });
    expect(readFileSync(join(directory, 'dead', '1.torn'), 'utf8')).toBe('half a rec');
    expect(states(journal, id)).toEqual(['waiting']);
    await journal.close();
  });

  it('never ends content that is not what was stored', async () => {
    const directory = folder();
    const journal = await Journal.open(directory, { inlineLimit: 100 });
    const { id } = await journal.add(mailTo('bob'), inPieces('a'.repeat(300_000), 'b'.repeat(300_000)));
    const path = join(directory, 'msg', id);
    const octets = readFileSync(path);
    octets[decodeLatin1(octets).indexOf('ab')] = 0x62;
    writeFileSync(path, octets);
    let read = 0;
    const reading = (async () => {
      for await (const octets of journal.content(id)) read += octets.length;
    })();
    await expect(reading).rejects.toThrow(`the content of ${id} in msg/${id} is not what was stored there`);
    expect(read).toBeLessThan(600_000);
    await journal.close();
  });
});

// On a disk in memory, where each operation can be seen.

async function watched(options: JournalOptions = {}): Promise<{ readonly journal: Journal; readonly disk: SimDisk; readonly operations: string[]; moment: () => void }> {
  const disk = new SimDisk();
  const operations: string[] = [];
  let callback: (() => void) | undefined;
  const journal = await Journal.on(disk, { delay: (later) => ((callback = later), () => (callback = undefined)), now: () => 1000, ...options });
  await journal.checkpoint();
  disk.before = ({ type, path }) => void operations.push(`${type} ${path}`);
  return { journal, disk, operations, moment: () => callback?.() };
}

const LOG = 'journal/000001.log';

describe('the journal, taking mail', () => {
  it('syncs once for all mails that come together', async () => {
    const { journal, operations } = await watched();
    await Promise.all(Array.from({ length: 100 }, () => journal.add(mailTo('bob'), inPieces('x'))));
    const syncs = operations.filter((each) => each.startsWith('sync')).length;
    expect(syncs).toBe(1);
    expect(operations.length).toBe(2 * syncs);
    expect([...journal.mails()].length).toBe(100);
  });

  it('syncs once for all mails that come while it syncs', async () => {
    const { journal, operations, disk } = await watched();
    const late: Promise<unknown>[] = [];
    const sync = disk.sync.bind(disk);
    disk.sync = async (path) => {
      for (let mail = 0; late.length < 100; mail++) late.push(journal.add({ ...mailTo('bob'), id: `late${mail}` }, inPieces('x')));
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      await sync(path);
    };
    await journal.add(mailTo('bob'), inPieces('x'));
    await Promise.all(late);
    expect(operations.filter((each) => each.startsWith('sync'))).toHaveLength(2);
  });

  it('shows a mail to nobody before it is durable', async () => {
    const { journal, disk } = await watched();
    const seen: number[] = [];
    disk.before = () => void seen.push([...journal.mails()].length);
    await journal.add(mailTo('bob'), inPieces('x'));
    expect(seen).toEqual([0, 0]); // at its write and at its sync
    expect([...journal.mails()].length).toBe(1);
  });

  it('adds nothing where the content comes to nothing, small or large', async () => {
    const { journal, disk } = await watched({ inlineLimit: 10 });
    for (const length of [5, 500]) {
      const failing = (async function* () {
        yield* inPieces('x'.repeat(length));
        throw new Error('the client has gone');
      })();
      await expect(journal.add(mailTo('bob'), failing)).rejects.toThrow('the client has gone');
    }
    expect([...journal.mails()]).toEqual([]);
    expect([...(await disk.list('tmp')), ...(await disk.list('msg'))]).toEqual([]);
  });

  it('makes one mail of two with the same id', async () => {
    const { journal } = await watched();
    await journal.add({ ...mailTo('bob'), id: 'n1' }, inPieces('x'));
    expect(await journal.add({ ...mailTo('bob'), id: 'n1' }, inPieces('x'))).toMatchObject({ id: 'n1' });
    expect([...journal.mails()].length).toBe(1);
  });

  it('has the content of a mail just taken in memory, once, and it is what is read back', async () => {
    const { journal, operations } = await watched({ inlineLimit: 10 });
    await journal.add({ ...mailTo('bob'), id: 'n1' }, inPieces('a ', 'mail'));
    await journal.add({ ...mailTo('bob'), id: 'n2' }, inPieces('a larger', ' mail'));
    operations.length = 0;
    const octets = journal.recent('n1');
    expect(operations).toEqual([]);
    expect(decodeLatin1(concat(octets ?? []))).toBe('a mail');
    expect(await contentOf(journal, 'n1')).toBe('a mail');
    expect(journal.recent('n1')).toBeUndefined();
    expect(journal.recent('n2')).toBeUndefined(); // it has a file of its own
  });

  it('takes no id that could be a path', async () => {
    const { journal } = await watched();
    for (const id of ['', '../x', 'a/b', 'a.b']) await expect(journal.add({ ...mailTo('bob'), id }, inPieces('x'))).rejects.toThrow('letters, digits and hyphens');
  });

  it('takes no content whose length a record could not hold, and keeps nothing of it', async () => {
    const { journal, disk } = await watched();
    const huge = Object.defineProperty(new Uint8Array(1), 'length', { value: 4_026_531_841 });
    const content = (async function* () {
      yield encodeAscii('x'.repeat(300_000));
      yield huge;
    })();
    await expect(journal.add(mailTo('bob'), content)).rejects.toThrow('up to 4026531840 octets of content, not 4026831841');
    expect([...journal.mails(), ...(await disk.list('tmp'))]).toEqual([]);
  });

  it('takes no more recipients than a start could read again', async () => {
    const { journal } = await watched();
    const { forwardPaths: [bob], ...mail } = mailTo('bob');
    if (bob === undefined) throw new Error('nobody is called bob');
    await expect(journal.add({ ...mail, forwardPaths: new Array<typeof bob>(100_001).fill(bob) }, inPieces('x'))).rejects.toThrow('up to 100000 recipients, not 100001');
  });
});

describe('the journal, told what became of mail', () => {
  it('writes results at once, and syncs them when a moment has passed', async () => {
    const { journal, operations, moment } = await watched();
    const { id } = await journal.add(mailTo('bob', 'carol'), inPieces('x'));
    operations.splice(0);
    await journal.attempt(id, [0, 1], 'mx.peer.test');
    await journal.settle(id, [DELIVERED, DEFERRED], 5);
    expect(operations).toEqual([`write ${LOG}`, `write ${LOG}`]);
    moment();
    await journal.flush();
    expect(operations.slice(2)).toEqual([`sync ${LOG}`]);
  });

  it('lets results ride on the sync of the next mail', async () => {
    const { journal, operations, moment } = await watched();
    const { id } = await journal.add(mailTo('bob', 'carol'), inPieces('x'));
    operations.splice(0);
    await Promise.all([journal.settle(id, [DELIVERED, DEFERRED], 5), journal.add(mailTo('bob'), inPieces('y'))]);
    moment();
    await journal.flush();
    expect(operations.filter((each) => each === `sync ${LOG}`).length).toBe(1);
  });

  it('retires failed recipients with the notification about them', async () => {
    const { journal } = await watched();
    const { id } = await journal.add(mailTo('bob', 'carol'), inPieces('x'));
    await journal.bounce(id, [FAILED, DEFERRED], 5, { ...mailTo('alice'), id: 'n1' }, inPieces('sorry'));
    expect(states(journal, id)).toEqual(['failed', 'waiting']);
    expect(states(journal, 'n1')).toEqual(['waiting']);
  });

  it('takes nothing back that is final, and no news from what it told itself', async () => {
    const { journal } = await watched();
    const { id } = await journal.add(mailTo('bob', 'carol', 'dave'), inPieces('x'));
    const old = journal.mail(id)?.recipients ?? [];
    await journal.attempt(id, [1], 'mx.peer.test');
    await journal.settle(id, [DELIVERED, ...old.slice(1)], 5);
    expect(journal.mail(id)?.recipients[1]?.unsettled).toMatchObject({ host: 'mx.peer.test' });
    await journal.settle(id, [DEFERRED, DEFERRED], 6);
    expect(states(journal, id)).toEqual(['delivered', 'waiting', 'waiting']);
    expect(journal.mail(id)?.recipients[1]?.unsettled).toBeUndefined();
  });

  it('tells after a start which attempts were broken off', async () => {
    const { journal, disk } = await watched();
    const { id } = await journal.add(mailTo('bob', 'carol'), inPieces('x'));
    await journal.attempt(id, [1], 'mx.peer.test');
    const { report } = await Journal.on(disk.killed(), { delay: () => () => undefined });
    expect(report).toMatchObject({ torn: undefined, dead: [], unsettled: [{ id, recipient: 1, host: 'mx.peer.test' }] });
  });

  it('holds, lets go on, and removes at the word of the operator, durably', async () => {
    const { journal, disk } = await watched();
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    const other = await journal.add(mailTo('bob'), inPieces('x'));
    await journal.hold(id, true);
    await journal.remove(other.id);
    const again = await Journal.on(disk.killed(), { delay: () => () => undefined });
    expect([...again.mails()].map((mail) => [mail.id, mail.held])).toEqual([[id, true]]);
    await journal.hold(id, false);
    expect(journal.mail(id)?.held).toBe(false);
    await expect(journal.remove(other.id)).rejects.toThrow(`the queue has no mail ${other.id}`);
  });
});

describe('the journal, over time', () => {
  it('has a checkpoint when a segment has grown', async () => {
    const { journal, operations } = await watched({ segmentSize: 1000 });
    for (let count = 0; count < 10; count++) {
      const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
      await journal.settle(id, [DELIVERED], 0);
    }
    await journal.checkpoint();
    expect(operations).toContain(`unlink ${LOG}`);
    expect(operations.filter((each) => each.startsWith('write msg/'))).toEqual([]);
  });

  it.each([['has a checkpoint when a segment has grown by content that gets files', 10, true], ['has none when it has grown by what it would carry along', 1000, false]])('%s, though all of it waits', async (_, carryLimit, worth) => {
    const { journal, operations } = await watched({ segmentSize: 4000, carryLimit });
    for (let count = 0; count < 20; count++) await journal.add(mailTo('bob'), inPieces('x'.repeat(300)));
    await turns(20);
    expect(operations.includes(`unlink ${LOG}`)).toBe(worth);
    expect(operations.some((each) => each.startsWith('rename msg/'))).toBe(worth);
    await journal.close();
  });

  // found by reading: of mails to many recipients, all of which waited, everything was written again for each 64 MiB, and every ten minutes
  it('has none when it has grown by envelopes of mail that waits, and by what was said of each recipient once', async () => {
    let now = 1_000_000;
    const { journal, operations } = await watched({ segmentSize: 4000, ahead: 0, now: () => now });
    await journal.checkpoint(); // that of the start
    operations.length = 0;
    const many = Array.from({ length: 50 }, (_, index) => `somebody.with.a.name.${index}`);
    const ids: string[] = [];
    for (let count = 0; count < 20; count++) {
      ids.push((await journal.add(mailTo(...many), inPieces('x'))).id);
      now += 100_000;
      await journal.settle(ids.at(-1) ?? '', many.map(() => DEFERRED), 0);
      await journal.flush();
    }
    await turns(20);
    expect(operations.filter((each) => each.startsWith('unlink'))).toEqual([]);
    for (const id of ids.slice(0, 11)) await journal.settle(id, many.map(() => DELIVERED), 0);
    await journal.flush();
    await turns(20);
    expect(operations.filter((each) => each.startsWith('unlink'))).toHaveLength(1);
  });

  it('knows about how much the states are that a checkpoint would write', async () => {
    const { journal, disk } = await watched({ carryLimit: 10, ahead: 0, segmentSize: 1_000_000 });
    await journal.checkpoint();
    for (const count of [1, 3, 20, 200]) {
      const recipients = Array.from({ length: count }, (_, index) => `somebody.${index}`);
      for (const state of [undefined, { state: 'waiting' } as const, DEFERRED]) {
        const { id } = await journal.add({ ...mailTo(...recipients), recipientParameters: recipients.map((_, index) => (index % 2 === 0 ? {} : { notify: ['DELAY', 'FAILURE'] })) }, inPieces('x'.repeat(100)));
        if (state === undefined) continue;
        await journal.attempt(id, [...recipients.keys()], 'mx1.provider.test');
        await journal.settle(id, recipients.map(() => state), 1_800_000_000_000);
      }
      await journal.flush();
      await journal.checkpoint();
      const [segment] = await disk.list('journal');
      const { length } = await disk.read(`journal/${segment}`);
      const book = new Book(await recovered(disk), 10);
      expect(book.states / length).toBeGreaterThan(0.9);
      expect(book.states / length).toBeLessThan(1.1);
    }
  });

  it('has another checkpoint for content that gets files and came during the last one', async () => {
    const { journal, disk, operations } = await watched({ segmentSize: 4000, carryLimit: 10, ahead: 0 });
    const finish = deferred();
    const sync = disk.sync.bind(disk);
    disk.sync = async (path) => {
      if (path.startsWith('tmp/')) await finish.promise; // copies that take long
      return sync(path);
    };
    for (let count = 0; count < 40; count++) await journal.add(mailTo('bob'), inPieces('x'.repeat(300)));
    finish.resolve();
    await journal.checkpoint();
    await journal.add(mailTo('bob'), inPieces('x'.repeat(300)));
    await turns(100);
    expect(operations.filter((each) => each.startsWith('unlink journal/'))).toEqual([`unlink ${LOG}`, 'unlink journal/000002.log']);
    await journal.close();
  });

  it('has the next checkpoint when it has grown by as much as is carried along', async () => {
    const { journal, disk } = await watched({ segmentSize: 1000, ahead: 0 });
    for (let count = 0; count < 40; count++) await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
    await journal.checkpoint();
    const [segment = ''] = await disk.list('journal');
    const size = (await disk.read(`journal/${segment}`)).length;
    expect(size).toBeGreaterThan(40 * 200);
    let last = size;
    for (let count = 0; count < 100 && (await disk.list('journal')).length === 1; count++) {
      last = (await disk.read(`journal/${segment}`)).length;
      const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
      await journal.settle(id, [DELIVERED], 0);
      await journal.flush();
    }
    expect(last / size).toBeGreaterThan(1.9);
    expect(last / size).toBeLessThan(2.1);
    await journal.checkpoint();
  });

  it('has no checkpoint for little news beside much that is carried along, however old it is', async () => {
    let now = 1_000_000;
    const { journal, operations } = await watched({ now: () => now });
    for (let count = 0; count < 40; count++) await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
    await journal.checkpoint();
    operations.length = 0;
    now += 700_000;
    await journal.add(mailTo('bob'), inPieces('x'.repeat(200)));
    expect(operations.filter((each) => each.startsWith('unlink'))).toEqual([]);
    for (let count = 0; count < 5; count++) await journal.settle((await journal.add(mailTo('bob'), inPieces('x'.repeat(200)))).id, [DELIVERED], 0);
    await turns(20);
    expect(operations.filter((each) => each.startsWith('unlink'))).toHaveLength(1);
  });

  it('has a checkpoint when most of what was carried along is done with, however little is written of that', async () => {
    const { journal, disk } = await watched({ segmentSize: 1000, ahead: 0 });
    const ids: string[] = [];
    for (let count = 0; count < 40; count++) ids.push((await journal.add(mailTo('bob'), inPieces('x'.repeat(200)))).id);
    await journal.checkpoint();
    const octets = async (): Promise<number> => (await Promise.all((await disk.list('journal')).map((name) => disk.read(`journal/${name}`)))).reduce((sum, { length }) => sum + length, 0);
    expect(await octets()).toBeGreaterThan(40 * 200);
    for (const id of ids) await journal.settle(id, [DELIVERED], 0);
    await journal.flush();
    await turns(20);
    expect(await octets()).toBeLessThan(4000);
  });

  it.each([[500_000, false], [700_000, true], [-700_000, true]])('has a checkpoint when a segment is old and something has happened, also where the clock was set back: after %d ms, %s', async (by, old) => {
    let now = 1_000_000;
    const { journal, operations } = await watched({ now: () => now });
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    now += by;
    await journal.settle(id, [DELIVERED], 0);
    await journal.flush();
    await turns(20);
    expect(operations.includes(`unlink ${LOG}`)).toBe(old);
  });

  it('lets content be read on while a checkpoint moves it', async () => {
    const { journal } = await watched({ inlineLimit: 2_000_000 });
    const { id } = await journal.add(mailTo('bob'), inPieces('a'.repeat(300_000), 'b'.repeat(300_000)));
    const reading = journal.content(id)[Symbol.asyncIterator]();
    const first = await reading.next();
    await journal.checkpoint();
    const pieces = [first.value as Uint8Array]; // there is a first piece of 600,000 octets
    for (let next; !(next = await reading.next()).done; ) pieces.push(next.value);
    expect(decodeLatin1(concat(pieces))).toBe('a'.repeat(300_000) + 'b'.repeat(300_000));
  });
});

describe('the journal, on a disk that fails', () => {
  const failing = (disk: SimDisk, code: string, when: (operation: Operation) => boolean): void => {
    disk.before = (operation) => {
      if (when(operation)) throw Object.assign(new Error(`${code}: no luck`), { code });
    };
  };

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

  it.each(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])('refuses one large mail when the disk is full or too many files are open (%s), and goes on', async (code) => {
    const told: string[] = [];
    const { journal, disk } = await watched({ inlineLimit: 10, failed: ({ message }) => told.push(message) });
    failing(disk, code, ({ type, path }) => type === 'write' && path.startsWith('tmp/'));
    await expect(journal.add(mailTo('bob'), inPieces('x'.repeat(100)))).rejects.toThrow(code);
    await journal.add(mailTo('bob'), inPieces('x'));
    expect(told).toEqual([]);
    expect([...journal.mails()].length).toBe(1);
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
    const directory = folder();
    const shared = new SharedDisk(directory, [], folder(), 1000);
    const journal = await Journal.open(directory, { shared });
    await journal.checkpoint(); // that of the start
    await journal.add(mailTo('bob'), inPieces('x'.repeat(100_000)));
    await shared.close(); // the others have been told
    expect(Number(readFileSync(join(directory, 'need'), 'utf8'))).toBeGreaterThan(100_000);
    await journal.checkpoint(); // has given it a file of its own
    await shared.close();
    expect(Number(readFileSync(join(directory, 'need'), 'utf8'))).toBeLessThan(1000);
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

type Writev = Parameters<typeof writeAll>[0];

describe('writing', () => {
  it.each([1, 2, 3, 7, 100])('goes on behind writes that are short: %i octets at a time', async (most) => {
    const file = new Uint8Array(20);
    const pieces = ['abc', '', 'defgh', 'i', 'jklmnopqrs'].map(encodeAscii);
    const writev: Writev = (descriptor, some, at, done) => {
      const octets = concat(some).subarray(0, most);
      file.set(octets, at);
      setImmediate(() => done(descriptor === 7 ? null : new Error('another file'), octets.length));
    };
    await writeAll(writev, 7, pieces, 1);
    expect(decodeLatin1(file)).toBe('\0abcdefghijklmnopqrs');
  });

  it('does not go on for ever', async () => {
    await expect(writeAll((_descriptor, _pieces, _at, done) => done(null, 0), 7, [encodeAscii('a')], 0)).rejects.toThrow('takes no more octets');
  });
});
