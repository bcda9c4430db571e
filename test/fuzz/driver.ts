// `npm run fuzz -- [--seed N] [--seconds S] [target…]`, in the process that fuzz.mjs makes, and watches.

import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import { CodeCoverage } from './coverage.ts';
import { Fuzzer, show, type Finding } from './fuzzer.ts';
import { features } from './property.ts';
import { corpusOf, seedsOf } from './seed.ts';
import { TARGETS, type TargetName } from './targets.ts';

/** What the launcher says. */
interface Task {
  readonly root: string;
  readonly code: string; // the folder of the built sources
  readonly seed: number;
  readonly seconds: number;
  readonly targets: readonly string[];
  readonly input?: string; // a file: run it, and nothing else
  readonly current: string; // a file: the input that runs, should it never come back
}

const task = JSON.parse(process.argv[2] ?? '') as Task; // the launcher's own
const current = openSync(task.current, 'w');
const written = new Uint8Array(0x10000);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function isTarget(name: string): name is TargetName {
  return Object.hasOwn(TARGETS, name);
}

function before(octets: Uint8Array): void {
  written[0] = ((written[0] ?? 0) + 1) & 0xff; // an octet that changes each time, two of length, the input
  written[1] = octets.length >> 8;
  written[2] = octets.length;
  written.set(octets.subarray(0, written.length - 3), 3);
  writeSync(current, written, 0, Math.min(octets.length, written.length - 3) + 3, 0);
}

/** Writes the input down; returns the file. */
function keep(target: TargetName, { octets }: Finding): string {
  const folder = join(task.root, 'fixtures/corpus', target);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, crc32(octets).toString(16).padStart(8, '0'));
  writeFileSync(file, octets);
  return file.slice(task.root.length + 1);
}

function fuzz(target: TargetName, seconds: number, coverage: CodeCoverage): number {
  const seeds = [...seedsOf(target, task.root), ...corpusOf(target, task.root).map(({ octets }) => octets)];
  const begun = Date.now();
  features.clear();
  const fuzzer = new Fuzzer(TARGETS[target], seeds, task.seed, coverage, before);
  let told = 0;
  const tell = (): void => {
    for (; told < fuzzer.findings.length; told++) {
      const finding = fuzzer.findings[told];
      if (finding === undefined) continue;
      const file = keep(target, finding);
      say(`FOUND ${target}: ${finding.error.message} | seed ${task.seed} | npm run fuzz -- ${target} --input ${file} | ${show(finding.octets)}`);
    }
  };
  fuzzer.begin();
  tell();
  while (Date.now() < begun + seconds * 1_000 && !fuzzer.full) {
    fuzzer.step();
    tell();
  }
  const took = (Date.now() - begun) / 1_000;
  say(`${target}: ${fuzzer.executions} executions in ${took.toFixed(1)} s (${Math.round(fuzzer.executions / took)} a second), ${seeds.length} seeds, ${fuzzer.kept.length} kept, ${features.size} features, ${fuzzer.findings.length} found`);
  return fuzzer.findings.length;
}

function reportCoverage(coverage: CodeCoverage): void {
  const folders = new Map<string, { run: number; all: number }>();
  for (const [script, { run, all }] of coverage.report()) {
    const folder = script.slice(task.code.length + 1).split('/').slice(0, -1).join('/');
    const sum = folders.get(folder) ?? { run: 0, all: 0 };
    folders.set(folder, { run: sum.run + run, all: sum.all + all });
  }
  for (const [folder, { run, all }] of [...folders].sort()) say(`coverage ${folder}: ${((100 * run) / all).toFixed(1)} % of ${all} octets of code`);
}

const names = task.targets.length === 0 ? Object.keys(TARGETS) : task.targets;
const unknown = names.find((name) => !isTarget(name));
if (unknown !== undefined) {
  process.stderr.write(`fuzz: targets are ${Object.keys(TARGETS).join(', ')}, not ${unknown}\n`);
  process.exit(2);
}
const targets = names.filter(isTarget);
if (task.input !== undefined) {
  const octets = Uint8Array.from(readFileSync(task.input));
  for (const target of targets) TARGETS[target](octets);
  say('nothing is wrong');
} else {
  const coverage = new CodeCoverage((script) => script.startsWith(task.code));
  let found = 0;
  for (const target of targets) found += fuzz(target, task.seconds / targets.length, coverage);
  reportCoverage(coverage);
  say(`${found} found`);
  if (found > 0) process.exitCode = 1;
}
