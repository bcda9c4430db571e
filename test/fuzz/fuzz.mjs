// npm run fuzz -- [--seed N] [--seconds S] [target…]     fuzzes the targets (test/fuzz/targets.ts), by turns
// npm run fuzz -- target --input FILE                    runs one input
// npm run fuzz -- --build FOLDER                         builds the targets for another driver, such as Jazzer.js
//
// What is found is made small, written to fixtures/corpus/<target>/, where `npm test` runs it from then on, and told on one line.
// The exit status is 0 when nothing was found. An input that does not come back within 20 seconds is a finding too.
//
// The sources and the targets are built, as TypeScript, into a folder that is removed in the end; they run in a process of their own,
// which this one watches.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const PATIENCE = 20; // seconds

function build(folder) {
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(compiler, ['-p', join(ROOT, 'test/fuzz/tsconfig.json'), '--noEmit', 'false', '--outDir', folder], { encoding: 'utf8' });
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
    if (values.input !== undefined && !existsSync(values.input)) throw new Error(`--input ${values.input}: there is no such file`);
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
const current = join(folder, 'current');
const task = { root: ROOT, code: pathToFileURL(join(folder, 'src')).href, seed, seconds, targets, current, input: input && resolve(input) };
const child = spawn(process.execPath, [join(folder, 'test/fuzz/driver.js'), JSON.stringify(task)], { stdio: 'inherit' });

/** The input that was running is the finding. */
function keep(how) {
  const [, high, low, ...octets] = readFileSync(current);
  const input = Uint8Array.from(octets.slice(0, (high << 8) + low));
  const file = join('fixtures/corpus', targets[0] ?? 'any', createHash('sha256').update(input).digest('hex').slice(0, 8));
  mkdirSync(dirname(join(ROOT, file)), { recursive: true });
  writeFileSync(join(ROOT, file), input);
  console.log(`FOUND an input that ${how}: ${file}`);
}

let [seen, still] = [-1, 0];
const watch = setInterval(() => {
  const before = seen;
  seen = existsSync(current) ? readFileSync(current)[0] : -1;
  still = seen === before ? still + 1 : 0;
  if (still < PATIENCE) return;
  keep('does not come back');
  child.kill('SIGKILL');
}, 1_000);
let told = false; // to end
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, () => {
    told = true;
    child.kill('SIGKILL'); // or it goes on, with nobody to watch it
  });
}
child.on('exit', (status, signal) => {
  clearInterval(watch);
  if (!told && signal !== null && signal !== 'SIGKILL') keep('ends the process');
  rmSync(folder, { recursive: true });
  process.exit(status ?? 1);
});
