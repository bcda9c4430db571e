// What a recording needs: a server that writes down its sessions with a client, a client that writes down its session with a
// server, and the versions of programs.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { expect, expectEqual, PEERS, ROOT, until } from './harness.mjs';

export const CERT = join(ROOT, 'fixtures/tls/mx.pem'); // for mx.test, localhost and 127.0.0.1
export const KEY = join(ROOT, 'fixtures/tls/mx-key.pem');
export const [USER, PASSWORD] = ['tim', 'tanstaaf tanstaaf'];
export const FROM = 'alice@example.org';
export const TO = 'bob@example.com';

/** A mail with what dots are put before, and what is not ASCII. */
export const CONTENT = 'From: alice@example.org\nTo: bob@example.com\nSubject: recorded\nDate: Mon, 23 Nov 2026 12:00:00 +0000\nMessage-ID: <1@example.org>\n\nhello\n.one dot\n..two dots\n';

/** A file with the text. */
export function file(stage, text, name = 'content') {
  const path = join(stage.folder(name), name);
  writeFileSync(path, text);
  return path;
}

/**
 * Starts `ehlo serve` for example.com, which writes its sessions down. `traced(pattern)` waits for a session that came to its end
 * and in which the pattern is found.
 */
export async function serve(stage, args = []) {
  const traces = stage.folder('traces');
  const server = await stage.serve(['--hostname', 'mx.example.com', '--maildir', join(stage.folder('maildir'), 'Maildir'), '--accept', 'example.com', '--relay-from', '192.0.2.0/24', '--trace', traces, ...args]);
  return { server, port: server.port, traced: (pattern) => traced(traces, pattern) };
}

/** As `serve`, with TLS and with users: listeners for relays and for those who submit. */
export async function serveSecure(stage) {
  const made = await stage.ehlo(['passwd', USER], { input: `${PASSWORD}\n` });
  expectEqual(made.status, 0, `exit status of ehlo passwd (${made.err})`);
  const socket = join(stage.folder('socket'), 'lmtp.sock');
  const { server, traced: find } = await serve(stage, [
    ...['--listen', 'smtp://127.0.0.1:0', '--listen', 'submission://127.0.0.1:0', '--listen', `lmtp:${socket}`],
    ...['--tls-cert', CERT, '--tls-key', KEY, '--users', file(stage, made.out, 'users')],
  ]);
  const [, submission] = await server.find(/listening on submission:\/\/127\.0\.0\.1:(\d+)$/m);
  return { server, port: server.port, submission: Number(submission), socket, traced: find };
}

/** Starts `ehlo serve` as a relay for all mail to the port `to`; as `serve`. */
export async function serveRelay(stage, to) {
  const traces = stage.folder('traces');
  const server = await stage.serve(['--hostname', 'relay.example.org', '--smarthost', `127.0.0.1:${to}`, '--trace', traces]);
  return { server, port: server.port, traced: (pattern) => traced(traces, pattern) };
}

function traced(folder, pattern) {
  return until(`a session in which ${pattern} is found`, () => {
    const texts = readdirSync(folder).sort().map((name) => readFileSync(join(folder, name), 'utf8'));
    return texts.find((text) => text.endsWith('* close\n') && pattern.test(text));
  }, 30);
}

/** Sends a mail with `ehlo send`; returns the first session in which the pattern is found, as it wrote it down. */
export async function send(stage, server, { args = ['--tls', 'off'], to = [TO], content = CONTENT, status = 0, pattern = /^/ } = {}) {
  const ended = await stage.ehlo(['send', '--hostname', 'client.example.org', '--server', String(server), '--from', FROM, ...to.flatMap((path) => ['--to', path]), '--trace', ...args, file(stage, content)]);
  expectEqual(ended.status, status, `exit status of ehlo send (${ended.out}${ended.err})`);
  const found = ended.err.split(/^(?=Title: )/m).find((text) => pattern.test(text));
  expect(found !== undefined, `no session in which ${pattern} is found: ${ended.err}`);
  return found;
}

/** Runs a client to its end. */
export async function run(stage, command, args, { status = 0, ...options } = {}) {
  const ended = await stage.run(command, args, options);
  expect([status].flat().includes(ended.status), `exit status of ${command}: expected ${status}, found ${ended.status}: ${ended.out.slice(-1500)}${ended.err.slice(-1500)}`);
  return ended.out;
}

const LIBRARIES = ['usr/lib/postfix', ...['x86_64', 'aarch64'].flatMap((machine) => [`usr/lib/${machine}-linux-gnu`, `lib/${machine}-linux-gnu`])].map((path) => join(PEERS, path)).join(':');
/** The environment of unpacked programs, with the libraries beside them. */
export const UNPACKED = { ...process.env, LD_LIBRARY_PATH: LIBRARIES };

/** Finds a version in what a program prints: `version('swaks', SWAKS, ['--version'], /version (\S+)/)`. */
export const version = (name, command, args, pattern) => async (stage) => {
  const { out, err } = await stage.run(command, args, { env: UNPACKED });
  const [, found] = pattern.exec(out + err) ?? [];
  expect(found !== undefined, `the version of ${name} is not in ${out}${err}`);
  return `${name} ${found}`;
};

/** The version of a package of npm's. */
export const npmVersion = (name) => async () => `${name} ${JSON.parse(readFileSync(join(PEERS, name, 'node_modules', name, 'package.json'), 'utf8')).version}`;

/** The version of an unpacked package of Debian's, from its changelog. */
export const debianVersion = (name, debian) => async () => {
  const folder = join(PEERS, 'usr/share/doc', debian);
  const log = readdirSync(folder).find((each) => /^changelog\.Debian.*\.gz$/.test(each)) ?? 'changelog.gz';
  return `${name} ${/\((?:\d+:)?([^)]+)\)/.exec(gunzipSync(readFileSync(join(folder, log))).toString('utf8'))?.[1]}`;
};

const OF_POSTFIX = (name) => version(name, join(PEERS, 'usr/sbin/postconf'), ['-d', 'mail_version'], /mail_version = (\S+)/);
export const [POSTFIX, SMTP_SOURCE, SMTP_SINK] = ['Postfix', "Postfix's smtp-source", "Postfix's smtp-sink"].map(OF_POSTFIX);
export const EXIM = version('Exim', join(PEERS, 'usr/sbin/exim4'), ['--version'], /^Exim version (\S+)/);
export const OPENSMTPD = version('OpenSMTPD', join(PEERS, 'usr/sbin/smtpd'), ['-h'], /OpenSMTPD (\S+)/);
export const PYTHON = (name) => version(name, '/usr/bin/python3', ['--version'], /^Python (\S+)/);
export const SENDMAIL = debianVersion('Sendmail', 'sendmail-bin');
