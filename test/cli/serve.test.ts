// `ehlo serve` as a program of its own where it serves, some tests to one: they run in their order. In this process where it cannot.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, chown, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { serve as runServe } from '../../src/cli/serve.ts';
import { Aborter } from '../../src/node/aborter.ts';
import { ListeningEntrance } from '../../src/node/entrance.ts';
import { Journal } from '../../src/node/journal.ts';
import { makeParts, partFolder } from '../../src/node/part.ts';
import { pause } from '../../src/node/pause.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { inPieces } from '../support/content.ts';
import { mailOf } from '../support/memory-queue.ts';
import { Program } from '../support/program.ts';
import { startScriptedServer, taking, unusedPort } from '../support/scripted-server.ts';
import { greet, refuseMany, submit } from '../support/submission.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
let free: number | undefined; // octets of the disk, in this process
const { statfs } = builtin('node:fs/promises') as { readonly statfs: (path: string) => Promise<object> };
replaceIn('node:fs/promises', { statfs: (path: string) => (free === undefined ? statfs(path) : Promise.resolve({ bavail: free, bsize: 1 })) });

const ANY_PORT = ['--listen', 'smtp://127.0.0.1:0'] as const;
const files = (...names: readonly string[]): readonly string[] => readdirSync(join(directory.path, ...names));

/** Starts `ehlo serve` in the directory. */
const serve = (...args: readonly string[]): Program => new Program(['serve', '--hostname', 'mx.test', ...args], directory.path);

/** Another loopback address, of IPv6 where the machine has that: a container may not. */
async function otherLoopback(): Promise<string> {
  const entrance = await ListeningEntrance.open({ host: '::1', port: 0 }).catch(() => undefined);
  await entrance?.close();
  return entrance === undefined ? '127.0.0.2' : '[::1]';
}

describe('ehlo serve with a Maildir, and a file of options', () => {
  let program: Program;
  let other: string;
  beforeAll(async () => {
    directory = temporaryDirectory();
    other = await otherLoopback();
    writeFileSync(join(directory.path, 'ehlo.json'), JSON.stringify({ 'queue': './elsewhere', 'listen': ['smtp://127.0.0.1:0', `smtp://${other}:0`], 'log': 'json', 'max-size': 2000, 'accept': ['b.test', 'c.test', 'Carol@e.test'] }));
    await (await Journal.open(join(directory.path, 'elsewhere'))).close();
    for (const name of files('elsewhere', 'journal')) writeFileSync(join(directory.path, 'elsewhere', 'journal', name), 'no record at all');
    program = serve('--config', 'ehlo.json', '--maildir', 'box', '--relay-from', '192.0.2.0/24', '--max-size', '1000', '--max-recipients', '100');
  });
  afterAll(async () => {
    await program[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  it('listens on each address that it is given, IPv6 too, and delivers mail of accepted domains into the Maildir', async () => {
    const [first, second] = await program.listening(2);
    expect(first).not.toBe(second);
    expect(program.err.split('\n').slice(1)).toEqual([`ehlo: listening on smtp://127.0.0.1:${first}`, `ehlo: listening on smtp://${other}:${second}`, '']);
    expect(await submit(first)).toMatch(/^250 /);
    const [name = ''] = files('box', 'new');
    expect(decodeLatin1(readFileSync(join(directory.path, 'box', 'new', name)))).toMatch(/^Return-Path: <alice@a\.test>\r\nReceived: [^]*\r\n\r\nhi\r\n$/);
  });

  // shows RFC5321:7.9-2
  it('relays for nobody but the clients of --relay-from', async () => {
    const peer = await greet((await program.listening(2))[0]);
    await peer.command('MAIL FROM:<alice@a.test>');
    expect(await peer.command('RCPT TO:<bob@d.test>')).toBe('550 5.7.1 relaying denied\r\n');
    expect(await peer.command('RCPT TO:<bob@c.test>')).toMatch(/^250 /);
    expect(await peer.command('RCPT TO:<bob@e.test>')).toBe('550 5.1.1 no such user\r\n');
    expect(await peer.command('RCPT TO:<carol@e.test>')).toMatch(/^250 /);
    peer.reset();
  });

  it('sets aside what cannot be read in its queue, and says so', async () => {
    await program.listening(2);
    expect(program.err).toMatch(/^ehlo: \.\/elsewhere: [^\n]+ kept as dead\/[^\n]+\nehlo: listening on /);
    expect(files('elsewhere', 'dead')).toHaveLength(1);
  });

  it('announces its limits, those of the command line before those of the file, and keeps to them', async () => {
    const peer = await greet((await program.listening(2))[0]);
    expect(await peer.command('EHLO client.test')).toContain('250-SIZE 1000\r\n');
    expect(await peer.command('MAIL FROM:<> SIZE=1001')).toMatch(/^552 5\.3\.4 /);
    await peer.command('MAIL FROM:<>');
    for (let count = 0; count < 100; count++) expect(await peer.command(`RCPT TO:<b${count}@b.test>`)).toMatch(/^250 /);
    expect(await peer.command('RCPT TO:<one-too-many@b.test>')).toMatch(/^452 4\.5\.3 /);
    peer.reset();
  });

  it('goes on when whoever reads its log stops', async () => {
    const [port] = await program.listening(2);
    program.stall();
    await refuseMany(port);
  });

  // shows RFC5321:3.8-6
  it('finishes the mail in hand before it ends, and says 421 to the rest: at SIGINT, also where nobody reads its log', async () => {
    const [port] = await program.listening(2);
    program.stall();
    const before = files('box', 'new').length;
    const idle = await greet(port);
    const busy = await greet(port);
    for (const line of ['MAIL FROM:<>', 'RCPT TO:<bob@b.test>', 'DATA']) await busy.command(line);
    const ended = program.kill('SIGINT');
    expect(await idle.rest()).toMatch(/^421 4\.3\.2 /);
    idle.end();
    expect(await busy.command('hi\r\n.')).toMatch(/^250 /);
    expect(await busy.rest()).toMatch(/^421 4\.3\.2 /);
    busy.end();
    expect((await ended).status).toBe(0);
    expect(files('box', 'new')).toHaveLength(before + 1);
  });

  it('has logged as its file of options says', () => {
    const [line = ''] = program.out.split('\n');
    expect(JSON.parse(line)).toMatchObject({ event: 'accepted' });
  });

  it('ends at once at a second SIGINT, a mail in hand or not', async () => {
    program = serve('--config', 'ehlo.json');
    const [port] = await program.listening(2);
    const [idle, busy] = [await greet(port), await greet(port)];
    await busy.command('MAIL FROM:<>');
    const ended = program.kill('SIGINT');
    expect(await idle.rest()).toMatch(/^421 4\.3\.2 /);
    void program.kill('SIGINT');
    expect((await ended).status).toBe(130);
  });
});

// found by running: `sudo ehlo serve`, once and by mistake, and the relay's own user could not open his queue any more
describe.skipIf(process.getuid?.() !== 0)('ehlo serve, begun by root (only root can give a queue away: else left out)', () => {
  it.each([
    ['on the queue of another goes on as that one, and says so', [], 65_534, 65_534],
    ['on the queue of who has a number and no name likewise', [], 54_321, 54_321],
    ['stays root where that is what it is told', ['--user', 'root'], 65_534, 0],
  ])('%s', async (_, args, owner, uid) => {
    directory = temporaryDirectory();
    await (await Journal.open(join(directory.path, 'queue'))).close();
    for (const each of ['', 'queue', ...files('queue').map((name) => join('queue', name)), ...files('queue', 'journal').map((name) => join('queue', 'journal', name))]) await chown(join(directory.path, each), owner, owner);
    await using program = serve(...ANY_PORT, ...args);
    const [port] = await program.listening();
    expect(program.err).toMatch(uid === 0 ? /^ehlo: listening on [^\n]+\n$/ : /^ehlo: the queue \.\/queue belongs to the user \w+, who could not read what root writes there: going on as \w+ \(--user root to stay root\)\nehlo: listening on [^\n]+\n$/);
    expect(await submit(port)).toMatch(/^250 /);
    expect(await Promise.all(files('queue', 'journal').map(async (name) => (await stat(join(directory.path, 'queue', 'journal', name))).uid))).toEqual([uid]);
    await program.kill('SIGTERM');
    directory[Symbol.dispose]();
  });

  it.each(['tmp', 'new'])('does not begin as a user who cannot write to the Maildir, to its %s: each mail would be refused', async (unwritable) => {
    directory = temporaryDirectory();
    for (const name of ['box', 'box/cur', 'box/new', 'box/tmp']) mkdirSync(join(directory.path, name));
    for (const [name, mode] of [['', 0o777], ['box', 0o755], ['box/tmp', 0o777], ['box/new', 0o777], [`box/${unwritable}`, 0o755]] as const) await chmod(join(directory.path, name), mode);
    expect(await serve(...ANY_PORT, '--user', 'nobody', '--accept', '*', '--maildir', 'box').ended).toEqual({ status: 73, out: '', err: `ehlo: cannot open the Maildir box: permission denied (${directory.path}/box/${unwritable})\n` });
    directory[Symbol.dispose]();
  });
});

describe('ehlo serve with a queue', () => {
  let nobody: number;
  let program: Program;
  beforeAll(async () => {
    directory = temporaryDirectory();
    nobody = await unusedPort();
    const scrypt = (name: string): string => `${name}:$scrypt$ln=14,r=8,p=5$1W8sjoOz6KMRufAiek9n1g$Wxbyxf4j4sHD/rxnaVhaPXtBCJFP+YweyodYF+XSDNA\n`;
    writeFileSync(join(directory.path, 'users'), `${['bob', 'carol', 'dave', 'erin', 'frank'].map(scrypt).join('')}alice:SCRAM-SHA-256$100000:WBsC9Nfo6bnAasBWUVLCSg==$eHb9+p9GvPild7AvRR2t4K2UPZ8C7W92Sim4TJk/YwA=:lSSsEICylIx7V40kgj3VhqxADAZzSSgXTvv1GsjHm54=\n`);
    program = serve(...ANY_PORT, '--route', `b.test=127.0.0.1:${nobody}`, '--route', 'd.test=smtps://[::1]', '--route', 'c.test=[::1]:465', '--maildir', 'box', '--users', 'users');
  });
  afterAll(async () => {
    await program[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  it('says so where a Maildir is given, and no domain whose mail it is for; a next hop that may never greet; or users that have no way in with SCRAM, which is offered', async () => {
    const [port] = await program.listening();
    expect(program.err).toBe(`ehlo: --maildir without --accept DOMAIN: no mail is delivered into it but that for <postmaster>\nehlo: [::1]:465: servers on port 465 wait for TLS as a rule, and do not greet before: smtps://[::1]:465 begins with it\nehlo: --users: SCRAM-SHA-256 is offered, which bob, carol, dave and 2 more cannot use: many clients try nothing else; ehlo passwd makes lines that serve PLAIN and LOGIN too\nehlo: listening on smtp://127.0.0.1:${port}\n`);
  });

  it('delivers what it had taken before it was killed, and what was taken by a worker where there are none now; and relays what it takes', async () => {
    expect(await submit((await program.listening())[0])).toMatch(/^250 /);
    await program.kill('SIGKILL');
    await makeParts(join(directory.path, 'queue'), 2);
    const second = await Journal.open(partFolder(join(directory.path, 'queue'), 2));
    await second.add(mailOf('second', '<alice@a.test>', '<dave@d.test>'), inPieces('hi\r\n'));
    await second.close();
    await using server = await startScriptedServer(taking(), taking());
    await using other = await startScriptedServer(taking());
    program = serve(...ANY_PORT, '--route', `b.test=127.0.0.1:${server.port}`, '--route', `d.test=127.0.0.1:${other.port}`, '--route', `c.test=127.0.0.1:${nobody}`);
    await program.logged('done', 2);
    expect(program.out).toContain(' delivered id=second to=<dave@d.test> ');
    expect([server.connections, other.connections]).toEqual([1, 1]);
    await submit((await program.listening())[0]);
    await program.logged('done', 3);
    expect(server.heard[0]).toMatch(/^EHLO mx\.test\r\n[^]*DATA\r\nReceived: from client\.test /);
    expect(program.out.match(/ delivered id=\w+ to=<bob@b\.test> host=127\.0\.0\.1 /g)).toHaveLength(2);
  });

  it('takes mail into the queue of its directory, and goes on when whoever reads its log has gone', async () => {
    const [port] = await program.listening();
    expect(await submit(port, 'c.test')).toMatch(/^250 2\.0\.0 queued as \w+\r\n$/);
    await program.logged('deferred');
    program.deafen();
    for (let count = 0; count < 3; count++) expect(await submit(port, 'c.test')).toMatch(/^250 /);
  });

  it('says where it listens and nothing more, opens no debugger at SIGUSR1, ends with 0 at SIGTERM, and keeps what waits', async () => {
    const [port] = await program.listening();
    program.signal('SIGUSR1');
    for (let count = 0; count < 3; count++) (await greet(port)).end();
    const { status, err } = await program.kill('SIGTERM');
    expect({ status, err }).toEqual({ status: 0, err: `ehlo: listening on smtp://127.0.0.1:${port}\n` });
    expect(await queued('queue')).toBe(4);
  });

  it('gives up a notification no later than --expire, at which a mail is', async () => {
    program = serve(...ANY_PORT, '--queue', 'short', '--expire', '0s', '--smarthost', `127.0.0.1:${nobody}`);
    expect(await submit((await program.listening())[0])).toMatch(/^250 /);
    await program.logged('undeliverable');
    expect(program.out).toMatch(/ bounced id=\w+ to=<bob@b\.test> notification=/);
  });
});

/** Mails that wait in the queue of a directory, once the program has ended. */
async function queued(name: string): Promise<number> {
  const queue = await Journal.open(join(directory.path, name));
  const mails = [...queue.mails()];
  await queue.close();
  return mails.length;
}

describe('ehlo serve where other machines may connect', () => {
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => directory[Symbol.dispose]());

  it.each([[[], /^554 5\.6\.0 /], [['--lenient', 'longTextLines'], /^250 /]] as const)('refuses text lines that are too long, but for %j', async (args, reply) => {
    await using program = serve(...ANY_PORT, '--maildir', 'box', '--accept', '*', ...args);
    const peer = await greet((await program.listening())[0]);
    for (const line of ['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await peer.command(line);
    expect(await peer.command(`${'x'.repeat(2_000)}\r\n.`)).toMatch(reply);
    expect(program.out).toEqual(args.length === 0 ? '' : expect.stringContaining(' lenient client=127.0.0.1 name=longTextLines source='));
    peer.reset();
  });

  // found by running: mail for <postmaster> was accepted, and returned to its sender with 5.4.6
  it.each([
    ['says so', ['--listen', 'smtp://0.0.0.0:0'], 'ehlo: mail for postmaster@mx.test goes by MX, and is returned where that leads back here: --route mx.test=HOST:PORT sends it elsewhere, --maildir DIR keeps it\n'],
    ['need not, where there is a route', ['--listen', 'smtp://0.0.0.0:0', '--route', '.test=127.0.0.1:1'], ''],
  ] as const)('and its own postmaster has no way but by MX %s (§4.5.1)', async (_, args, said) => {
    await using program = serve(...args);
    const [port] = await program.listening();
    expect(program.err).toBe(`${said}ehlo: listening on smtp://0.0.0.0:${port}\n`);
  });
});

describe('ehlo serve that cannot', () => {
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => directory[Symbol.dispose]());

  /** Runs it in this process: it comes to no listening. */
  async function attempt(...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
    let out = '';
    let err = '';
    const status = await runServe(args, { out: (text) => (out += text), err: (text) => (err += text) });
    return { status, out, err };
  }

  it('listen on a port that is in use says so in one line, with status 69, and frees its queue', async () => {
    await using other = await startScriptedServer();
    const queue = join(directory.path, 'queue');
    expect(await attempt('--hostname', 'mx.test', '--queue', queue, ...ANY_PORT, '--listen', `smtp://127.0.0.1:${other.port}`)).toEqual({ status: 69, out: '', err: `ehlo: cannot listen on 127.0.0.1:${other.port}: the port is in use by another program (ss -ltnp tells which)\n` });
    await (await Journal.open(queue)).close();
  });

  it('serve what systemd hands on, since --listen names other places, says so: nobody would be answered there', async () => {
    await using other = await startScriptedServer();
    vi.stubEnv('LISTEN_PID', String(process.pid)).stubEnv('LISTEN_FDS', '2').stubEnv('LISTEN_FDNAMES', 'smtp:submission');
    try {
      const taken = ['--listen', `smtp://127.0.0.1:${other.port}`] as const;
      expect((await attempt(...taken)).err).toMatch(/^ehlo: --listen is given, without what systemd hands on, smtp:fd\/3, submission:fd\/4: whoever connects there is not answered\nehlo: cannot listen on /);
      expect((await attempt(...taken, '--listen', 'lmtp:fd/3')).err).toMatch(/^ehlo: --listen is given, without what systemd hands on, submission:fd\/4: /);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('open a queue that another has says so in one line, with status 73', async () => {
    const path = join(directory.path, 'queue');
    const queue = await Journal.open(path);
    expect(await attempt(...ANY_PORT, '--queue', path)).toEqual({ status: 73, out: '', err: `ehlo: cannot open the queue ${path}: another process has this queue open: it has to end first, or this one have a queue of its own\n` });
    await queue.close();
  });

  // found by running: a relay that was started while `ehlo queue list` read its queue ended with status 73, which systemd takes for final
  it('open a queue that another has for a moment wait for it', async () => {
    const [path, file] = [join(directory.path, 'queue'), join(directory.path, 'file')];
    writeFileSync(file, '');
    const queue = await Journal.open(path, { idle: true });
    const attempted = attempt(...ANY_PORT, '--queue', path, '--maildir', file);
    await pause(300, new Aborter().signal);
    await queue.close();
    expect((await attempted).err).toMatch(/^ehlo: cannot open the Maildir /); // so far it has come
  });

  it.each([['queue', '--queue'], ['Maildir', '--maildir']])('make a %s says so in one line, with status 73', async (name, option) => {
    const file = join(directory.path, 'file');
    writeFileSync(file, '');
    expect(await attempt(...ANY_PORT, '--queue', join(directory.path, 'queue'), option, join(file, 'below'))).toEqual({ status: 73, out: '', err: `ehlo: cannot open the ${name} ${file}/below: a file has that name, expected a folder (${file})\n` });
  });

  // found by running: it was 77, as if the user could not be become, on a full disk too
  it('make a folder for the user of --user says so in one line, with status 73', async () => {
    const [file, { username }] = [join(directory.path, 'file'), userInfo()];
    writeFileSync(file, '');
    expect(await attempt(...ANY_PORT, '--user', username, '--queue', join(file, 'below'))).toEqual({ status: 73, out: '', err: `ehlo: cannot make ${file}/below for the user ${username}: a file has that name, expected a folder (${file})\n` });
  });

  // found by running: a relay that was started while its disk was full ended with status 73, and systemd let it be when there was room again
  it.each([
    ['ENOSPC', 'no space left on device', Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })],
    ['EDQUOT', 'disk quota exceeded', Object.assign(new Error('EDQUOT: disk quota exceeded, write'), { code: 'EDQUOT' })],
    ['ENOSPC, for the socket of its lock', 'cannot listen on lock: the disk is full', new Error('cannot listen on lock: the disk is full', { cause: Object.assign(new Error('listen ENOSPC'), { code: 'ENOSPC' }) })],
    ['EMFILE', 'too many open files (journal)', Object.assign(new Error("EMFILE: too many open files, scandir 'journal'"), { code: 'EMFILE' })], // who had connected already had them
  ])('open a queue for want of room, or of descriptors, (%s) says so in one line, with status 75: try again', async (_, text, error) => {
    const opening = vi.spyOn(Journal, 'open').mockRejectedValue(error);
    try {
      const path = join(directory.path, 'queue');
      expect(await attempt(...ANY_PORT, '--queue', path)).toEqual({ status: 75, out: '', err: `ehlo: cannot open the queue ${path}: ${text}\n` });
    } finally {
      opening.mockRestore();
    }
  });

  // found by running: on a disk of 100 MB all mail was refused, and no word said that 128 MiB are kept free
  it.each([[128, true], [129, false]])('write its traces has said before, where %i MiB of the disk are free, whether there is room for mail: none is %s', async (mebibytes, none) => {
    const [path, file] = [join(directory.path, 'queue'), join(directory.path, 'file')];
    writeFileSync(file, '');
    free = mebibytes * 1_048_576;
    const { err } = await attempt('--hostname', 'mx.test', ...ANY_PORT, '--queue', path, '--trace', file);
    free = undefined;
    const told = `ehlo: ${path}: there is no room for mail, which is refused with 452 until there is: 128 MiB of the disk stay free, and as much as the journal writes before it drops what is old; and what waits may fill a quarter of the memory\n`;
    expect(err).toMatch(/ehlo: cannot write traces to [^\n]+\n$/);
    expect(err.startsWith(told)).toBe(none);
  });

  it('read a queue of another version says so in one line, with status 73', async () => {
    const path = join(directory.path, 'queue');
    await (await Journal.open(path)).close();
    writeFileSync(join(path, 'FORMAT'), 'ehlo-queue 9 00000000\n');
    expect(await attempt(...ANY_PORT, '--queue', path)).toEqual({ status: 73, out: '', err: `ehlo: cannot open the queue ${path}: the queue has the format "ehlo-queue 9 00000000", this version reads "ehlo-queue 1" to "ehlo-queue 3"\n` });
  });

  it.each<[readonly string[], string | RegExp]>([
    [['--listen', 'localhost'], /^ehlo serve: --listen "localhost": expected SCHEME:\/\/HOST:PORT.*such as smtp:\/\/127\.0\.0\.1:2525/],
    [['--listen', 'smtps://127.0.0.1:465'], 'ehlo serve: --listen smtps: expected --tls-cert and --tls-key with it\n'],
    [['--listen', 'submission://127.0.0.1:587'], 'ehlo serve: --listen submission: expected --users with it, since nobody may submit without AUTH\n'],
    [['--listen', 'smtp://127.0.0.1:65536'], /^ehlo serve: --listen "smtp:\/\/127\.0\.0\.1:65536": expected /],
    [['--listen', 'smtp://[127.0.0.1]:25]'], /^ehlo serve: --listen /],
    [['--accept', 'bücher.example'], 'ehlo serve: --accept "bücher.example": expected a domain such as example.org (as xn--… where it is not ASCII), * for every domain, or a mailbox such as alice@example.org\n'],
    [['--accept', '@b.test'], /^ehlo serve: --accept "@b\.test": expected a domain /],
    [['--accept', 'bob@b.test', '--accept', 'B.test'], 'ehlo serve: --accept bob@b.test: expected no --accept b.test with it, which takes mail for all mailboxes there\n'],
    [['--accept', '*', '--accept', 'bob@b.test'], 'ehlo serve: --accept bob@b.test: expected no --accept \'*\' with it, which takes mail for all mailboxes there\n'],
    [['--lenient', 'all'], 'ehlo serve: --lenient "all": expected one of bareLfInCommand, spaceAroundColon, missingAngleBrackets, oddDotsInLocalPart, unknownParameters, longTextLines, repairLineEnds\n'],
    [['--relay-from', '10.0.0.0/33'], 'ehlo serve: --relay-from "10.0.0.0/33": expected a range of addresses such as 192.0.2.0/24 or 2001:db8::/32\n'],
    [['--max-recipients', '0'], 'ehlo serve: --max-recipients "0": expected an integer, 1 or more\n'],
    [['--max-size', '4000000001'], 'ehlo serve: --max-size "4000000001": expected an integer from 0 to 4000000000\n'],
    [['--expire', '999999999d'], 'ehlo serve: --expire "999999999d": expected a duration such as 90s, 30m, 2h or 5d, up to 36500d\n'],
    [['--retry', '5 minutes'], 'ehlo serve: --retry "5 minutes": expected durations parted by commas, such as 7m,30m,1h,3h, each up to 36500d\n'],
    [['--expire', '0'], 'ehlo serve: --expire "0": expected a duration such as 90s, 30m, 2h or 5d, up to 36500d\n'],
    [['--log', 'xml'], 'ehlo serve: --log "xml": expected one of text, json\n'],
    [['--config', 'none.json'], /^ehlo serve: --config none\.json: expected a file with a JSON object \(.*\)\n$/],
    [['--tls-cert', 'cert.pem'], 'ehlo serve: --tls-cert and --tls-key: expected both or neither\n'],
    [['--lisen', 'smtp://127.0.0.1:0'], 'ehlo serve: unknown option --lisen: did you mean --listen?\n'],
    [['mail'], 'ehlo serve: unexpected "mail": expected options only\n'],
  ])('understand %j says in one line what would be right, with status 64', async (args, line) => {
    const { status, out, err } = await attempt(...args);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(line);
    expect(err.split('\n')).toHaveLength(2);
  });
});
