// The benchmarks: `npm run bench`, or, built and quicker, `node --expose-gc test/bench/run.mjs [options]`.
//
//   --only NAME,…   groups, or workloads of them: --only accept, --only small,many,durable
//   --rounds N      rounds that the programs take turns in, after one to warm up; medians are told. Default: 3, with --long 5
//   --long          all of it: 100,000 queued mails, 9,000 connections
//   --peers DIR     beside other people's programs, which `bash test/interop/provision.sh DIR bench` brings
//   --markdown      tables for the README; all else goes to standard error
//   --profile DIR   a CPU profile of each process
//
// Every figure is beside a floor that was measured in the same run. What fails is what no noise explains: growth that is not
// linear, memory beyond its budget, an answer that was wrong. The exit status says so.

import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatMarkdown, formatText } from './table.mjs';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, rounds: { type: 'string' }, long: { type: 'boolean', default: false }, peers: { type: 'string' }, markdown: { type: 'boolean', default: false }, profile: { type: 'string' } },
});
if (options.profile !== undefined) {
  mkdirSync(options.profile, { recursive: true });
  process.env.EHLO_BENCH_PROFILES = resolve(options.profile);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1)); // which ends what was started, and removes what was written

const GROUPS = ['wire', 'session', 'accept', 'hostile', 'durable', 'relay', 'client', 'workers', 'scaling', 'queue', 'idle'];
const only = options.only?.split(',');
const { peersIn } = await import('./peer.mjs');
const peers = peersIn(options.peers);
const rounds = Number(options.rounds ?? (options.long ? 5 : 3));
const faults = [];
let found = false;
const machine = `${availableParallelism()} cores, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}; medians of ${rounds} rounds`;
console.log(options.markdown ? `Measured on ${machine}, all in one run; the machine had other things to do as well, so the ratios say more than the figures.\n` : `${machine}\n`);
for (const name of GROUPS) {
  const group = await import(`./${name}.mjs`);
  const whole = only === undefined || only.includes(name);
  if (!whole && !group.workloads?.some((workload) => only.includes(workload))) continue;
  found = true;
  const begin = performance.now();
  const result = await group.run({ rounds, long: options.long, peers, wanted: (workload) => whole || only.includes(workload) }).catch((error) => ({ tables: [], faults: [`${name}: ${error.message}`] }));
  for (const table of result.tables) {
    if (options.markdown ? !table.detail : !table.summary) console.log((options.markdown ? formatMarkdown : formatText)(table)); // what is detail is not for the README
  }
  for (const note of result.notes ?? []) console.error(note);
  faults.push(...(result.faults ?? []));
  console.error(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s\n`);
}
if (!found) faults.push(`--only: expected some of ${GROUPS.join(', ')}, or of their workloads, found ${options.only}`);
for (const fault of faults) console.error(`FAIL ${fault}`);
process.exit(faults.length === 0 ? 0 : 1);
