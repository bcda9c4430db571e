import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { replay } from '../../src/cli/replay.ts';
import { send as runSend } from '../../src/cli/send.ts';
import { collect } from '../../src/node/collect.ts';
import { listen } from '../../src/node/listen.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { inPieces } from '../support/content.ts';
import { startDnsServer } from '../support/dns-server.mjs';
import { latin1 } from '../support/raw-peer.ts';
import { EHLO, Program, run, type Ended } from '../support/program.ts';
import { FAREWELL, GREETING, startScriptedServer, taking, unusedPort } from '../support/scripted-server.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { deferred, until } from '../support/turn.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => {
  vi.restoreAllMocks();
  directory[Symbol.dispose]();
});

/** Runs `ehlo send --hostname client.test ARGS` in this process. */
async function send(...args: readonly string[]): Promise<Ended> {
  let out = '';
  let err = '';
  const status = await runSend(['--hostname', 'client.test', ...args], { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

/** The same as a program of its own, with a mail on standard input. */
function sendInput(input: string, ...args: readonly string[]): Promise<Ended> {
  return run(['send', '--hostname', 'client.test', ...args], directory.path, latin1(input));
}

/** Runs a command line; returns what it prints. */
function shell(line: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', line], { cwd: directory.path });
    let out = '';
    child.stdout.on('data', (octets) => (out += decodeLatin1(octets)));
    child.on('close', () => resolve(out));
  });
}

/** A file with a mail. */
function mailFile(content = 'Subject: hi\n\nhi\n'): string {
  const file = join(directory.path, 'mail.eml');
  writeFileSync(file, latin1(content));
  return file;
}

const REFUSING = (reply: string): readonly string[] => [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', `S: ${reply}`, ...FAREWELL];

describe('ehlo send', () => {
  it('sends standard input, and says of each recipient what became of it', async () => {
    await using server = await startScriptedServer(taking());
    const ended = await sendInput('Subject: hi\n\nhi\n', '--server', `127.0.0.1:${server.port}`, '--from', 'alice@a.test', '--to', 'bob@b.test');
    expect(ended).toEqual({ status: 0, out: `delivered <bob@b.test> 250 2.0.0 taken (127.0.0.1 [127.0.0.1]:${server.port})\n`, err: '' });
    await until(() => server.idle);
    expect(server.heard[0]).toBe('EHLO client.test\r\nMAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\nSubject: hi\r\n\r\nhi\r\n.\r\nQUIT\r\n');
  });

  it('sends UTF-8 in the header as 8BITMIME, as it always went (RFC 6531 §3.6)', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 8BITMIME', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go on', 'C: …', 'S: 250 taken', ...FAREWELL]);
    expect((await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', mailFile('Subject: k\xc3\xa4se\n\nhi\n'))).status).toBe(0);
    expect(server.heard[0]).toContain('MAIL FROM:<> BODY=8BITMIME\r\n');
  });

  it('writes a domain in U-labels as A-labels to a server without SMTPUTF8, but no local part (RFC 6531 §3.7)', async () => {
    await using server = await startScriptedServer(taking());
    const ended = await send('--server', `127.0.0.1:${server.port}`, '--from', 'alice@m\u00fcll.test', '--to', 'bob@k\u00e4se.test', '--to', 'b\u00f6b@b.test', mailFile());
    await until(() => server.idle);
    expect(server.heard[0]?.match(/^(?:MAIL|RCPT).*$/gm)).toEqual(['MAIL FROM:<alice@xn--mll-hoa.test>', 'RCPT TO:<bob@xn--kse-qla.test>']);
    expect(ended.out.split('\n').map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual(['delivered <bob@k\u00e4se.test> 250 2.0.0', 'failed <b\u00f6b@b.test> 553 5.6.7', '']);
  });

  it('writes to the postmaster of --server as such (§4.5.1)', async () => {
    await using server = await startScriptedServer(taking());
    const ended = await send('--server', `127.0.0.1:${server.port}`, '--to', 'Postmaster', mailFile());
    await until(() => server.idle);
    expect(server.heard[0]).toContain('RCPT TO:<Postmaster>\r\n');
    expect(ended.out).toMatch(/^delivered <Postmaster> 250 /);
  });

  it.each<[string, string, string]>([
    ['LF', 'a\n\n.b\n', 'a\r\n\r\n..b\r\n'],
    ['CRLF', 'a\r\n\r\n.b\r\n', 'a\r\n\r\n..b\r\n'],
    ['both, and the last line none', '\r\na\nb', '\r\na\r\nb\r\n'],
    ['nothing at all', '', ''],
    ['octets above 127', '\xff\xfe\n', '\xff\xfe\r\n'],
  ])('reads FILE, whose lines end in %s', async (_, content, sent) => {
    await using server = await startScriptedServer(taking());
    expect((await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', mailFile(content))).status).toBe(0);
    await until(() => server.idle);
    expect(server.heard[0]).toContain(`DATA\r\n${sent}.\r\nQUIT`);
    expect(server.heard[0]).toContain('MAIL FROM:<>');
  });

  it('sends one mail to all recipients over a server, whatever their domains', async () => {
    await using server = await startScriptedServer(taking(3));
    const { out } = await send('--server', `127.0.0.1:${server.port}`, '--to', '<bob@b.test>', '--to', 'carol@c.test', '--to', '<Postmaster>', mailFile());
    expect(out.match(/^delivered \S+/gm)).toEqual(['delivered <bob@b.test>', 'delivered <carol@c.test>', 'delivered <Postmaster>']);
    expect(server.connections).toBe(1);
  });

  it('says what became of a recipient while another destination still makes it wait, in their order', async () => {
    const gate = deferred();
    await using server = await listen({ host: '0.0.0.0', port: 0, hostname: 'mx.test' }, { ...collect(), rcpt: async ({ mailbox }) => (mailbox.domain.key === 'b.test' ? await gate.promise : undefined) });
    const dns = await startDnsServer({ 'b.test': { A: ['127.0.0.1'] }, 'c.test': { A: ['127.0.0.2'] } });
    let out = '';
    const ended = runSend(['--hostname', 'client.test', '--resolver', dns.address, '--mx-port', String(server.port), '--allow-private-targets', '--to', 'carol@c.test', '--to', 'bob@b.test', '--to', 'dave@c.test', mailFile()], { out: (text) => (out += text), err: () => undefined });
    await until(() => out !== '');
    expect(out).toMatch(/^delivered <carol@c\.test> .*\n$/);
    gate.resolve();
    expect(await ended).toBe(0);
    expect(out).toMatch(/^delivered <carol@c\.test> .*\ndelivered <bob@b\.test> .*\ndelivered <dave@c\.test> .*\n$/);
    await dns.close();
  });

  // found by trying: who stopped it while a host did not answer was not told whom the others had taken the mail for
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('that is stopped by %s says what it knows, each thing once and in its order, and ends by that', async (signal) => {
    const [asked, taken] = [deferred(), deferred()];
    const never = (): Promise<undefined> => new Promise(() => asked.resolve());
    await using server = await listen({ host: '0.0.0.0', port: 0, hostname: 'mx.test' }, { ...collect(), rcpt: ({ mailbox: { domain } }) => (domain.key === 'b.test' ? never() : domain.key === 'd.test' ? taken.promise : undefined), ended: () => taken.resolve() });
    const dns = await startDnsServer({ 'b.test': { A: ['127.0.0.1'] }, 'c.test': { A: ['127.0.0.2'] }, 'd.test': { A: ['127.0.0.3'] } });
    await using program = new Program(['send', '--hostname', 'client.test', '--resolver', dns.address, '--mx-port', String(server.port), '--allow-private-targets', '--to', 'carol@c.test', '--to', 'bob@b.test', '--to', 'dave@d.test', '--to', 'erin@c.test', mailFile()], directory.path);
    await Promise.all([asked.promise, taken.promise]);
    await until(() => server.sessions === 1); // the client knows, and has left
    expect(program.out).toMatch(/^delivered <carol@c\.test> .*\n$/);
    const { status, out } = await program.kill(signal);
    expect(status).toBe(signal);
    expect(out).toMatch(/^delivered <carol@c\.test> .*\ndelivered <dave@d\.test> .*\ndelivered <erin@c\.test> .*\n$/);
    await server.close(0);
    await dns.close();
  });

  it.each<[string, string, number, RegExp]>([
    ['some failed for good', '550 5.1.1 no such user', 69, /^failed <bob@b\.test> 550 5\.1\.1 no such user \(127\.0\.0\.1 \[127\.0\.0\.1\]:\d+\), in reply to RCPT\n$/],
    ['the class of the enhanced code is another', '550 4.1.1 gone', 69, /^failed <bob@b\.test> 550 5\.1\.1 gone \(/],
    ['there is no enhanced code', '550 gone', 69, /^failed <bob@b\.test> 550 5\.0\.0 gone \(/],
    ['some are deferred', '450 4.2.1 later', 75, /^deferred <bob@b\.test> 450 4\.2\.1 later \(.*\), in reply to RCPT\n$/],
  ])('ends with a status of its own where %s', async (_, reply, status, out) => {
    await using server = await startScriptedServer(REFUSING(reply));
    const ended = await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', mailFile());
    expect(ended).toEqual({ status, out: expect.stringMatching(out), err: '' });
  });

  it('ends with 69 where one recipient has failed for good, though another has the mail', async () => {
    await using server = await startScriptedServer([...taking().slice(0, -6), 'C: RCPT', 'S: 550 5.1.1 no such user', ...taking().slice(-6)]);
    const { status, out } = await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', '--to', 'carol@c.test', mailFile());
    expect(out).toMatch(/^delivered <bob@b\.test> .*\nfailed <carol@c\.test> .*\n$/);
    expect(status).toBe(69);
  });

  it('shows no password in the clear but with --tls off', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 AUTH PLAIN', ...FAREWELL]);
    const password = join(directory.path, 'password');
    writeFileSync(password, 'open sesame\n');
    expect((await send('--server', `127.0.0.1:${server.port}`, '--user', 'alice', '--password-file', password, '--to', 'bob@b.test', mailFile())).status).toBe(75);
    expect(server.heard[0]).toBe('EHLO client.test\r\nQUIT\r\n');
  });

  it('ends with 75 where nobody listens, and where the outcome is not known', async () => {
    const port = await unusedPort();
    expect(await send('--server', `127.0.0.1:${port}`, '--to', 'bob@b.test', mailFile())).toEqual({ status: 75, out: `deferred <bob@b.test> 451 4.4.1 127.0.0.1 port ${port}: connection refused (127.0.0.1 [127.0.0.1]:${port})\n`, err: '' });
    await using server = await startScriptedServer([...taking().slice(0, -3), '* reset']);
    expect(await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', mailFile())).toMatchObject({ status: 75, out: expect.stringMatching(/^unknown /) });
  });

  it('prints no control character that a server has said', async () => {
    await using server = await startScriptedServer(REFUSING('550 5.1.1 \x1b[2Jgone\x9b1m'));
    expect((await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', mailFile())).out).toContain(' 550 5.1.1 \\u001b[2Jgone\\u009b1m ');
  });

  it('prints what a server has said in UTF-8 (RFC 6531 §3.7.4) as it said it, and no more than 400 characters', async () => {
    await using server = await startScriptedServer(REFUSING(`550 5.1.1 j\xc3\xb6rg ${'\xf0\x9f\x90\x89'.repeat(400)}`));
    expect((await send('--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', mailFile())).out).toContain(` 550 5.1.1 jörg ${'🐉'.repeat(395)}… (`);
  });

  // shows RFC5321:4.5.3.2-3
  it('gives up a server that does not answer after --timeout', async () => {
    await using server = await startScriptedServer(['C: nothing']);
    expect(await send('--server', `127.0.0.1:${server.port}`, '--timeout', '1', '--to', 'bob@b.test', mailFile())).toMatchObject({ status: 75, out: expect.stringContaining('timed out') });
  });

  it.each<[readonly string[], string]>([
    [[], 'ehlo send: expected at least one --to PATH, found none\n'],
    [['--to', 'bob'], 'ehlo send: --to "bob": expected an address such as bob@example.com\n'],
    [['--to', '<>'], 'ehlo send: --to "<>": expected an address such as bob@example.com\n'],
    [['--to', 'bob@b.test', '--from', 'alice'], 'ehlo send: --from "alice": expected an address such as alice@example.org, or <> for none\n'],
    [['--to', 'bob@b.test', '--timeout', '0'], 'ehlo send: --timeout "0": expected an integer from 1 to 2147483\n'],
    [['--to', 'b\ufffdb@b.test'], 'ehlo send: --to "b\ufffdb@b.test": expected an address such as bob@example.com\n'], // Node's reading of \xff
    [['--to', 'bob@b.test', '--server', 'b.test', '--smarthost', 'c.test'], 'ehlo send: --server is where all of the mail goes: expected no --smarthost and no --route with it\n'],
    [['--to', 'bob@b.test', '--server', 'b.test', '--route', 'b.test=c.test:25'], 'ehlo send: --server is where all of the mail goes: expected no --smarthost and no --route with it\n'],
    [['--to', 'bob@b.test', '--tlss', 'off'], 'ehlo send: unknown option --tlss: did you mean --tls?\n'],
    [['--to', 'bob@b.test', '--tls', 'on'], 'ehlo send: --tls "on": expected one of off, opportunistic, require, verify\n'],
    [['--to', 'bob@b.test', '--user', 'alice'], 'ehlo send: --user needs --password-file FILE\n'],
    [['--to', 'bob@b.test', '--user', 'alice', '--password-file', 'x'], 'ehlo send: --user needs --server or --smarthost: whom MX names is no one to authenticate to\n'],
    [['--to', 'bob@b.test', '--password-file', 'x'], 'ehlo send: --password-file goes with --user NAME\n'],
    [['--to', 'bob@b.test', '--server', 'http://b.test'], 'ehlo send: --server "http://b.test": expected HOST:PORT, such as mx.example.org:25, 192.0.2.1:25 or [2001:db8::1]:25, perhaps behind smtp://, smtps:// (TLS at once, not on port 25 or 587) or lmtp:// (not on port 25)\n'],
    [['--to', 'bob@b.test', '--server', 'lmtp://b.test:25'], 'ehlo send: --server "lmtp://b.test:25": expected HOST:PORT, such as mx.example.org:25, 192.0.2.1:25 or [2001:db8::1]:25, perhaps behind smtp://, smtps:// (TLS at once, not on port 25 or 587) or lmtp:// (not on port 25)\n'], // RFC 2033 §5
    [['--to', 'bob@b.test', 'a', 'b'], 'ehlo send: unexpected "b": expected [FILE|-]\n'],
  ])('%j is misuse: one line and status 64', async (args, err) => {
    expect(await send(...args)).toEqual({ status: 64, out: '', err });
  });

  it('refuses a CR without LF, and says where it is', async () => {
    const file = mailFile('\ra\n');
    expect(await send('--to', 'bob@b.test', file)).toEqual({ status: 64, out: '', err: `ehlo send: a CR without LF at octet 0 of ${JSON.stringify(file)}: expected lines that end in LF or CRLF\n` });
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(inPieces('a\r'));
    expect(await send('--to', 'bob@b.test', '-')).toEqual({ status: 64, out: '', err: 'ehlo send: a CR without LF at octet 1 of standard input: expected lines that end in LF or CRLF\n' });
  });

  // found by trying: what has no end was read until memory had
  it('reads no more than a mail can have, and says so', async () => {
    const most = 536_870_912;
    expect(await send('--to', 'bob@b.test', '/dev/zero')).toEqual({ status: 64, out: '', err: `ehlo send: cannot read "/dev/zero": expected a mail (it has more than ${most} octets)\n` });
    let given = 0;
    vi.spyOn(process, 'stdin', 'get').mockReturnValue((async function* () { for (const piece = new Uint8Array(2 ** 27); given < 9; given += 1) yield piece; })());
    expect(await send('--to', 'bob@b.test')).toEqual({ status: 64, out: '', err: `ehlo send: cannot read standard input: expected a mail (it has more than ${most} octets)\n` });
    expect(given).toBeLessThan(6);
  });

  // found by running: Node reads nothing of it, without an error, and a mail without content was sent
  it('takes no directory for a mail', async () => {
    await using server = await startScriptedServer(taking());
    const command = `node '${EHLO}' send --server 127.0.0.1:${server.port} --to bob@b.test`;
    expect(await shell(`${command} 2>&1 <.; echo $?`)).toBe('ehlo send: cannot read standard input: expected a mail (it is a directory)\n64\n');
    expect(await shell(`${command} . 2>&1; echo $?`)).toBe('ehlo send: cannot read ".": expected a mail (illegal operation on a directory)\n64\n');
    expect(server.heard).toEqual([]);
  });

  it('says in one line that FILE cannot be read', async () => {
    expect(await send('--to', 'bob@b.test', 'none.eml')).toEqual({ status: 64, out: '', err: expect.stringMatching(/^ehlo send: cannot read "none\.eml": expected a mail \(.*\)\n$/) });
  });
});

describe('ehlo send --trace', () => {
  it('prints the dialogue on standard error, and no secret', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 AUTH PLAIN', 'C: AUTH PLAIN AGFsaWNlAG9wZW4gc2VzYW1l', 'S: 235 2.7.0 welcome', ...taking().slice(GREETING.length)]);
    const password = join(directory.path, 'password');
    writeFileSync(password, 'open sesame\nnot this\n');
    const { status, err } = await send('--server', `127.0.0.1:${server.port}`, '--tls', 'off', '--user', 'alice', '--password-file', password, '--trace', '--to', 'bob@b.test', mailFile());
    expect(status).toBe(0);
    for (const line of ['S: 220 mx.test', 'C: EHLO client.test', 'S: 235 2.7.0 welcome', 'C: MAIL FROM:<>', 'C: Subject: hi', 'S: 250 2.0.0 taken']) expect(err).toContain(`${line}\n`);
    expect(err).toMatch(/^C: AUTH PLAIN \S+$/m);
    expect(err).not.toContain('AGFsaWNlAG9wZW4gc2VzYW1l');
    expect(err).not.toContain('sesame');
  });

  it('prints one dialogue behind the other where there are several, as ehlo replay reads them', async () => {
    await using server = await listen({ host: '0.0.0.0', port: 0, hostname: 'mx.test' }, collect());
    const dns = await startDnsServer({ 'b.test': { A: ['127.0.0.1'] }, 'c.test': { A: ['127.0.0.2'] } });
    let err = '';
    const status = await runSend(['--hostname', 'client.test', '--resolver', dns.address, '--mx-port', String(server.port), '--allow-private-targets', '--trace', '--to', 'bob@b.test', '--to', 'carol@c.test', mailFile()], { out: () => undefined, err: (text) => (err += text) }).finally(() => dns.close());
    expect(status).toBe(0);
    await until(() => err.match(/^\* close$/gm)?.length === 2); // QUIT is answered behind the outcome
    expect(err.match(/^(?:Title|Source|C: RCPT|\* close).*/gm)?.map((line) => line.replace(/ehlo send .*,/, 'V'))).toEqual(['bob@b', 'carol@c'].flatMap((path) => ['Title: a mail is sent', 'Source: V secrets struck out', `C: RCPT TO:<${path}.test>`, '* close']));
    const file = join(directory.path, 'trace');
    writeFileSync(file, err);
    let out = '';
    expect(await replay([file], { out: (text) => (out += text), err: () => undefined })).toBe(0);
    expect(out.match(/as it was/g)?.length).toBe(2);
  });
});

describe('ehlo send on a terminal', () => {
  /** The same as `send`, in front of a terminal of 40 columns. */
  async function sendOnScreen(colours: boolean, ...args: readonly string[]): Promise<Ended> {
    let out = '';
    let err = '';
    const status = await runSend(['--hostname', 'client.test', ...args], { out: (text) => (out += text), err: (text) => (err += text), screen: { colours, columns: () => 40 } });
    return { status, out, err };
  }

  it('shows the dialogue of --trace in colours, unless NO_COLOR is set', async () => {
    await using server = await startScriptedServer(taking(), taking());
    const args = ['--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', '--trace', mailFile()];
    const { err } = await sendOnScreen(true, ...args);
    expect(err).toContain('\x1b[36mC: EHLO client.test\x1b[0m\n');
    expect(err).toContain('\x1b[32mS: 250 2.0.0 taken\x1b[0m\n');
    const plain = await sendOnScreen(false, ...args);
    expect(plain.err).toContain('C: EHLO client.test\n');
    expect(plain.err).not.toContain('\x1b');
  });

  const LARGE = `Subject: hi\n\n${`${'x'.repeat(70)}\n`.repeat(20_000)}`; // 1.4 MB

  it('says how far a large mail has come, on one line that is gone when the mail is', async () => {
    const sink = collect();
    await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test' }, sink);
    const file = mailFile(LARGE);
    const { status, out, err } = await sendOnScreen(true, '--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test', file);
    expect({ status, out }).toEqual({ status: 0, out: `delivered <bob@b.test> 250 2.0.0 mail accepted (127.0.0.1 [127.0.0.1]:${server.port})\n` });
    expect((await sink.next()).text.replaceAll('\r\n', '\n').endsWith(LARGE)).toBe(true); // not as a text that is shown where it is another
    const lines = err.split('\r\x1b[K');
    expect(lines.slice(0, 2)).toEqual(['', '0 %, 0.0 of 1.4 MB to 127.0.0.1']);
    expect(lines.at(-2)).toBe('100 %, 1.4 of 1.4 MB to 127.0.0.1, wait'); // one column is left free
    expect(lines.at(-1)).toBe('');
    expect(err).not.toContain('\n');
  });

  it('says nothing of a small one, nor of a large one where standard error is no terminal', async () => {
    await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test' }, collect());
    const to = ['--server', `127.0.0.1:${server.port}`, '--to', 'bob@b.test'];
    expect(await sendOnScreen(true, ...to, mailFile())).toMatchObject({ status: 0, err: '' });
    expect(await send(...to, mailFile(LARGE))).toMatchObject({ status: 0, err: '' });
  });
});

describe('ehlo send --tls', () => {
  it('says in one line that the authorities of --tls-ca cannot be used, or the password be read', async () => {
    const file = mailFile();
    expect(await send('--to', 'bob@b.test', '--tls-ca', 'none.pem', file)).toEqual({ status: 64, out: '', err: expect.stringMatching(/^ehlo send: --tls-ca "none\.pem": expected a file with certificates \(.*\)\n$/) });
    expect(await send('--to', 'bob@b.test', '--tls-ca', file, file)).toEqual({ status: 64, out: '', err: `ehlo send: --tls-ca ${JSON.stringify(file)}: the certificates of authorities cannot be used: expected PEM, text with a line -----BEGIN CERTIFICATE-----\n` });
    expect(await send('--server', '127.0.0.1:1', '--to', 'bob@b.test', '--user', 'alice', '--password-file', 'none', file)).toEqual({ status: 64, out: '', err: expect.stringMatching(/^ehlo send: --password-file "none": expected a file with a password \(.*\)\n$/) });
    for (const where of [['--server', 'smtps://b.test'], ['--smarthost', 'smtps://b.test'], ['--route', 'b.test=smtps://b.test']])
      expect(await send('--to', 'bob@b.test', '--tls', 'off', ...where, file)).toEqual({ status: 64, out: '', err: 'ehlo send: --tls off: expected another policy for a server with TLS at once\n' });
  });
});
