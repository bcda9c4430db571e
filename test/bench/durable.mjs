// Mail that is made durable before it is answered, beside a floor of one writev and one fdatasync for all that wait: the rate, the
// CPU, the syncs, and how long one mail takes on one connection. Nothing is relayed: relay.mjs.

import { join } from 'node:path';
import { start } from './child.mjs';
import { inTurns, sample, sampleOther } from './measure.mjs';
import { temporaryFolder } from './peer.mjs';
import { figure, ratio } from './table.mjs';

const WORKLOADS = {
  'durable-20':  { connections: 20,  size: 1_000, mails: 4_000 },
  'durable-100': { connections: 100, size: 1_000, mails: 6_000 },
};
const FROM_SMTP_SOURCE = { connections: 100, size: 1_000, mails: 6_000 }; // a load in C, which leaves the server more of the machine
const LATENCY = { connections: 1, size: 1_000, mails: 300 };

export const workloads = [...Object.keys(WORKLOADS), 'smtp-source', 'latency'];

export async function run({ rounds, wanted, peers }) {
  const folder = temporaryFolder();
  const load = await start('load.mjs');
  const servers = { floor: await start('floor.mjs', ['durable', join(folder, 'floor')]), ehlo: await start('subject.mjs', ['durable', join(folder, 'queue')]), ...(await peers.postfix()) };
  const programs = Object.keys(servers);
  const measured = new Map();
  for (const [name, work] of Object.entries(WORKLOADS)) {
    if (wanted(name)) measured.set(name, await inTurns(rounds, programs, (server) => sample(load, servers[server], work)));
  }
  const source = peers.smtpSource();
  if (source !== undefined && wanted('smtp-source')) measured.set('100, from smtp-source', await inTurns(rounds, programs, (server) => sampleOther(source, servers[server], FROM_SMTP_SOURCE)));
  const latency = wanted('latency') ? await inTurns(rounds, programs, (server) => sample(load, servers[server], LATENCY)) : new Map();
  for (const one of [load, ...Object.values(servers)]) await one.stop();
  const command = 'npm run bench -- --only durable';
  const rows = [...measured].flatMap(([workload, found]) => programs.map((program) => {
    const { rate, cpu, syncs } = found.get(program);
    const floor = found.get('floor');
    return [`${workload}, ${program}`, figure(rate), ratio(rate / floor.rate), figure(cpu), ratio(cpu / floor.cpu), figure(syncs), program === 'ehlo' ? 'rate ≥ 0.80; ≥ 6 × Postfix' : ''];
  }));
  const waits = [...latency].map(([program, { p50, p99 }]) => [program, `${figure(p50)} ms`, ratio(p50 / latency.get('floor').p50), `${figure(p99)} ms`, ratio(p99 / latency.get('floor').p99), program === 'ehlo' ? '≤ 1.30' : '']);
  return {
    tables: [
      ...(rows.length > 0 ? [{ title: 'Durable mail of 1 kB over 20 and 100 connections', command, columns: ['', 'mails a second', 'to the floor', 'CPU, µs', 'to the floor', 'syncs a mail', 'aim'], rows }] : []),
      ...(waits.length > 0 ? [{ title: 'How long one durable mail takes on one connection, from MAIL to 250', command, columns: ['', 'median', 'to the floor', '99th of 100', 'to the floor', 'aim'], rows: waits }] : []),
    ],
  };
}
