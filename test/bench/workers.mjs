// Two processes that share a port, `ehlo serve --workers 2`, beside one. Where the load, the sink and they share two cores, the rate
// cannot say what two cores of their own would do; the CPU time of each process can: no mail has to wait for more than that of the
// busiest. So the figure is mails for each second of CPU of the busiest process, and the rate stands beside it.

import { execFileSync } from 'node:child_process';
import { execPath } from 'node:process';
import { cpuOfEach, start } from './child.mjs';
import { inTurns } from './measure.mjs';
import { temporaryFolder } from './peer.mjs';
import { carry, EHLO, serve } from './relay.mjs';
import { figure, ratio } from './table.mjs';

const WORK = { connections: 100, size: 1_000, mails: 6_000 };

export async function run({ rounds }) {
  if (!execFileSync(execPath, [EHLO, 'serve', '--help'], { encoding: 'utf8' }).includes('--workers')) return { tables: [], notes: ['workers: left out, ehlo serve has no --workers'] };
  const folder = temporaryFolder();
  const load = await start('load.mjs');
  const sink = await start('floor.mjs', ['discard']);
  const servers = { 'one process': await serve(sink.port, folder), 'two workers': await serve(sink.port, folder, ['--workers', '2']) };
  const found = await inTurns(rounds, Object.keys(servers), async (name) => {
    const server = servers[name];
    const before = cpuOfEach(server.pid);
    const { rate, cpu } = await carry(load, server, sink, WORK);
    const busiest = Math.max(...[...cpuOfEach(server.pid)].map(([pid, spent]) => spent - (before.get(pid) ?? 0)));
    return { rate, cpu, capacity: WORK.mails / (busiest / 1e6) };
  });
  for (const one of [load, ...Object.values(servers), sink]) await one.stop();
  const one = found.get('one process');
  return {
    tables: [{
      title: 'Two workers beside one process: durable mails of 1 kB, taken and relayed, 100 connections',
      command: 'npm run bench -- --only workers',
      columns: ['', 'mails for a second of CPU of the busiest process', 'to one process', 'CPU of all, µs a mail', 'mails a second', 'aim'],
      rows: [...found].map(([name, { rate, cpu, capacity }]) => [name, figure(capacity), ratio(capacity / one.capacity), figure(cpu), figure(rate), name === 'two workers' ? '≥ 1.60' : '']),
    }],
  };
}
