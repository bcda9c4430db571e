// npm run fuzz -- [--seed N] [--seconds S] [target…]     fuzzes the targets (test/fuzz/targets.ts), by turns
// npm run fuzz -- target --input FILE                    runs one input
// npm run fuzz -- --build FOLDER                         builds the targets for another driver, such as Jazzer.js
//
// What is found is made small, written to fixtures/corpus/<target>/, where `npm test` runs it from then on, and told on one line.
// The exit status is 0 when nothing was found. An input that does not come back within 20 seconds is a finding too.
//
// The sources and the targets are built, as TypeScript, into a folder that is removed in the end; they run in a worker, so that this
// thread can watch them.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const PATIENCE = 20; // seconds

function build(folder) {
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(compiler, ['-p', join(ROOT, 'test/fuzz/tsconfig.json'), '--outDir', folder], { encoding: 'utf8' });
  if (status !== 0) process.stderr.write(stdout);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  return folder;
}

function readArguments() {
  try {
    const options = { seed: { type: 'string', default: '1' }, seconds: { type: 'string', default: '60' }, input: { type: 'string' }, build: { type: 'string' } };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [seed, seconds] = [Number(values.seed), Number(values.seconds)];
    if (!Number.isSafeInteger(seed) || !(seconds > 0)) throw new Error('--seed is a whole number, --seconds a number above 0');
    return { ...values, seed, seconds, targets: positionals };
  } catch (error) {
    console.error(`fuzz: ${error.message}`);
    process.exit(2);
  }
}

const { seed, seconds, input, build: destination, targets } = readArguments();
if (destination !== undefined) {
  build(resolve(destination));
  console.log(`built ${join(resolve(destination), 'test/fuzz/targets.js')}`);
  process.exit(0);
}
const folder = build(mkdtempSync(join(tmpdir(), 'ehlo-fuzz-')));
const current = new Uint8Array(new SharedArrayBuffer(0x10000));
const worker = new Worker(join(folder, 'test/fuzz/driver.js'), {
  workerData: { root: ROOT, code: pathToFileURL(join(folder, 'src')).href, seed, seconds, targets, current, input: input === undefined ? undefined : new Uint8Array(readFileSync(input)) },
});

let status = 0;
let [seen, still] = [-1, 0];
const watch = setInterval(() => {
  const before = seen;
  seen = current[0];
  still = seen === before ? still + 1 : 0;
  if (still < PATIENCE) return;
  const octets = current.slice(3, 3 + (current[1] << 8) + current[2]);
  const file = join(ROOT, 'fixtures/corpus', targets[0] ?? 'any', createHash('sha256').update(octets).digest('hex').slice(0, 12));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, octets);
  console.log(`FOUND an input that does not come back: ${file}`);
  status = 1;
  void worker.terminate();
}, 1_000);
worker.on('error', (error) => {
  if (!/^\d+ found$/.test(error.message)) console.error(input === undefined ? error : error.message);
  status = 1;
});
worker.on('exit', () => {
  clearInterval(watch);
  rmSync(folder, { recursive: true });
  process.exit(status);
});
