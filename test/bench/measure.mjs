// How the benchmarks measure: programs take turns, round by round, and medians are told, because a machine has other things to do;
// ratios within one run say more than figures.

import { cpuUsage } from 'node:process';
import { figure, ratio } from './table.mjs';

/** @param {number[]} numbers */
export function median(numbers) {
  return quantile(numbers, 0.5);
}

export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The seconds of CPU of the fastest of some runs, for work that nobody else takes part in: what other programs do is no part of them. */
export function fastest(run, runs) {
  let best = Infinity;
  for (let turn = 0; turn < runs; turn++) {
    const begin = cpuUsage();
    run();
    const { user, system } = cpuUsage(begin);
    best = Math.min(best, user + system);
  }
  return best / 1e6;
}

/**
 * Runs each of `subjects` in each of `rounds`, in turn, after a round that warms up (that takes thousands of mails: with 2,000 a
 * round, two processes that shared them had half of their code compiled, and took 1.6 times the CPU of one); returns for each of them the medians of
 * what its runs have measured: `run(subject)` resolves with an object of numbers.
 */
export async function inTurns(rounds, subjects, run) {
  const samples = new Map(subjects.map((subject) => [subject, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const subject of subjects) {
      const found = await run(subject);
      if (round > 0) samples.get(subject)?.push(found);
    }
  }
  return new Map([...samples].map(([subject, found]) => [subject, medians(found)]));
}

function medians(samples) {
  return Object.fromEntries(Object.keys(samples[0] ?? {}).map((name) => [name, median(samples.map((sample) => sample[name]))]));
}

/** Has the load do `work` to a server; returns mails a second, the server's microseconds of CPU for each, and its syncs. */
export async function sample(load, server, work) {
  await asked(load, { open: server.port, ...work });
  const found = await under(server, work.mails, () => asked(load, { mails: work.mails }));
  await asked(load, { close: true });
  return found;
}

/** The same for a program of other people that connects by itself, each time anew. */
export function sampleOther(load, server, work) {
  return under(server, work.mails, () => asked(load, { to: server.port, ...work }));
}

async function under(server, mails, ask) {
  const before = await standing(server);
  const { seconds, latencies = [] } = await ask();
  const after = await standing(server);
  return {
    rate: mails / seconds,
    cpu: (after.cpu - before.cpu) / mails,
    syncs: (after.syncs - before.syncs) / mails,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

export async function asked(load, question) {
  const found = await load.ask(question);
  if (found.fault !== undefined) throw new Error(`a mail was not taken: ${found.fault}`);
  return found;
}

/** Where a server's counters stand. */
async function standing(server) {
  if (server.ask === undefined) return { cpu: await server.cpu(), syncs: NaN };
  const { cpu, syncs = NaN } = await server.ask();
  return { cpu, syncs };
}

/** A row for each workload, a column for each program: `1.18 (52 µs, 18,400/s)`, the first beside the floor. */
export function beside(floor, title, command, measured, aims, unit = 'µs') {
  const [first] = measured.values();
  const programs = [...(first?.keys() ?? [])];
  return {
    title,
    command,
    columns: ['', ...programs, 'aim'],
    rows: [...measured].map(([workload, found]) => [
      workload,
      ...programs.map((program) => {
        const { cpu, rate } = found.get(program) ?? {};
        const figures = `${figure(cpu)} ${unit}, ${figure(rate)}/s`;
        return program === floor ? figures : `${ratio(cpu / found.get(floor)?.cpu)} (${figures})`;
      }),
      aims[workload] ?? '',
    ]),
  };
}
