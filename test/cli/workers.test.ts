// `ehlo serve --workers`: several processes, one port, one queue in parts.

import process from 'node:process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { Program, run } from '../support/program.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { startScriptedServer, taking, unusedPort } from '../support/scripted-server.ts';
import { startTls } from '../support/tls-peer.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
let programs: Program[];
beforeEach(() => {
  directory = temporaryDirectory();
  programs = [];
});
afterEach(async () => {
  for (const program of programs) await program[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function serve(workers: number, ...args: readonly string[]): Program {
  const program = new Program(['serve', '--hostname', 'mx.test', ...(args.includes('--listen') ? [] : ['--listen', 'smtp://127.0.0.1:0']), '--workers', String(workers), ...args], directory.path);
  programs.push(program);
  return program;
}

/** Sends a mail over a connection of its own; returns its id, or the reply where there is none. */
async function submit(port: number | undefined, domain = 'b.test'): Promise<string> {
  const peer = await RawPeer.connect(port ?? 0);
  await peer.reply();
  for (const line of ['EHLO client.test', 'MAIL FROM:<alice@a.test>', `RCPT TO:<bob@${domain}>`, 'DATA']) await peer.command(line);
  const end = await peer.command('Subject: hi\r\n\r\nhi\r\n.');
  peer.reset();
  return /queued as (\w+)/.exec(end)?.[1] ?? end;
}

/** The ids that `ehlo queue list` knows. */
async function listed(): Promise<readonly string[]> {
  const { out } = await run(['queue', 'list', '--json'], directory.path);
  return out.trim().split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { readonly id: string }).id).sort();
}

/** Kills the newest process of the worker with this number. */
async function killWorker(program: Program, worker: number): Promise<number> {
  await program.logged(`ready worker=${worker}`);
  const pid = Number([...program.out.matchAll(new RegExp(`^\\S+ ready worker=${worker} pid=(\\d+)$`, 'gm'))].at(-1)?.[1]);
  if (!(pid > 1)) throw new Error(`no worker ${worker} in ${program.out}`); // 0 would be this process and its kin
  process.kill(pid, 'SIGKILL');
  return pid;
}

async function scrape(program: Program): Promise<string> {
  const [, port] = /metrics on http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.err) ?? [];
  const peer = await RawPeer.connect(Number(port));
  peer.say('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return peer.rest();
}

describe('ehlo serve --workers', () => {
  it('says once where it listens, shares connections out, and tells of the whole queue, running and stopped', async () => {
    const nobody = await unusedPort();
    const program = serve(2, '--metrics', '127.0.0.1:0', '--route', `b.test=127.0.0.1:${nobody}`);
    const [port] = await program.listening();
    const ids = [await submit(port), await submit(port), await submit(port), await submit(port)].sort();
    expect(await listed()).toEqual(ids);
    const parts = ['queue', 'queue/part/2'].map((part) => decodeLatin1(readFileSync(join(directory.path, part, 'journal/000001.log'))));
    expect(parts.map((journal) => ids.filter((id) => journal.includes(id)).length)).toEqual([2, 2]);

    const { status, out } = await run(['queue', 'hold', ...ids], directory.path);
    expect({ status, lines: out.trim().split('\n').sort() }).toEqual({ status: 0, lines: ids.map((id) => `${id} is held`) });
    expect(await run(['queue', 'show', 'nosuch'], directory.path)).toMatchObject({ status: 66, err: 'ehlo queue: ./queue: there is no mail "nosuch"\n' });
    const metrics = await scrape(program);
    for (const line of ['ehlo_mails_total{verdict="accepted"} 4', 'ehlo_commands_total{verb="DATA"} 4', 'ehlo_queue_mails{state="held"} 4', 'ehlo_queue_mails{state="waiting"} 0', 'ehlo_workers 2', 'ehlo_worker_deaths_total 0']) expect(metrics).toContain(`\n${line}\n`);

    const ended = await program.kill('SIGTERM');
    expect(ended).toMatchObject({ status: 0, err: expect.stringMatching(/^ehlo: listening on smtp:\/\/127\.0\.0\.1:\d+\nehlo: metrics on http:\/\/127\.0\.0\.1:\d+\/metrics\n$/) as string });
    expect(await listed()).toEqual(ids);
    expect((await run(['queue', 'release', ...ids], directory.path)).out.trim().split('\n').sort()).toEqual(ids.map((id) => `${id} goes on when the relay runs`));
  });

  it('is reached by ehlo queue where the path of its queue is longer than the address of a socket', async () => {
    const queue = join(directory.path, 'long'.repeat(40), 'queue');
    const program = serve(2, '--queue', queue);
    await program.listening();
    expect(await run(['queue', 'list', '--queue', queue], directory.path)).toEqual({ status: 0, out: 'the queue is empty\n', err: '' });
  });

  it('replaces a worker that is killed, on the same port and with its part of the queue, and loses nothing', async () => {
    await using server = await startScriptedServer(...Array.from({ length: 40 }, () => taking()));
    const nobody = await unusedPort();
    const program = serve(2, '--route', `b.test=127.0.0.1:${nobody}`, '--metrics', '127.0.0.1:0');
    const [port] = await program.listening();
    const ids = await Promise.all(Array.from({ length: 6 }, () => submit(port)));
    await scrape(program); // and so it is known what has been counted
    const killed = [await killWorker(program, 1), await killWorker(program, 2)]; // both at once: nobody has the port but the primary
    await program.logged('died', 2);
    expect(await submit(port)).toMatch(/^\w{15}$/); // it waits for the banner
    await program.logged('ready', 4);
    for (const pid of killed) expect(program.out).toMatch(new RegExp(`died worker=\\d pid=${pid} by=SIGKILL again=0s`));
    expect((await listed()).filter((id) => ids.includes(id))).toHaveLength(6);
    const metrics = await scrape(program);
    expect(metrics).toContain('\nehlo_worker_deaths_total 2\n');
    expect(metrics).toContain('\nehlo_mails_total{verdict="accepted"} 7\n'); // counters never fall
    await program.kill('SIGTERM');

    const after = serve(1, '--route', `b.test=127.0.0.1:${server.port}`);
    await after.logged('done', 7);
    expect([...after.out.matchAll(/ delivered /g)]).toHaveLength(7);
    await after.kill('SIGTERM');
    expect(await listed()).toEqual([]);
  });

  it('has all mail of the queue, whether there are more workers or fewer than there were', async () => {
    const nobody = await unusedPort();
    await using server = await startScriptedServer(...Array.from({ length: 20 }, () => taking()));
    let [ids, before]: [readonly string[], number] = [[], 0];
    for (const workers of [1, 3, 2]) { // each delivers what those before it have taken, and takes what it cannot deliver
      const program = serve(workers, '--route', `to-${before}.test=127.0.0.1:${server.port}`, '--route', `to-${workers}.test=127.0.0.1:${nobody}`);
      const [port] = await program.listening();
      if (before > 0) await program.logged('delivered', 4);
      expect([...program.out.matchAll(/ delivered id=(\w+) /g)].map(([, id]) => id).sort(), `${workers} after ${before}`).toEqual(ids.toSorted());
      const taken: string[] = [];
      for (let mail = 0; mail < 4; mail += 1) taken.push(await submit(port, `to-${workers}.test`));
      if (before === 3) expect((await program.kill('SIGTERM')).status).toBe(0);
      else await program.kill('SIGKILL'); // and its workers go with it
      [ids, before] = [taken, workers];
    }
  });

  it('lets a worker that dies again and again wait, and says so', async () => {
    const program = serve(2);
    await program.listening();
    rmSync(join(directory.path, 'queue/part'), { recursive: true });
    writeFileSync(join(directory.path, 'queue/part'), ''); // its part cannot be opened any more
    await killWorker(program, 2);
    await program.logged('died', 3);
    const deaths = [...program.out.matchAll(/^\S+ died worker=2 pid=\d+ by=(.*) again=(\S+)$/gm)].map(([, by, again]) => `${by} ${again}`);
    expect(deaths).toEqual(['SIGKILL 0s', expect.stringMatching(/^"cannot open the queue \.\/queue: .*" 1s$/), expect.stringMatching(/ 2s$/)]);
    expect(await submit((await program.listening())[0])).toMatch(/^\w{15}$/); // the other one serves
    expect((await program.kill('SIGTERM')).status).toBe(0);
  });

  it('reads its files again for all workers, and keeps the old ones where one is bad: one line', async () => {
    const pem = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/tls', `${name}.pem`), 'utf8');
    for (const [file, name] of [['cert', 'mx'], ['key', 'mx-key']] as const) writeFileSync(join(directory.path, file), pem(name));
    const program = serve(2, '--tls-cert', 'cert', '--tls-key', 'key');
    const [port] = await program.listening();
    const names = async (): Promise<readonly string[]> => {
      const clients = await Promise.all([1, 2].map(async () => {
        const peer = await RawPeer.connect(port ?? 0);
        await peer.reply();
        await peer.command('EHLO client.test');
        const { tls } = await startTls(peer);
        const { CN } = tls.getPeerCertificate().subject;
        tls.destroy();
        return CN;
      }));
      return [...new Set(clients)];
    };
    const before = await names();
    writeFileSync(join(directory.path, 'cert'), pem('other'));
    program.signal('SIGHUP');
    await program.logged('error');
    expect(program.out).toMatch(/ error text="not reloaded, the old ones stay: [^"]*"\n/);
    expect(await names()).toEqual(before);
    writeFileSync(join(directory.path, 'key'), pem('other-key'));
    program.signal('SIGHUP');
    await program.logged('reloaded');
    const after = await names();
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    await killWorker(program, 1); // its successor has what stands in the files now
    await program.logged('ready', 3);
    expect(await names()).toEqual(after);
  });
});

describe('ehlo serve --workers 2', () => {
  let own: TemporaryDirectory;
  let program: Program;
  beforeAll(() => {
    own = temporaryDirectory();
    program = new Program(['serve', '--hostname', 'mx.test', '--listen', 'smtp://127.0.0.1:0', '--workers', '2', '--trace', 'traces'], own.path);
  });
  afterAll(async () => {
    await program[Symbol.asyncDispose]();
    own[Symbol.dispose]();
  });

  it('does not begin where a part of its queue cannot be opened: one line, and status 73', async () => {
    await program.listening();
    const { status, err } = await run(['serve', '--hostname', 'mx.test', '--listen', 'smtp://127.0.0.1:0', '--workers', '2'], own.path);
    expect({ status, err }).toEqual({ status: 73, err: 'ehlo: cannot open the queue ./queue: another process has this queue open: it has to end first, or this one have a queue of its own\n' });
    expect(await submit((await program.listening())[0])).toMatch(/^\w{15}$/);
  });

  it('takes a client that has ended its side for one that still listens', async () => {
    const [port] = await program.listening();
    const peer = await RawPeer.connect(port ?? 0);
    peer.say('EHLO a.test\r\nNOOP\r\n');
    peer.end();
    expect(await peer.rest()).toMatch(/^220 [^]*\r\n250 2\.0\.0 [^\r]*\r\n$/);
  });

  it('writes the sessions of all its workers into one folder', async () => {
    const [port] = await program.listening();
    await Promise.all(Array.from({ length: 8 }, () => submit(port)));
    await program.kill('SIGTERM');
    expect(existsSync(join(own.path, 'traces'))).toBe(true);
    expect(program.err).not.toContain('the trace');
  });
});
