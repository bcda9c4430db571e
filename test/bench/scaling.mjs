// What a unit costs as there are more of them: a MiB as mails grow, a mail as connections do. Beside the floor, because the system
// has its own growth: caches, and ten thousand sockets to look at. Queued mails: queue.mjs.

import { start } from './child.mjs';
import { inTurns, sample } from './measure.mjs';
import { figure, ratio } from './table.mjs';

const MIB = 1024 ** 2;
const SIZES = { '64 KiB': MIB / 16, '1 MiB': MIB, '8 MiB': 8 * MIB, '64 MiB': 64 * MIB };
const TOGETHER = 64 * MIB; // octets of each run
const CONNECTIONS = { short: [1, 10, 100, 1_000], long: [1, 10, 100, 1_000, 9_000] };
const MAILS = 2_000; //      of each run, or one over each connection

export const workloads = ['sizes', 'connections'];

export async function run({ rounds, long, wanted }) {
  const load = await start('load.mjs');
  const servers = { floor: await start('floor.mjs', ['discard']), ehlo: await start('subject.mjs', ['discard']) };
  const both = (work) => inTurns(rounds, Object.keys(servers), (server) => sample(load, servers[server], work));
  const tables = [];
  if (wanted('sizes')) {
    const found = new Map();
    for (const [name, size] of Object.entries(SIZES)) found.set(name, await both({ connections: 1, size, mails: TOGETHER / size }));
    const cost = (name, program) => found.get(name).get(program).cpu / (SIZES[name] / MIB);
    tables.push({
      title: 'A MiB as mails grow: CPU, one connection',
      command: 'npm run bench -- --only sizes',
      columns: ['', 'floor', 'ehlo', 'to the floor', 'to ehlo’s of 1 MiB', 'aim'],
      rows: [...found.keys()].map((name) => [name, `${figure(cost(name, 'floor'))} µs`, `${figure(cost(name, 'ehlo'))} µs`, ratio(cost(name, 'ehlo') / cost(name, 'floor')), ratio(cost(name, 'ehlo') / cost('1 MiB', 'ehlo')), '0.80 to 1.20']),
    });
  }
  if (wanted('connections')) {
    const found = new Map();
    for (const connections of long ? CONNECTIONS.long : CONNECTIONS.short) found.set(connections, await both({ connections, size: 1_000, mails: Math.max(MAILS, connections) }));
    const cost = (connections, program) => found.get(connections).get(program).cpu;
    tables.push({
      title: 'A mail of 1 kB as connections grow, all of which send: CPU',
      command: 'npm run bench -- --only connections --long',
      columns: ['connections', 'floor', 'ehlo', 'to the floor', 'to ehlo’s of 100', 'aim'],
      rows: [...found.keys()].map((connections) => [connections.toLocaleString('en'), `${figure(cost(connections, 'floor'))} µs`, `${figure(cost(connections, 'ehlo'))} µs`, ratio(cost(connections, 'ehlo') / cost(connections, 'floor')), ratio(cost(connections, 'ehlo') / cost(100, 'ehlo')), '0.80 to 1.20']),
    });
  }
  for (const one of [load, ...Object.values(servers)]) await one.stop();
  return { tables };
}
