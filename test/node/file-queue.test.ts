import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process, { chdir, cwd } from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileQueue } from '../../src/node/file-queue.ts';
import type { NewMail } from '../../src/relay/queue/port.ts';
import { reply } from '../../src/syntax/reply.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { inPieces, textOf } from '../support/content.ts';
import { mailOf } from '../support/memory-queue.ts';
import { latin1 } from '../support/raw-peer.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { deferred } from '../support/turn.ts';
import { failing, operations, watchDisk } from '../support/watched-disk.ts';

let directory: TemporaryDirectory;
watchDisk(() => (directory as TemporaryDirectory | undefined)?.path); // none before the first test
let opened: FileQueue[];
beforeEach(() => {
  directory = temporaryDirectory();
  opened = [];
});
afterEach(async () => {
  failing.prefix = undefined;
  for (const queue of opened) await queue.close();
  directory[Symbol.dispose]();
});

async function open(): Promise<FileQueue> {
  const queue = await FileQueue.open(join(directory.path, 'queue'));
  opened.push(queue);
  return queue;
}

/** Another process that opens the queue after this one has ended. */
async function reopen(queue: FileQueue): Promise<FileQueue> {
  await queue.close();
  return open();
}

function mailTo(names: readonly string[], id?: string): NewMail {
  return mailOf(id, '<@route.test:"a b"@a.test>', ...names);
}

const BOB = mailTo(['<bob@b.test>'], 'm1');

// found by reading: it acknowledged, and wrote, what another process that had the queue by then did not see
describe('a queue that was closed', () => {
  const CLOSED = 'the queue is closed, and takes nothing more: open it anew';

  it('takes nothing more', async () => {
    const queue = await open();
    const { id } = await queue.add(BOB, inPieces('x'));
    const other = await reopen(queue);
    await expect(queue.add(mailTo(['<carol@b.test>']), inPieces('y'))).rejects.toThrow(CLOSED);
    await expect(queue.settle(id, [{ state: 'delivered' }], 0)).rejects.toThrow(CLOSED);
    expect([...(await reopen(other)).mails()].map(({ id: each }) => each)).toEqual(['m1']);
  });

  it('refuses a mail whose content comes too late, and leaves nothing of it', async () => {
    const queue = await open();
    const late = deferred<Uint8Array>();
    const adding = queue.add(BOB, (async function* () { yield await late.promise; })());
    await queue.close();
    late.resolve(new Uint8Array(1));
    await expect(adding).rejects.toThrow(CLOSED);
    expect(['mail', 'tmp'].flatMap((folder) => readdirSync(join(directory.path, 'queue', folder)))).toEqual([]);
  });

  it('finishes what is under way when its end begins', async () => {
    const queue = await open();
    await queue.add(BOB, inPieces('x'));
    const settled = queue.settle('m1', [{ state: 'waiting' }], 7);
    let over = false;
    void settled.then(() => (over = true));
    await queue.close();
    expect(over).toBe(true);
    expect((await open()).mail('m1')?.nextAttempt).toBe(7);
  });
});

// found by reading: where the lock is a file, a second call removed whatever had its name by then
it('gives up its lock once, however often it is closed', async () => {
  const { platform } = process;
  Object.defineProperty(process, 'platform', { value: 'elsewhere' });
  try {
    const queue = await open();
    await Promise.all([queue.close(), queue.close()]);
    const other = await reopen(queue);
    await queue.close();
    await expect(open()).rejects.toThrow('another process has this queue open');
    await other.close();
  } finally {
    Object.defineProperty(process, 'platform', { value: platform });
  }
});

it('stays where it is when the program goes to another directory', async () => {
  const began = cwd();
  try {
    chdir(directory.path);
    const queue = await FileQueue.open('queue');
    opened.push(queue);
    chdir('/');
    await queue.add(BOB, inPieces('x'));
  } finally {
    chdir(began);
  }
  expect(files('mail')).toEqual(['m1']);
});

const files = (...names: readonly string[]): readonly string[] => readdirSync(join(directory.path, 'queue', ...names));
const file = (...names: readonly string[]): string => join(directory.path, 'queue', ...names);

// found by trying: a mail without content was acknowledged
it('content that is octets one by one is misuse, and nothing is kept', async () => {
  const queue = await open();
  await expect(queue.add(BOB, new Uint8Array(3) as unknown as AsyncIterable<Uint8Array>)).rejects.toThrow(UsageError);
  expect([[...queue.mails()], files('tmp'), files('mail')]).toEqual([[], [], []]);
});

describe('a mail that is added', () => {
  it('is durable before that resolves: written, synced, renamed, and its directory synced, in this order', async () => {
    const queue = await open();
    operations.length = 0;
    await queue.add(BOB, inPieces('Hello\r\n'));
    expect(operations).toEqual(['open tmp/m1-*', 'write tmp/m1-*', 'sync tmp/m1-*', 'close tmp/m1-*', 'rename tmp/m1-* → mail/m1', 'open queue/mail', 'sync queue/mail', 'close queue/mail']);
  });

  it('is in nobody\'s sight before it is complete', async () => {
    const queue = await open();
    await queue.add(BOB, (async function* () {
      yield latin1('x'.repeat(200_000));
      expect(files('mail')).toEqual([]);
      expect(files('tmp')).toHaveLength(1);
      expect([...queue.mails()]).toEqual([]);
    })());
    expect(files('mail')).toEqual(['m1']);
    expect(files('tmp')).toEqual([]);
  });

  // shows RFC5321:4.5.4.1-2
  it('is what was found on the way: its size, whether it is 8-bit, when it came, and who waits', async () => {
    const queue = await open();
    const before = Date.now();
    const mail = await queue.add(mailTo(['<bob@b.test>', '<Postmaster>']), inPieces('Hel', 'lo\r\n'));
    expect(mail).toMatchObject({ size: 7, eightBit: false, recipients: [{ state: 'waiting' }, { state: 'waiting' }], nextAttempt: mail.arrival });
    expect(mail.arrival).toBeGreaterThanOrEqual(before);
    expect(queue.mail(mail.id)).toBe(mail);
    expect((await queue.add(mailTo(['<bob@b.test>']), inPieces('h\xe9llo'))).eightBit).toBe(true);
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['no line end at its end', 'Hello'],
    ['dots, bare CR and LF, NUL and octets above 127', '.\r\n..\r\n\r \n\0\x80\xff\r\n'],
    ['every octet', String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet))],
    ['what looks like its own envelope', `{"size":3}00000009\n`],
    ['more than a block', `${'x'.repeat(150_001)}`],
  ])('keeps content with %s, octet for octet, also when it is read back', async (_, content) => {
    const queue = await open();
    await queue.add(BOB, inPieces(content.slice(0, 100_000), content.slice(100_000)));
    expect(await textOf(queue.content('m1')) === content).toBe(true);
    const again = await reopen(queue);
    expect(again.mail('m1')?.size).toBe(content.length);
    expect(await textOf(again.content('m1')) === content).toBe(true);
    expect(await textOf(again.content('m1')) === content).toBe(true);
  });

  // found by reading: it stood beside its folder, where no start reads it
  it('has no id that could be a path, and has recipients', async () => {
    const queue = await open();
    for (const id of ['', '../x', 'a/b', 'a.b']) await expect(queue.add({ ...BOB, id }, inPieces('x'))).rejects.toThrow('letters, digits and hyphens');
    await expect(queue.add({ ...BOB, forwardPaths: [] }, inPieces('x'))).rejects.toThrow('a mail needs a recipient');
    expect(files().toSorted()).toEqual(['FORMAT', 'dead', 'lock', 'lock.key', 'mail', 'state', 'tmp']);
  });

  it('that has an id which is there already is the one that is there', async () => {
    const queue = await open();
    const first = await queue.add(BOB, inPieces('first\r\n'));
    expect(await queue.add(BOB, inPieces('second\r\n'))).toBe(first);
    expect(await textOf(queue.content('m1'))).toBe('first\r\n');
    expect(files('tmp')).toEqual([]);
  });

  it.each(['write tmp', 'sync tmp', 'rename tmp', 'open queue/mail', 'sync queue/mail'])('leaves nothing behind where the disk fails to %s', async (operation) => {
    const queue = await open();
    failing.prefix = operation;
    await expect(queue.add(BOB, inPieces('x'.repeat(100_000)))).rejects.toThrow('EIO');
    failing.prefix = undefined;
    expect([...queue.mails(), ...files('mail'), ...files('tmp')]).toEqual([]);
    await queue.add(BOB, inPieces('Hello\r\n'));
    expect(files('mail')).toEqual(['m1']);
  });

  it('leaves nothing behind where its content comes to nothing', async () => {
    const queue = await open();
    await expect(queue.add(BOB, (async function* () {
      yield latin1('half of it');
      throw new Error('the client has gone');
    })())).rejects.toThrow('the client has gone');
    expect([...queue.mails(), ...files('mail'), ...files('tmp')]).toEqual([]);
  });

  it('whose content is longer in the file than on the disk is an error to who reads it', async () => {
    const queue = await open();
    await queue.add(BOB, inPieces('Hello\r\n'));
    writeFileSync(file('mail', 'm1'), 'He');
    await expect(textOf(queue.content('m1'))).rejects.toThrow('is shorter than it was');
    await expect(textOf(queue.content('m2'))).rejects.toThrow('the queue has no mail m2');
  });
});

describe('a mail that is settled', () => {
  const TWO = mailTo(['<bob@b.test>', '<carol@c.test>'], 'm1');
  const SAID = { state: 'waiting', reply: reply(450, '4.2.1', 'later'), host: 'mx.test' } as const;

  it('remembers what became of its recipients, and when it is due', async () => {
    const queue = await open();
    await queue.add(TWO, inPieces('Hello\r\n'));
    operations.length = 0;
    await queue.settle('m1', [{ state: 'delivered' }, SAID], 12_345);
    expect(operations).toEqual(['open tmp/m1-*', 'write tmp/m1-*', 'sync tmp/m1-*', 'close tmp/m1-*', 'rename tmp/m1-* → state/m1', 'open queue/state', 'sync queue/state', 'close queue/state']);
    expect(queue.mail('m1')).toMatchObject({ recipients: [{ state: 'delivered' }, SAID], nextAttempt: 12_345 });
    const again = await reopen(queue);
    expect(again.mail('m1')).toMatchObject({ ...TWO, recipients: [{ state: 'delivered' }, SAID], nextAttempt: 12_345 });
  });

  it('is removed when nobody waits: first the mail, then what is known of its recipients', async () => {
    const queue = await open();
    await queue.add(TWO, inPieces('Hello\r\n'));
    await queue.settle('m1', [{ state: 'delivered' }, SAID], 1);
    operations.length = 0;
    await queue.settle('m1', [{ state: 'delivered' }, { state: 'failed' }], 2);
    expect(operations).toEqual(['unlink mail/m1', 'open queue/mail', 'sync queue/mail', 'close queue/mail', 'unlink state/m1']);
    expect([...queue.mails(), ...files('mail'), ...files('state')]).toEqual([]);
    expect(queue.mail('m1')).toBeUndefined();
  });

  it('is removed after its first attempt too', async () => {
    const queue = await open();
    await queue.add(BOB, inPieces('Hello\r\n'));
    await queue.settle('m1', [{ state: 'delivered' }], 1);
    expect(files('mail')).toEqual([]);
  });

  it.each(['unlink mail', 'sync queue/mail', 'unlink state'])('can be settled again where the disk fails to %s, and nobody waits meanwhile', async (operation) => {
    const queue = await open();
    await queue.add(BOB, inPieces('Hello\r\n'));
    failing.prefix = operation;
    await expect(queue.settle('m1', [{ state: 'delivered' }], 1)).rejects.toThrow('EIO');
    expect(queue.mail('m1')?.recipients).toEqual([{ state: 'delivered' }]);
    failing.prefix = undefined;
    await queue.settle('m1', [{ state: 'delivered' }], 1);
    expect([...queue.mails(), ...files('mail')]).toEqual([]);
  });

  // found by running: on a full disk each try to record an outcome, one a minute, left a file in tmp/, open
  it.each(['write tmp', 'sync tmp', 'rename tmp'])('leaves no file behind, nor one open, where the disk fails to %s of what still waits', async (operation) => {
    const queue = await open();
    await queue.add(BOB, inPieces('Hello\r\n'));
    operations.length = 0;
    failing.prefix = operation;
    await expect(queue.settle('m1', [{ state: 'waiting' }], 1)).rejects.toThrow('EIO');
    expect(operations).toContain('close tmp/m1-*');
    expect([...files('tmp'), ...files('state')]).toEqual([]);
  });

  it('must be in the queue', async () => {
    await expect((await open()).settle('m1', [], 1)).rejects.toThrow('the queue has no mail m1');
  });
});

describe('a queue that is opened', () => {
  it('is made where there is none, its parents too', async () => {
    const queue = await FileQueue.open(join(directory.path, 'a', 'b', 'queue'));
    opened.push(queue);
    expect(readdirSync(join(directory.path, 'a', 'b', 'queue')).filter((name) => !name.startsWith('lock'))).toEqual(['FORMAT', 'dead', 'mail', 'state', 'tmp']);
    expect(decodeLatin1(readFileSync(join(directory.path, 'a', 'b', 'queue', 'FORMAT')))).toBe('ehlo-files 1\n');
  });

  // found by trying: it took any folder for its own, and emptied those of its names
  it.each(['mail', 'state', 'tmp', ''])('is not made in a folder that holds other things, and touches none of them: below %j', async (name) => {
    mkdirSync(file('other', name), { recursive: true });
    writeFileSync(file('other', name, 'precious'), '');
    const before = readdirSync(file('other'));
    await expect(FileQueue.open(file('other'))).rejects.toThrow(`it holds ${join(name, 'precious')}, and no FORMAT, as a queue has: a queue wants a folder of its own`);
    expect(readdirSync(file('other'))).toEqual(before);
    expect(readdirSync(file('other', name))).toContain('precious');
  });

  it('makes its directories durable', async () => {
    operations.length = 0;
    await open();
    expect(operations.filter((operation) => operation.startsWith('sync')).slice(0, 2).map((operation) => operation.replace(/ehlo-\w+/, '*'))).toEqual([`sync ${basename(tmpdir())}/*`, 'sync */queue']);
  });

  it('gives back the mails that wait, oldest first', async () => {
    const queue = await open();
    for (const id of ['m3', 'm1', 'm2']) await queue.add({ ...BOB, id }, inPieces('Hello\r\n'));
    expect([...(await reopen(queue)).mails()].map(({ id }) => id)).toEqual(['m1', 'm2', 'm3']);
  });

  it('empties tmp/', async () => {
    const queue = await open();
    writeFileSync(file('tmp', 'm9-left'), 'half of it');
    await reopen(queue);
    expect(files('tmp')).toEqual([]);
  });

  const envelope = (text: string): string => `${text}${text.length.toString(16).padStart(8, '0')}\n`;
  const sound = { arrival: 1, reversePath: '<>', forwardPaths: ['<bob@b.test>'], size: 0, eightBit: false };
  it.each<[string, string]>([
    ['is empty', ''],
    ['is cut short', 'Hello\r\n{"arrival":1,"rev'],
    ['has no length at its end', 'Hello\r\n{}0000000g\n'],
    ['has a length beyond its beginning', '{}ffffffff\n'],
    ['has an envelope that is no JSON', envelope('{"arrival"')],
    ['has an envelope that is null', envelope('null')],
    ['has an envelope of another shape', envelope('{"size":0}')],
    ['has a size that is not its own', envelope(JSON.stringify({ ...sound, size: 1 }))],
    ['has a path that is none', envelope(JSON.stringify({ ...sound, forwardPaths: ['bob'] }))],
    ['has a reverse-path that is none', envelope(JSON.stringify({ ...sound, reversePath: 'x' }))],
    ['has no list of paths', envelope(JSON.stringify({ ...sound, forwardPaths: '<bob@b.test>' }))],
  ])('sets aside a file that %s, for a person, and goes on', async (_, content) => {
    const queue = await open();
    await queue.add(BOB, inPieces('Hello\r\n'));
    writeFileSync(file('mail', 'torn'), content);
    writeFileSync(file('state', 'torn'), '{}');
    const again = await reopen(queue);
    expect(again.dead).toEqual(['torn']);
    expect([files('mail'), files('dead'), files('state')]).toEqual([['m1'], ['torn'], []]);
    expect(decodeLatin1(readFileSync(file('dead', 'torn')))).toBe(content);
  });

  it.each(['', 'null', '{"recipients":[]}', '{"recipients":'])('tries all recipients again where the state is %j', async (state) => {
    const queue = await open();
    await queue.add(BOB, inPieces('Hello\r\n'));
    writeFileSync(file('state', 'm1'), state);
    expect((await reopen(queue)).mail('m1')?.recipients).toEqual([{ state: 'waiting' }]);
  });

  it('removes what is known of mails that are gone', async () => {
    const queue = await open();
    writeFileSync(file('state', 'm1'), '{}');
    await reopen(queue);
    expect(files('state')).toEqual([]);
  });

  it('refuses one of another version, in one line, and leaves it as it is', async () => {
    await (await open()).close();
    writeFileSync(file('FORMAT'), 'ehlo-queue 2\n');
    writeFileSync(file('mail', 'm1'), 'of the other version');
    await expect(open()).rejects.toThrow('the queue has the format "ehlo-queue 2", this version reads "ehlo-files 1"');
    expect(files('mail')).toEqual(['m1']);
    rmSync(file('state'), { recursive: true });
    await expect(open()).rejects.toThrow('the queue has the format');
    expect(files()).not.toContain('state'); // nothing is made in what is another's
    writeFileSync(file('FORMAT'), 'ehlo-files 1\n');
    expect((await open()).dead).toEqual(['m1']); // the lock was released
  });

  it('takes no FORMAT that cannot be read for one that is absent', async () => {
    mkdirSync(file());
    mkdirSync(file('FORMAT'));
    await expect(open()).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('is open to one at a time', async () => {
    const queue = await open();
    await expect(open()).rejects.toThrow('another process has this queue open');
    await reopen(queue);
  });

  it('cannot be made below a file', async () => {
    writeFileSync(join(directory.path, 'queue'), '');
    await expect(open()).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
