// `ehlo serve --workers`: several processes, one port, one queue in parts.
//
// Processes are dear: these tests share a relay with two workers, in their order, and what it leaves behind.

import process from 'node:process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queue as runQueue } from '../../src/cli/queue.ts';
import { Journal } from '../../src/node/journal.ts';
import { makeParts, partFolder } from '../../src/node/part.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { inPieces } from '../support/content.ts';
import { mailOf } from '../support/memory-queue.ts';
import { Program, type Ended } from '../support/program.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { startScriptedServer, taking, unusedPort } from '../support/scripted-server.ts';
import { greet, refuseMany, submit as submitTo } from '../support/submission.ts';
import { startTls } from '../support/tls-peer.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
let queue: string; // its path is longer than the address of a socket
let nobody: number;
let program: Program; // the one that has the queue, or had it last
const waiting: string[] = []; // the ids of mails for b.test that it has taken

const pem = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/tls', `${name}.pem`), 'utf8');
const write = (name: string, text: string): void => writeFileSync(join(directory.path, name), text);

const argumentsOf = (workers: number): readonly string[] => ['serve', '--hostname', 'mx.test', '--listen', 'smtp://127.0.0.1:0', '--queue', queue, '--workers', String(workers)];

beforeAll(async () => {
  directory = temporaryDirectory();
  queue = join(directory.path, 'long'.repeat(40), 'queue');
  nobody = await unusedPort();
  write('cert', pem('mx'));
  write('key', pem('mx-key'));
  program = new Program([...argumentsOf(2), '--metrics', '127.0.0.1:0', '--trace', 'traces', '--tls-cert', 'cert', '--tls-key', 'key', '--relay-from', '192.0.2.1/32', '--accept', 'b.test', '--route', `b.test=127.0.0.1:${nobody}`], directory.path);
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** Sends a mail; returns its id, or the reply where there is none. */
async function submit(domain = 'b.test'): Promise<string> {
  const reply = await submitTo((await program.listening())[0], domain);
  const id = /queued as (\w+)/.exec(reply)?.[1] ?? reply;
  if (domain === 'b.test') waiting.push(id);
  return id;
}

/** Runs `ehlo queue ARGS` in this process. */
async function ask(...args: readonly string[]): Promise<Ended> {
  let [out, err] = ['', ''];
  const status = await runQueue([...args, '--queue', queue], { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

/** The ids that `ehlo queue list` knows. */
async function listed(): Promise<readonly string[]> {
  const { out } = await ask('list', '--json');
  return out.trim().split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { readonly id: string }).id).sort();
}

/** Kills the newest process of the worker with this number, or tells it to end. */
async function killWorker(worker: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number> {
  await program.logged(`ready worker=${worker}`);
  const pid = Number([...program.out.matchAll(new RegExp(`^\\S+ ready worker=${worker} pid=(\\d+)$`, 'gm'))].at(-1)?.[1]);
  if (!(pid > 1)) throw new Error(`no worker ${worker} in ${program.out}`); // 0 would be this process and its kin
  process.kill(pid, signal);
  return pid;
}

async function scrape(): Promise<string> {
  await program.listening();
  const [, port] = /metrics on http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.err) ?? [];
  const peer = await RawPeer.connect(Number(port));
  peer.say('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return peer.rest();
}

/** The names in the certificates of both workers, each once. */
async function certified(): Promise<readonly string[]> {
  const [port = 0] = await program.listening();
  const names = await Promise.all([1, 2].map(async () => {
    const peer = await RawPeer.connect(port);
    await peer.reply();
    await peer.command('EHLO client.test');
    const { tls } = await startTls(peer);
    const { CN } = tls.getPeerCertificate().subject;
    tls.destroy();
    return CN;
  }));
  return [...new Set(names)];
}

describe('ehlo serve --workers', () => {
  it('shares connections out, and tells of the whole queue', async () => {
    const ids = [await submit(), await submit(), await submit(), await submit()].sort();
    expect(await listed()).toEqual(ids);
    const parts = ['.', 'part/2'].map((part) => decodeLatin1(readFileSync(join(queue, part, 'journal/000001.log'))));
    expect(parts.map((journal) => ids.filter((id) => journal.includes(id)).length)).toEqual([2, 2]);

    const { status, out } = await ask('hold', ...ids);
    expect({ status, lines: out.trim().split('\n').sort() }).toEqual({ status: 0, lines: ids.map((id) => `${id} is held`) });
    expect(await ask('show', 'nosuch')).toMatchObject({ status: 66, err: `ehlo queue: ${queue}: there is no mail "nosuch"\n` });
    const metrics = await scrape();
    for (const line of ['ehlo_mails_total{verdict="accepted"} 4', 'ehlo_commands_total{verb="DATA"} 4', 'ehlo_queue_mails{state="held"} 4', 'ehlo_queue_mails{state="waiting"} 0', 'ehlo_workers 2', 'ehlo_worker_deaths_total 0']) expect(metrics).toContain(`\n${line}\n`);
  });

  it('is reached by ehlo queue where the path of its queue is longer than the address of a socket', async () => {
    await program.listening();
    expect(queue.length).toBeGreaterThan(108);
    expect(await ask('show', await submit())).toMatchObject({ status: 0, out: expect.stringContaining('<bob@b.test>') as string, err: '' });
  });

  it('takes a client that has ended its side for one that still listens', async () => {
    const [port = 0] = await program.listening();
    const peer = await RawPeer.connect(port);
    peer.say('EHLO a.test\r\nNOOP\r\n');
    peer.end();
    expect(await peer.rest()).toMatch(/^220 [^]*\r\n250 2\.0\.0 [^\r]*\r\n$/);
  });

  it('reads its files again for all workers, and keeps the old ones where one is bad: one line', async () => {
    const before = await certified();
    write('cert', pem('other'));
    program.signal('SIGHUP');
    await program.logged('error');
    expect(program.out).toMatch(/ error text="not reloaded, the old ones stay: [^"]*"\n/);
    expect(await certified()).toEqual(before);
    write('key', pem('other-key'));
    program.signal('SIGHUP');
    await program.logged('reloaded');
    expect(program.out).toMatch(/ reloaded files=cert,key\n/);
    const after = await certified();
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
  });

  it('replaces a worker that is killed, on the same port, with its part of the queue and what stands in the files now, and loses nothing', async () => {
    await Promise.all(Array.from({ length: 6 }, () => submit()));
    const before = await certified();
    await scrape(); // and so it is known what has been counted
    const killed = [await killWorker(1), await killWorker(2)]; // both at once: nobody has the port but the primary
    await program.logged('died', 2);
    expect(await submit()).toMatch(/^\w{15}$/); // it waits for the banner
    await program.logged('ready', 4);
    for (const pid of killed) expect(program.out).toMatch(new RegExp(`died worker=\\d pid=${pid} by=SIGKILL again=0s`));
    expect(await listed()).toEqual(waiting.toSorted());
    const metrics = await scrape();
    expect(metrics).toContain('\nehlo_worker_deaths_total 2\n');
    expect(metrics).toMatch(/^ehlo_queue_oldest_age_seconds (?!0$)/m);
    expect(metrics).toContain(`\nehlo_mails_total{verdict="accepted"} ${waiting.length}\n`); // counters never fall
    expect(await certified()).toEqual(before);
  });

  it('has the other take what comes while a worker that is told to end finishes what it has in hand', async () => {
    const [port] = await program.listening();
    const [first, second, third, fourth] = [await greet(port), await greet(port), await greet(port), await greet(port)]; // two at each
    const [busy, idle] = [[first, second], [third, fourth]];
    for (const peer of busy) for (const line of ['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await peer.command(line);
    await killWorker(1, 'SIGTERM');
    expect(await Promise.race(idle.map((peer) => peer.rest()))).toMatch(/^421 4\.3\.2 /);
    for (let count = 0; count < 4; count++) await submit();
    for (const peer of busy) waiting.push(/queued as (\w+)/.exec(await peer.command('hi\r\n.'))?.[1] ?? 'none');
    for (const peer of [...busy, ...idle]) peer.end();
    await program.logged('ready', 5);
    expect(await listed()).toEqual(waiting.toSorted());
  });

  it('writes the sessions of all its workers into one folder', async () => {
    await Promise.all([submit(), submit()]);
    const names = readdirSync(join(directory.path, 'traces'));
    for (const worker of [1, 2]) expect(names).toContainEqual(expect.stringMatching(new RegExp(`Z-${worker}-1-server\\.smtp$`)));
    expect(program.err).not.toContain('the trace');
  });

  it('goes on when whoever reads its log stops', async () => {
    const [port] = await program.listening();
    program.stall();
    await refuseMany(port);
  });

  it('ends then too, has said once where it listens, and its queue is told of as before', async () => {
    expect(await submit()).toMatch(/^\w{15}$/);
    program.stall();
    expect(await program.kill('SIGTERM')).toMatchObject({ status: 0, err: expect.stringMatching(/^ehlo: listening on smtp:\/\/127\.0\.0\.1:\d+\nehlo: metrics on http:\/\/127\.0\.0\.1:\d+\/metrics\n$/) as string });
    expect(await listed()).toEqual(waiting.toSorted());
    const { out } = await ask('release', ...waiting);
    expect(out.trim().split('\n').sort()).toEqual(waiting.map((id) => `${id} goes on when the relay runs`).sort());
  });

  it('delivers what it took before it ended, and what was taken by a worker more than there are now', async () => {
    await using server = await startScriptedServer(taking());
    await makeParts(queue, 3);
    const third = await Journal.open(partFolder(queue, 3));
    waiting.push((await third.add(mailOf('third', '<alice@a.test>', '<bob@b.test>'), inPieces('hi\r\n'))).id);
    await third.close();
    program = new Program([...argumentsOf(2), '--max-connections', '1', '--route', `b.test=127.0.0.1:${server.port}`], directory.path); // a half of it is one
    await program.logged('done', waiting.length);
    expect([...program.out.matchAll(/ delivered id=(\w+) /g)].map(([, id]) => id).sort()).toEqual(waiting.toSorted());
    expect(await listed()).toEqual([]);
  });

  it('lets a worker that dies again and again wait, and says so', async () => {
    await program.listening();
    rmSync(join(queue, 'part/2'), { recursive: true });
    writeFileSync(join(queue, 'part/2'), ''); // its part cannot be opened any more
    await killWorker(2);
    await program.logged('died', 2);
    const deaths = [...program.out.matchAll(/^\S+ died worker=2 pid=\d+ by=(.*) again=(\S+)$/gm)].map(([, by, again]) => `${by} ${again}`);
    expect(deaths).toEqual(['SIGKILL 0s', expect.stringMatching(/^"cannot open the queue .*" 1s$/)]);
    expect(await submit()).toMatch(/^\w{15}$/); // the other one serves
    expect((await program.kill('SIGTERM')).status).toBe(0);
  });
});
