import { mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { chmod, chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { queue } from '../../src/cli/queue.ts';
import { Aborter } from '../../src/node/aborter.ts';
import { ControlServer } from '../../src/node/control.ts';
import { Journal } from '../../src/node/journal.ts';
import { operate } from '../../src/node/operation.ts';
import { makeParts, partFolder } from '../../src/node/part.ts';
import { pause } from '../../src/node/pause.ts';
import type { RecipientState } from '../../src/relay/queue/port.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { equal } from '../../src/wire/octet.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { mailOf } from '../support/memory-queue.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

/** An owner who is not root, by the numbers that most systems give to nobody. */
const NOBODY = { uid: 65_534, gid: 65_534 };

const DEFERRED: RecipientState = { state: 'waiting', reply: { code: 450, enhanced: '4.2.0', lines: ['greylisted \x1b[31m'] }, host: 'mx.b.test' };

let directory: TemporaryDirectory;
let path: string;
let running: { readonly journal: Journal; readonly control: ControlServer } | undefined;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'queue');
});
afterEach(async () => {
  await running?.control.close();
  await running?.journal.close();
  running = undefined;
  directory[Symbol.dispose]();
});

async function* of(text: string): AsyncGenerator<Uint8Array, void> {
  yield encodeAscii(text);
}

/** A queue with two mails, in which nothing happens. */
async function fill(): Promise<Journal> {
  const journal = await Journal.open(path);
  await journal.add(mailOf('m1', '<alice@a.test>', '<bob@b.test>', '<carol@c.test>'), of(`Subject: x\r\n\r\n${'x'.repeat(5000)}\r\n`));
  await journal.add(mailOf('m2', '<>', '<dave@d.test>'), of('\r\n'));
  await journal.settle('m1', [DEFERRED, { state: 'delivered' }], Date.now() + 3_700_000);
  return journal;
}

async function stopped(): Promise<void> {
  await (await fill()).close();
}

/** What the relay that runs was told. */
let told: string[];

async function started(): Promise<void> {
  const journal = await fill();
  told = [];
  const relaying = { retry: (id: string) => told.push(`retry ${id}`) < 2, giveUp: (id: string) => told.push(`give up ${id}`), isTrying: () => false, nextAttempt: () => undefined, behindDead: () => new Set<number>() };
  running = { journal, control: await ControlServer.open(path, (request) => operate(journal, request, relaying)) };
}

async function run(...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const status = await queue([...args, '--queue', path], { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

describe('ehlo queue, on a queue of which an octet has decayed', () => {
  it('says in one line what could not be read and where it is kept, and lists the rest', async () => {
    await stopped();
    const segment = join(path, 'journal', readdirSync(join(path, 'journal'))[0] ?? '');
    const octets = readFileSync(segment);
    octets[decodeLatin1(octets).indexOf('xxxx')] = 0x79;
    writeFileSync(segment, octets);
    const { status, out, err } = await run('list');
    expect(err).toMatch(/^ehlo: .*\/queue: could not be read, kept as dead\/1\.log: decayed at octet \d+\n$/);
    expect(status).toBe(0);
    expect(out).toMatch(/\nm2 [^]*\n1 mail for 1 recipient, 2 B\n$/);
    expect(equal(readFileSync(join(path, 'dead', '1.log')), octets)).toBe(true);
  });
});

const LIST = `ID                        SIZE  SINCE   NEXT       FROM
m1                      5.0 KB  0s      in 1h 1m   <alice@a.test>
    <bob@b.test>  mx.b.test: 450 4.2.0 greylisted \\u001b[31m
m2                         2 B  0s      due        <>
    <dave@d.test>  not tried yet
2 mails for 2 recipients, 5.0 KB
`;

/** The list as it is where the mails have just come: a machine may take seconds for it. */
const atOnce = (list: string): string => list.replace(/ {2}\d+s {6}/g, '  0s      ');

describe.each([['on a queue that nobody has open', stopped], ['on a relay that runs', started]] as const)('ehlo queue, %s', (_, begin) => {
  it('lists what waits, for whom, since when, why, and when next', async () => {
    await begin();
    const listed = await run('list');
    expect({ ...listed, out: atOnce(listed.out) }).toEqual({ status: 0, out: LIST, err: '' });
    const { out } = await run('list', '--json');
    expect(out.split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { readonly id: string }).id)).toEqual(['m1', 'm2']);
  });

  it('shows a mail, and says of one that is not there that it is not', async () => {
    await begin();
    const { status, out, err } = await run('show', 'm1', 'm9');
    expect({ status, err }).toEqual({ status: 66, err: `ehlo queue: ${path}: there is no mail "m9"\n` });
    expect(out).toMatch(/^id {12}m1\nfrom {10}<alice@a\.test>\n[^]*\nto {12}<carol@c\.test>\n {14}delivered: no reply\n\nSubject: x\n$/);
    expect(JSON.parse((await run('show', 'm1', '--json')).out)).toMatchObject({ id: 'm1', header: 'Subject: x\r\n' });
  });

  it('is asked for more mails than one request can name, and for what no mail is called', async () => {
    await begin();
    const many = Array.from({ length: 1500 }, (_, index) => `${'x'.repeat(80)}${index}`);
    const { status, out, err } = await run('hold', 'm1', ...many, 'y'.repeat(70_000), '../m2', 'm2');
    expect({ status, out }).toEqual({ status: 66, out: 'm1 is held\nm2 is held\n' });
    expect(err.split('\n').length - 1).toBe(1502);
    expect(err).toContain('there is no mail "../m2"\n');
  });

  it('sends a terminal no control characters of strangers, in JSON neither', async () => {
    await begin();
    const journal = running?.journal ?? (await Journal.open(path));
    await journal.add(mailOf('m3', '<alice@a.test>', '<bob@b.test>'), (async function* () {
      yield encodeUtf8('Subject: \u009b31m\x7f\u202e\r\n\r\n');
    })());
    if (running === undefined) await journal.close();
    const { out } = await run('show', 'm3', '--json');
    expect(out).toContain('Subject: \\u009b31m\\u007f\\u202e');
    expect(JSON.parse(out)).toMatchObject({ header: 'Subject: \u009b31m\x7f\u202e\r\n' });
    expect((await run('show', 'm3')).out).toContain('Subject: \\u009b31m\\u007f\\u202e\n');
  });

  it('holds, releases, removes and returns', async () => {
    await begin();
    expect(await run('hold', 'm1', 'm2')).toEqual({ status: 0, out: 'm1 is held\nm2 is held\n', err: '' });
    expect((await run('list')).out).toMatch(/^m1 .* held .*\n[^]*; 2 held\n$/m);
    expect((await run('release', 'm1', '--json')).out).toBe(`{"id":"m1","done":"release","running":${running !== undefined}}\n`);
    expect((await run('remove', 'm2')).out).toBe('m2 is removed\n');
    expect(await run('retry', 'm1')).toEqual({ status: 0, out: `m1 is ${running === undefined ? 'tried when the relay runs' : 'being tried already'}\n`, err: '' });
    expect((await run('bounce', 'm1')).out).toMatch(/^m1 is given up/);
    expect((await run('list')).out).toMatch(/^m1 .* returned .*\n[^]*\n1 mail for 1 recipient, 5\.0 KB\n$/m);
    if (running !== undefined) expect(told).toEqual(['retry m1', 'retry m1', 'give up m1']);
  });
});

describe('ehlo queue', () => {
  it('says that an empty queue is empty', async () => {
    await (await Journal.open(path)).close();
    expect(await run('list')).toEqual({ status: 0, out: 'the queue is empty\n', err: '' });
    expect(await run('list', '--json')).toEqual({ status: 0, out: '', err: '' });
  });

  // found by running: in a folder of root's which only a group lets the relay's user into, root's own segment kept the relay from starting
  it.each([
    ['his own', NOBODY],
    ['another\'s, where he may write by its group', NOBODY],
    ['another\'s, and he has a number and no name', { uid: 54_321, gid: 54_321 }],
  ])('writes for the owner of the queue, where root says what is to become of a mail, in a folder that is %s', async (whose, owner) => {
    await stopped();
    const { uid, gid } = process.getuid?.() === 0 ? owner : await stat(path); // only root can give it away
    for (const each of [directory.path, path, ...readdirSync(path, { recursive: true }).map((name) => join(path, name))]) await chown(each, uid, gid);
    if (whose !== 'his own' && process.getuid?.() === 0) {
      await chown(path, 0, 12_345); // no group of his
      await chmod(path, 0o770);
      unlinkSync(join(path, 'lock.key')); // it is made again
    }
    const program = new Program(['queue', '--queue', path, 'hold', 'm1'], directory.path);
    expect(await program.ended).toEqual({ status: 0, out: 'm1 is held\n', err: '' });
    const owners = await Promise.all(readdirSync(join(path, 'journal')).map(async (name) => (await stat(join(path, 'journal', name))).uid));
    expect([...owners, (await stat(join(path, 'lock.key'))).uid]).toEqual([uid, uid, uid]);
  });

  // found by running: root heard that it had no permission
  it.skipIf(process.getuid?.() !== 0)('says as whom root cannot read what root has written in the queue of another (only root can give it away: else left out)', async () => {
    await stopped();
    for (const each of [directory.path, path, ...['FORMAT', 'lock.key', 'journal', 'msg', 'tmp', 'dead'].map((name) => join(path, name))]) await chown(each, 54_321, 54_321);
    const name = readdirSync(join(path, 'journal')).toSorted().at(-1) ?? '';
    expect(await new Program(['queue', '--queue', path, 'list'], directory.path).ended).toEqual({ status: 69, out: '', err: `ehlo queue: ${path}: as the user 54321, whose queue it is: permission denied (${path}/journal/${name})\n` });
  });

  it('asks for nothing more when it has found each mail, once for each', async () => {
    await stopped();
    await makeParts(path, 2);
    const second = await Journal.open(partFolder(path, 2));
    expect(await run('hold', 'm1', 'm1')).toEqual({ status: 0, out: 'm1 is held\n', err: '' });
    await second.close();
  });

  it('writes nothing to a queue that it only looks at', async () => {
    await stopped();
    const before = readdirSync(join(path, 'journal'));
    for (const command of ['list', 'show']) await run(command, ...(command === 'show' ? ['m1'] : []));
    expect(readdirSync(join(path, 'journal'))).toEqual(before);
    expect(readdirSync(join(path, 'msg'))).toEqual([]);
  });

  const file = (name: string, text: string): void => writeFileSync(join(path, name), encodeAscii(text));
  const folder = (): void => void mkdirSync(path);
  it.each<readonly [what: string, make: () => void, status: number, text: string]>([
    ['a folder that is not there', () => undefined, 66, 'there is no queue'],
    ['a folder that is no queue', folder, 66, 'there is no queue'],
    ['a file', () => file('', 'x'), 66, 'there is no queue'],
    ['one that cannot be read', () => (folder(), mkdirSync(join(path, 'FORMAT'))), 69, 'illegal operation on a directory (QUEUE/FORMAT)'], // as --help has it; found by trying
    ['a file without an end', () => (folder(), symlinkSync('/dev/zero', join(path, 'FORMAT'))), 69, 'the queue has the format "", this version reads "ehlo-queue 1" to "ehlo-queue 3"'], // found by trying: it took all memory, as root, whoever's the folder was
    ['the simple queue', () => (folder(), file('FORMAT', 'ehlo-files 1\n')), 69, 'the queue has the format "ehlo-files 1", this version reads "ehlo-queue 1" to "ehlo-queue 3"'],
  ])('says what is wrong with %s, and makes none', async (_, make, status, text) => {
    make();
    expect(await run('list')).toEqual({ status, out: '', err: `ehlo queue: ${path}: ${text.replace('QUEUE', path)}\n` });
  });

  it('says that another program has the queue, where that does not answer', async () => {
    const journal = await fill();
    expect(await run('list')).toEqual({ status: 75, out: '', err: `ehlo queue: ${path}: another program has the queue open, and does not answer; try again\n` });
    await journal.close();
  });

  // found by running: of those who asked a relay that was told to end, some heard 69, as of a queue that cannot be read
  it('says that a relay has gone away that ended while it was asked', async () => {
    const journal = await fill();
    const control = await ControlServer.open(path, async function* (request) {
      yield* operate(journal, request);
      await control.close();
    });
    expect(await run('hold', 'm1')).toEqual({ status: 75, out: '', err: `ehlo queue: ${path}: the relay has gone away in the middle of its answer; try again\n` });
    await journal.close();
  });

  it('asks a relay that has only just come to listen', async () => {
    const journal = await fill();
    const listed = run('list');
    await pause(500, new Aborter().signal); // it reads its queue first, and nobody can ask it, nor have the queue
    running = { journal, control: await ControlServer.open(path, (request) => operate(journal, request)) };
    const { out, ...rest } = await listed;
    expect({ ...rest, out: atOnce(out) }).toEqual({ status: 0, out: LIST, err: '' });
  });

  it('tells what it has found broken', async () => {
    await stopped();
    writeFileSync(join(path, 'journal', '000009.log'), encodeAscii('what is this'));
    const listed = await run('list');
    expect({ ...listed, out: atOnce(listed.out) }).toEqual({ status: 0, out: LIST, err: `ehlo: ${path}: the last 12 octets were half written when the program died, and never acknowledged; kept as dead/9.torn\n` });
  });

  it.each([
    [['lst'], '"lst": did you mean list?'],
    [['frobnicate'], '"frobnicate": expected one of list, show, retry, hold, release, remove, bounce'],
    [['list', 'm1'], 'unexpected "m1": expected list alone'],
    [['hold'], 'hold: expected the ID of a mail, as ehlo queue list shows it'],
  ])('says what is wrong with %j', async (args, text) => {
    expect(await run(...args)).toEqual({ status: 64, out: '', err: `ehlo queue: ${text}\n` });
  });
});
