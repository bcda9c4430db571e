// node test/sabotage.mjs [--part K/N] [word…]: makes each mistake of sabotage-table.mjs in a copy of the tree, and runs the tests that have to
// notice. With words, only those whose description holds one; of all, only the Kth of N parts.
//
// It fails when a mistake is noticed by none of them, or they do not come to an end with it, and when its text does not stand in its file
// exactly once. That the tests pass without any mistake is for `npm test` to say; some are tried first, so that a tree in which none
// can run is not taken for one in which everything is noticed. The last line is `N noticed, N not`.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MISTAKES } from './sabotage-table.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const PATIENCE = 120_000; // milliseconds for the tests of one mistake
const SOUND = ['test/wire/chunk-decoder test/syntax/mailbox', 'test/transcripts test/fuzz/fuzz -t rfc2920|encodings'];
const { values: { part }, positionals: words } = parseArgs({ options: { part: { type: 'string', default: '1/1' } }, allowPositionals: true });
const [, chosen, parts] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(part)?.map(Number) ?? [];
if (parts === undefined || chosen > parts) throw new Error(`--part needs K/N, with K from 1 to N, not ${part}`);
const mistakes = MISTAKES.filter(([what], index) => index % parts === chosen - 1 && (words.length === 0 || words.some((word) => what.includes(word))));

/** Runs test files, given by their names without `.test.ts`, with `-t` and a name for some of their tests; whether they pass. */
function test(tree, tests) {
  const [files, name] = tests.split(' -t ');
  const programs = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', '--reporter=dot', '--no-file-parallelism', ...files.split(' ').map((file) => `${file}.test.ts`), ...(name === undefined ? [] : ['-t', name])];
  return new Promise((settle) => {
    const child = spawn(process.execPath, programs, { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    child.on('close', (status) => {
      clearTimeout(timer);
      settle({ passed: status === 0, ran: / Tests .*\d+ failed/.test(output), output });
    });
  });
}

function copyTree(scratch, index) {
  const tree = join(scratch, String(index));
  mkdirSync(tree);
  for (const name of ['src', 'test', 'fixtures', 'package.json', 'tsconfig.json', 'vitest.config.ts']) cpSync(join(ROOT, name), join(tree, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  return tree;
}

/** Makes the mistake; returns how to take it back, or what is wrong with its description. */
function make(tree, [, file, text, replacement]) {
  const path = join(tree, 'src', file);
  const source = readFileSync(path, 'utf8');
  const times = source.split(text).length - 1;
  if (times !== 1 || text === replacement) return `its text stands in src/${file} ${times} times`;
  writeFileSync(path, source.replace(text, () => replacement));
  return () => writeFileSync(path, source);
}

async function notice(tree, mistake) {
  const [what, , , , tests] = mistake;
  const undo = make(tree, mistake);
  if (typeof undo === 'string') return `not ${what}: ${undo}`;
  const { passed, ran, output } = await test(tree, tests);
  undo();
  if (!passed && ran) return undefined;
  return passed ? `not ${what}: ${tests} pass` : `not ${what}: ${tests} did not run\n${output}`;
}

const scratch = mkdtempSync(join(tmpdir(), 'ehlo-sabotage-'));
let failed = 0;
let noticed = 0;
try {
  const trees = Array.from({ length: Math.max(2, availableParallelism()) }, (_, index) => copyTree(scratch, index));
  const sound = [...SOUND];
  await Promise.all(trees.map(async (tree) => {
    for (let tests; (tests = sound.shift()) !== undefined; ) {
      const { passed, output } = await test(tree, tests);
      if (passed) continue;
      failed += 1;
      console.log(`${tests} fail without any mistake\n${output}`);
    }
    for (let mistake; (mistake = mistakes.shift()) !== undefined; ) {
      const begun = Date.now();
      const trouble = await notice(tree, mistake);
      console.log(trouble ?? `ok  ${mistake[0]} (${((Date.now() - begun) / 1_000).toFixed(1)} s)`);
      if (trouble === undefined) noticed += 1;
      else failed += 1;
    }
  }));
} finally {
  rmSync(scratch, { recursive: true });
}
console.log(`\n${noticed} noticed, ${failed} not`);
process.exit(failed === 0 ? 0 : 1);
