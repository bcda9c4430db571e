// From end to end: mails are taken, made durable, answered, and relayed to a sink; until the sink has the last. `ehlo serve` as it
// is, beside a floor that does the same and checks nothing.

import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { freePort, profiling, start, startProgram } from './child.mjs';
import { asked, beside, inTurns } from './measure.mjs';
import { temporaryFolder } from './peer.mjs';

const WORKLOADS = { 'relay-20': { connections: 20, size: 1_000, mails: 6_000 } };

export const EHLO = fileURLToPath(new URL('../../dist/cli/ehlo.js', import.meta.url));

export const workloads = Object.keys(WORKLOADS);

/** `ehlo serve` that relays all to a port. */
export async function serve(next, folder, more = []) {
  const port = await freePort();
  return startProgram(execPath, [...profiling('serve'), EHLO, 'serve', '--listen', `smtp://127.0.0.1:${port}`, '--queue', join(folder, `queue-${port}`), '--hostname', 'mx.example', '--smarthost', `127.0.0.1:${next}`, '--max-connections-per-client', '1000', ...more], port);
}

/** Has the load do `work` to a server, and waits until all of it has come to the sink. */
export async function carry(load, server, sink, work) {
  const arrived = async () => (await sink.ask()).mails;
  await asked(load, { open: server.port, ...work });
  const [before, cpu, begin] = [await arrived(), await server.cpu(), performance.now()];
  await asked(load, { mails: work.mails });
  for (const deadline = performance.now() + 60_000; (await arrived()) < before + work.mails; ) {
    if (performance.now() > deadline) throw new Error(`${before + work.mails - (await arrived())} of ${work.mails} mails were not relayed within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const found = { rate: work.mails / ((performance.now() - begin) / 1000), cpu: ((await server.cpu()) - cpu) / work.mails };
  await asked(load, { close: true });
  return found;
}

export async function run({ rounds, wanted, peers }) {
  const folder = temporaryFolder();
  const load = await start('load.mjs');
  const sink = await start('floor.mjs', ['discard']);
  const servers = { floor: await start('floor.mjs', ['relay', join(folder, 'floor'), sink.port]), ehlo: await serve(sink.port, folder), ...(await peers.postfix(sink.port)) };
  const measured = new Map();
  for (const [name, work] of Object.entries(WORKLOADS)) {
    if (wanted(name)) measured.set(name, await inTurns(rounds, Object.keys(servers), (server) => carry(load, servers[server], sink, work)));
  }
  for (const one of [load, ...Object.values(servers), sink]) await one.stop();
  return { tables: [beside('floor', 'Durable mail of 1 kB, taken and relayed, until the last has arrived: CPU for a mail, to the floor’s, and mails a second', 'npm run bench -- --only relay', measured, { 'relay-20': 'rate ≥ 5 × Postfix' })] };
}
