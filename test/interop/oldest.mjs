// The built command under another Node, the oldest that it is for: two workers serve, each with its part of one queue; a mail goes in
// by `ehlo send` and lies in the Maildir; `ehlo queue` reads the queue through its control socket; a worker that is killed is
// replaced; SIGTERM ends it all with status 0.
//
//   node test/interop/oldest.mjs NODE          (the program `node` of that version)

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [, , node] = process.argv;
const EHLO = fileURLToPath(new URL('../../dist/cli/ehlo.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ehlo-oldest-'));
const run = (...args) => promisify(execFile)(node, [EHLO, ...args], { timeout: 20_000 });
const [queue, maildir, file] = ['queue', 'maildir', 'mail'].map((name) => join(folder, name));

const serve = spawn(node, [EHLO, 'serve', '--listen', 'smtp://127.0.0.1:0', '--hostname', 'mx.test', '--queue', queue, '--maildir', maildir, '--accept', 'local.test', '--workers', '2'], { stdio: ['ignore', 'pipe', 'pipe'] });
const ended = once(serve, 'exit');
let said = '';
for (const stream of [serve.stdout, serve.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));

/** Waits until the command has said it so often. */
async function heard(pattern, times = 1) {
  for (let rest = 200; rest > 0; rest -= 1) {
    const found = [...said.matchAll(pattern)];
    if (found.length >= times) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`expected ${pattern} ${times} times, heard: ${said}`);
}

try {
  const [[, port]] = await heard(/listening on smtp:\/\/127\.0\.0\.1:(\d+)/g);
  const [, second] = await heard(/ ready worker=\d pid=(\d+)/g, 2);
  writeFileSync(file, 'Subject: hello\n\nhello\n');
  const { stdout } = await run('send', '--server', `127.0.0.1:${port}`, '--to', 'bob@local.test', file);
  if (!stdout.startsWith('delivered <bob@local.test> 250 2.0.0 ')) throw new Error(`ehlo send said: ${stdout}`);
  const mails = readdirSync(join(maildir, 'new'));
  if (mails.length !== 1 || !readFileSync(join(maildir, 'new', mails[0]), 'latin1').endsWith('Subject: hello\r\n\r\nhello\r\n')) throw new Error(`the Maildir holds: ${mails}`);
  const list = await run('queue', 'list', '--queue', queue);
  if (list.stdout !== 'the queue is empty\n') throw new Error(`ehlo queue list said: ${list.stdout}${list.stderr}`);
  process.kill(Number(second[1]), 'SIGKILL');
  await heard(/ ready worker=\d pid=(\d+)/g, 3);
  serve.kill('SIGTERM');
  const [status] = await ended;
  if (status !== 0) throw new Error(`it ended with ${status}: ${said}`);
} finally {
  serve.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
