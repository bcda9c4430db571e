import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chdir, cwd } from 'node:process';
import { setImmediate } from 'node:timers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FileDisk } from '../../src/node/disk.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { Journal } from '../../src/node/journal.ts';
import { SharedDisk } from '../../src/node/shared-disk.ts';
import { Book } from '../../src/relay/queue/book.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import type { MailParameters, RecipientParameters } from '../../src/protocol/mail.ts';
import { encodeFact, FORMAT_VERSION } from '../../src/relay/queue/fact.ts';
import { seal, secretOf } from '../../src/relay/queue/record.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { decodeBase64 } from '../../src/wire/base64.ts';
import { concat, EMPTY, equal } from '../../src/wire/octet.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { inPieces } from '../support/content.ts';
import { contentOf, DEFERRED, DELIVERED, FAILED, LOG, mailTo, recovered, states, watched } from '../support/journal.ts';
import { deferred, turns, until } from '../support/turn.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ehlo-journal-'));
  folders.push(path);
  return path;
}

/** A segment as version 1 wrote it, under the secret 12345678: SEG, the ENQ of m1 with the content "x", its RES. */
const FIRST_VERSION =
  'ux0BAAAAAAIAAAAAAAAAAA0Tm6kBAbsdAgAAAAAsAAAAAQAAAAAonphwAm0x6AcTPGFsaWNlQHNlbmRlci50ZXN0PgEPPGJvYkBwZWVyLnRlc3Q+' +
  'AHi7HQMAAAAAJAAAAAIAAAAAV3/wUwJtMQEHAQAADG14LnBlZXIudGVzdMIDBTQuMi4wAQVsYXRlcg==';

describe('the journal in a directory', () => {
  it('stays where it is when the program goes to another directory', async () => {
    const above = folder();
    const began = cwd();
    try {
      chdir(above);
      await using journal = await Journal.open('queue', { inlineLimit: 0 });
      chdir('/');
      const { id } = await journal.add(mailTo('bob'), inPieces('x\r\n'));
      expect(await contentOf(journal, id)).toBe('x\r\n');
      await journal.checkpoint();
    } finally {
      chdir(began);
    }
  });

  it('is closed by the end of its block', async () => {
    const directory = folder();
    {
      await using journal = await Journal.open(directory);
      expect(journal.report.dead).toEqual([]);
    }
    await (await Journal.open(directory)).close();
  });

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
    await journal.checkpoint(); // that of the start
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
    writeFileSync(join(directory, 'FORMAT'), format);
    await expect(Journal.open(directory)).rejects.toThrow(message);
    expect(readdirSync(directory)).toEqual(['FORMAT']); // found by reading: it had our folders, and a key
  });

  it('is not opened where a newer version has written to it', async () => {
    const directory = folder();
    await (await Journal.open(directory)).close();
    const secret = parseInt(readFileSync(join(directory, 'FORMAT'), 'utf8').slice(-9), 16);
    const draft = encodeFact({ type: 'SEG', version: 4, segment: 9 }, crc32);
    seal(draft, { secret: secretOf(secret, 9), sequence: 0, watermark: 0 }, crc32);
    const disk = await FileDisk.open(directory);
    await disk.write('journal/000009.log', [draft.octets], 0);
    await disk.write('journal/000008.log', [encodeAscii('decayed')], 0);
    await disk.write('tmp/new', [encodeAscii('x')], 0);
    await disk.close();
    await expect(Journal.open(directory)).rejects.toThrow('the queue has the format "ehlo-queue 4", this version reads "ehlo-queue 1" to "ehlo-queue 3"');
    expect([readdirSync(join(directory, 'tmp')), readdirSync(join(directory, 'dead'))]).toEqual([['new'], []]); // found by reading: only then it saw what it must not change
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
    await expect(Journal.open(directory)).rejects.toThrow(/^it holds \S+, \S+ and 2 more, and no FORMAT, as a queue has: a queue wants a folder of its own$/);
    expect(readdirSync(directory).sort()).toEqual(['a.txt', 'b.txt', 'c.txt', 'tmp']);
    expect(readdirSync(join(directory, 'tmp'))).toEqual(['precious']);
  });

  // found by trying: a disk of its own, and a folder tmp on it, passed for a queue that had yet to be made, and tmp was emptied
  it('is not made where another has a folder that would be emptied', async () => {
    const directory = folder();
    for (const name of ['lost+found', 'tmp']) mkdirSync(join(directory, name));
    writeFileSync(join(directory, 'tmp', 'precious'), '');
    await expect(Journal.open(directory)).rejects.toThrow('it holds tmp/precious, and no FORMAT, as a queue has: a queue wants a folder of its own');
    expect(readdirSync(directory).sort()).toEqual(['lost+found', 'tmp']);
    unlinkSync(join(directory, 'tmp', 'precious'));
    writeFileSync(join(directory, 'tmp', 'FORMAT'), ''); // as a first start has left it that died
    await (await Journal.open(directory)).close();
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
    await expect(Journal.open(directory)).rejects.toThrow('and no FORMAT, as a queue has: a queue wants a folder of its own');
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

  /** A queue that was closed, with a large mail, which has a file of its own, and the octets of that. */
  async function closed(): Promise<{ readonly directory: string; readonly id: string; readonly file: Uint8Array }> {
    const directory = folder();
    const journal = await Journal.open(directory, { inlineLimit: 10 });
    await journal.checkpoint();
    const { id } = await journal.add(mailTo('bob'), inPieces('x'.repeat(100)));
    const done = await journal.add(mailTo('carol'), inPieces('y'.repeat(100)));
    const left = readFileSync(join(directory, 'msg', done.id));
    await journal.settle(done.id, [DELIVERED], 0);
    await journal.close();
    writeFileSync(join(directory, 'msg', done.id), left); // as if the power had gone: that it was removed need not be durable
    return { directory, id, file: readFileSync(join(directory, 'msg', id)) };
  }

  // found by trying: of a mail whose record had decayed the content, which was whole, was removed as that of none
  it.each<[string, (directory: string, id: string) => void, string]>([
    ['has decayed', (directory, id) => {
      const path = join(directory, 'journal', '000001.log');
      const octets = readFileSync(path);
      octets[decodeLatin1(octets).indexOf(id)] = 0x7e;
      writeFileSync(path, octets);
    }, 'the journal, which has decayed or gone, knows nothing of it'],
    ['has gone', (directory) => unlinkSync(join(directory, 'journal', '000001.log')), 'the journal, which has decayed or gone, knows nothing of it'],
    ['is read with the FORMAT of another queue', (directory) => writeFileSync(join(directory, 'FORMAT'), 'ehlo-queue 3 01234567\n'), 'it is no mail of this queue'],
  ])('keeps content of which it knows nothing for a person where the journal %s', async (_, spoil, reason) => {
    const { directory, id, file } = await closed();
    spoil(directory, id);
    const journal = await Journal.open(directory);
    expect(journal.report.dead).toContainEqual({ name: `${id}.msg`, reason });
    expect(equal(readFileSync(join(directory, 'dead', `${id}.msg`)), file)).toBe(true);
    expect(readdirSync(join(directory, 'msg'))).toEqual([]);
    await journal.close();
  });

  it('keeps what is no mail of its own for a person, be it a folder or a pipe, and removes what is left of mail that is done with', async () => {
    const { directory, id } = await closed();
    mkdirSync(join(directory, 'msg', 'folder', 'within'), { recursive: true });
    execFileSync('mkfifo', [join(directory, 'msg', 'pipe')], { encoding: 'utf8' });
    writeFileSync(join(directory, 'msg', 'note.txt'), 'do not lose this');
    const journal = await Journal.open(directory);
    expect(journal.report.dead.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(['folder.msg', 'note.txt.msg', 'pipe.msg'].map((name) => ({ name, reason: 'it is no mail of this queue' })));
    expect(readFileSync(join(directory, 'dead', 'note.txt.msg'), 'utf8')).toBe('do not lose this');
    expect(readdirSync(join(directory, 'dead', 'folder.msg'))).toEqual(['within']);
    expect(readdirSync(join(directory, 'msg'))).toEqual([id]);
    await journal.close();
  });

  it('asks once what is in dead/, however much is kept there', async () => { // found by measuring: a start that kept 8,000 files took half a minute
    const { disk } = await watched();
    for (let count = 0; count < 100; count++) await disk.write(`msg/note${count}`, [encodeAscii('x')], 0);
    const list = disk.list.bind(disk);
    const asked: string[] = [];
    disk.list = (folder) => {
      asked.push(folder);
      return list(folder);
    };
    expect((await recovered(disk)).report.dead).toHaveLength(100);
    expect(asked.filter((folder) => folder === 'dead')).toHaveLength(1);
  });

  // found by trying: behind 999999999 came a segment whose name was none to the next start, which found the queue empty; and
  // 0000001.log was taken for 000001.log, and that read twice and removed twice
  it.each(['000099.log', '999999.log', '999999999.log', '0000001.log', '1e3.log', '99999999999999999999.log'])('loses nothing by a file that somebody has put into the journal: %s', async (name) => {
    const directory = folder();
    const failed = vi.fn();
    let journal = await Journal.open(directory);
    const first = await journal.add(mailTo('bob'), inPieces('first'));
    await journal.close();
    writeFileSync(join(directory, 'journal', name), '');
    journal = await Journal.open(directory, { failed });
    const second = await journal.add(mailTo('bob'), inPieces('second'));
    await journal.checkpoint();
    await journal.close();
    journal = await Journal.open(directory, { failed });
    for (const [id, text] of [[first.id, 'first'], [second.id, 'second']] as const) expect(await contentOf(journal, id)).toBe(text);
    await journal.checkpoint();
    await journal.close();
    expect(failed).not.toHaveBeenCalled();
  });

  // found by running: somebody removed the folder of a relay that ran, or its journal, and mail was acknowledged for hours that no
  // start would find
  it.each(['', 'journal', join('journal', '000001.log')])('takes no mail any more where its log has been removed by another hand: %j', async (name) => {
    const directory = folder();
    const failed = vi.fn();
    let now = 1000;
    const journal = await Journal.open(directory, { failed, now: () => now });
    await journal.checkpoint();
    rmSync(join(directory, name), { recursive: true });
    now += 10_000;
    journal.roomFor(1); // as MAIL asks
    await until(() => failed.mock.calls.length > 0);
    await expect(journal.add(mailTo('bob'), inPieces('x'))).rejects.toThrow(/^the queue has stopped, since the disk failed: ENOENT: no such file or directory, stat/);
    await journal.close();
    mkdirSync(directory, { recursive: true });
  });

  it('is not opened where a file has the number of a segment that it will never have', async () => {
    const directory = folder();
    await (await Journal.open(directory)).close();
    writeFileSync(join(directory, 'journal', '9007199254740991.log'), '');
    await expect(Journal.open(directory)).rejects.toThrow('journal/9007199254740991.log is no segment of this queue: expected a number up to 4000000000');
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

  // found by running: with its journal removed by hand a queue begins at 1 again, and what had been kept as 1.log was written over
  it('keeps what it could not read beside what it has kept under that name, and the same only once', async () => {
    const directory = folder();
    const open = (): Promise<Journal> => Journal.open(directory, { idle: true });
    await (await Journal.open(directory)).close();
    const dead = (name: string): string => join(directory, 'dead', name);
    writeFileSync(join(directory, 'journal', '000001.log'), 'decayed');
    writeFileSync(join(directory, 'journal', '000002.log'), readFileSync(join(directory, 'journal', '000001.log')));
    writeFileSync(join(directory, 'msg', 'note'), 'of today');
    writeFileSync(dead('1.log'), 'decayed, and longer');
    writeFileSync(dead('1.log.2'), 'decay'); // by a recovery that died
    mkdirSync(dead('2.torn'));
    writeFileSync(dead('note.msg'), 'of yesterday');
    for (let time = 0; time < 2; time++) await (await open()).close();
    const kept = Object.fromEntries(readdirSync(join(directory, 'dead')).filter((name) => name !== '2.torn').map((name) => [name, readFileSync(dead(name), 'utf8')]));
    expect(kept).toEqual({ '1.log': 'decayed, and longer', '1.log.2': 'decayed', '2.torn.2': 'decayed', 'note.msg': 'of yesterday', 'note.msg.2': 'of today' });
  });

  // found by trying: Node tells it as another name, which is not there
  it('is opened where a name that is no UTF-8 stands in it, which it leaves alone', async () => {
    const directory = folder();
    await (await Journal.open(directory)).close();
    for (const each of ['tmp', 'msg']) execFileSync('sh', ['-c', 'touch "$1/$(printf "a\\377")"', 'sh', join(directory, each)], { encoding: 'utf8' });
    await (await Journal.open(directory)).close();
    expect([readdirSync(join(directory, 'tmp')), readdirSync(join(directory, 'msg'))]).toEqual([['a\ufffd'], ['a\ufffd']]);
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

  it('retires them with a notification that it has already', async () => {
    const { journal } = await watched();
    const { id } = await journal.add(mailTo('bob', 'carol'), inPieces('x'));
    const notification = { ...mailTo('alice'), id: 'n1' };
    const first = await journal.bounce(id, [FAILED, DEFERRED], 5, notification, inPieces('sorry'));
    expect(await journal.bounce(id, [FAILED, FAILED], 0, notification, inPieces('sorry for both'))).toEqual(first);
    expect(journal.mail(id)).toBeUndefined();
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
    await journal.settle(id, [DELIVERED, FAILED], 7);
    await journal.settle(id, [DELIVERED, DELIVERED], 8); // its sender has been told
    expect(states(journal, id)).toEqual(['delivered', 'failed', 'waiting']);
  });

  // found by trying: the next start could not read the record, and the queue was not opened any more; or what came of it never ended
  it.each<readonly [what: string, told: (journal: Journal, id: string) => Promise<void>, message: string]>([
    ['a state that is none', (journal, id) => journal.settle(id, [{ state: 'bounced' as 'failed' }], 5), 'a recipient is waiting, delivered or failed, not "bounced"'],
    ['a time that never comes', (journal, id) => journal.settle(id, [DEFERRED], Infinity), 'the queue keeps numbers from 0 to 2 ** 53 - 1, not Infinity'],
    ['a time that is none', (journal, id) => journal.settle(id, [DEFERRED], NaN), 'the queue keeps numbers from 0 to 2 ** 53 - 1, not NaN'],
    ['a code that is none', (journal, id) => journal.settle(id, [{ ...DEFERRED, reply: { code: -1, enhanced: undefined, lines: [] } }], 5), 'the queue keeps numbers from 0 to 2 ** 53 - 1, not -1'],
    ['more recipients than there are', (journal, id) => journal.settle(id, [DEFERRED, DEFERRED], 5), 'the mail has 1 recipients, not 2'],
    ['a recipient that there is not', (journal, id) => journal.attempt(id, [1]), 'the mail has 1 recipients, by their index from 0, and not 1'],
  ])('takes nothing that a start could not read again: %s', async (_what, told, message) => {
    const { journal, disk } = await watched();
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    await expect(told(journal, id)).rejects.toThrow(new UsageError(message));
    expect((await recovered(disk)).mails.get(id)?.recipients).toMatchObject([{ state: 'waiting' }]);
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

  it.each([10, 1_000_000])('has content that comes as single octets written in large pieces: up to %i octets in the journal', async (inlineLimit) => { // found by measuring: 110 MB of memory for a mail of 800 kB
    const { journal, disk } = await watched({ inlineLimit });
    const write = disk.write.bind(disk);
    let most = 0;
    disk.write = async (path, pieces, at) => {
      most = Math.max(most, pieces.length);
      return write(path, pieces, at);
    };
    const { id } = await journal.add(mailTo('bob'), inPieces(...'x'.repeat(20_000)));
    expect(most).toBeLessThan(500);
    expect(await contentOf(journal, id)).toBe('x'.repeat(20_000));
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

describe('a queue that was closed', () => {
  it('takes nothing more: another process may have it', async () => {
    const directory = folder();
    const journal = await Journal.open(directory);
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    await journal.close();
    await using other = await Journal.open(directory);
    await other.checkpoint();
    const before = readdirSync(join(directory, 'journal'));
    const late = [() => journal.add(mailTo('carol'), inPieces('y')), () => journal.settle(id, [DELIVERED], 0), () => journal.bounce(id, [FAILED], 0, mailTo('alice'), inPieces('z')), () => journal.attempt(id, [0]), () => journal.hold(id, true), () => journal.giveUp(id), () => journal.remove(id), () => journal.checkpoint(), () => journal.flush()];
    for (const order of late) await expect(order()).rejects.toThrow('the queue is closed, and takes nothing more: open it anew');
    expect(readdirSync(join(directory, 'journal'))).toEqual(before);
    expect(states(other, id)).toEqual(['waiting']);
  });

  it('is closed once, however often it is asked to', async () => {
    const journal = await Journal.open(folder());
    const closed = vi.spyOn(FileDisk.prototype, 'close');
    await Promise.all([journal.close(), journal.close()]);
    await journal.close();
    expect(closed).toHaveBeenCalledTimes(1);
    closed.mockRestore();
  });

  it('takes nothing more either where it was only looked at', async () => {
    const directory = folder();
    const journal = await Journal.open(directory, { idle: true });
    await journal.close();
    await expect(journal.add(mailTo('bob'), inPieces('x'))).rejects.toThrow('the queue is closed');
    expect(readdirSync(join(directory, 'journal'))).toEqual([]);
  });

  it('refuses a mail whose content comes too late, and leaves nothing of it', async () => {
    const directory = folder();
    const journal = await Journal.open(directory, { inlineLimit: 1 });
    const closed = deferred();
    let waiting = false;
    const adding = journal.add(mailTo('bob'), (async function* () {
      yield encodeAscii('a'.repeat(300_000));
      waiting = true;
      await closed.promise;
      yield encodeAscii('bb');
    })());
    await until(() => waiting);
    await journal.close();
    closed.resolve();
    await expect(adding).rejects.toThrow('the queue is closed');
    expect([readdirSync(join(directory, 'tmp')), readdirSync(join(directory, 'msg'))]).toEqual([[], []]);
  });

  // found by trying: its descriptor was closed while it was being written, and `failed` was told that the disk has no folder msg
  it('waits for the disk where content is being written, refuses its mail, and leaves nothing of it', async () => {
    const directory = folder();
    const told: Error[] = [];
    const journal = await Journal.open(directory, { failed: (error) => void told.push(error) });
    await journal.checkpoint();
    const { sync } = FileDisk.prototype;
    const [begun, synced] = [deferred(), deferred()];
    const slow = vi.spyOn(FileDisk.prototype, 'sync').mockImplementation(async function (this: FileDisk, path) {
      if (path.startsWith('tmp/')) {
        begun.resolve();
        await synced.promise;
      }
      return sync.call(this, path);
    });
    const adding = journal.add(mailTo('bob'), inPieces('x'.repeat(300_000)));
    await begun.promise;
    let closed = false;
    const closing = journal.close().then(() => (closed = true));
    await turns(1000);
    expect(closed).toBe(false);
    synced.resolve();
    await expect(adding).rejects.toThrow('the queue is closed');
    await closing;
    slow.mockRestore();
    expect([told, readdirSync(join(directory, 'tmp')), readdirSync(join(directory, 'msg'))]).toEqual([[], [], []]);
  });

  it('finishes what is under way when its end begins', async () => {
    const directory = folder();
    const journal = await Journal.open(directory);
    const { id } = await journal.add(mailTo('bob'), inPieces('x'));
    const attempted = journal.attempt(id, [0]);
    const settled = journal.settle(id, [DEFERRED], 7);
    await journal.close();
    await Promise.all([attempted, settled]);
    await using other = await Journal.open(directory);
    expect(other.mail(id)?.nextAttempt).toBe(7);
  });
});
