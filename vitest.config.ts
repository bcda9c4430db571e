import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { env } from 'node:process';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import { Built } from './test/support/built.ts';

/** The longest files, longest first: what begins last should not end last. */
const LONGEST = ['crash', 'cli/workers', 'cli/serve', 'transcripts', 'fuzz/fuzz', 'pair', 'product', 'wire/data-decoder', 'readme', 'node/resolve', 'node/proxy', 'protocol/server/session-octets', 'node/credential', 'protocol/client/session-octets', 'wire/line-decoder', 'cli/queue', 'cli/send', 'node/pump', 'node/receiver', 'protocol/server/table', 'node/queue-check', 'node/client-behind', 'cli/passwd', 'cli/ehlo'];

/** Those that put other modules in the place of real ones: a process for each. The others do without, which costs a third of the time. */
const MOCKING = readdirSync('test/node').map((name) => `test/node/${name}`).filter((path) => readFileSync(path, 'utf8').includes('\nvi.mock('));

/** The longest first. Those that mock last: what has a process of its own takes the place of one that the others share. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const long = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return project.name === 'mocking' ? Infinity : long === -1 ? LONGEST.length : long;
    };
    return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
  }
}

/** Linux has files in memory here. Tests that write wait for a disk, those of a queue for more than half of their time. */
const MEMORY = '/dev/shm';
const ROOM = 500_000_000; // octets: some containers have next to nothing there

function hasRoom(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize > ROOM;
}

const DIST = resolve('dist');
const BUILT = new Built(resolve('src'), DIST);

export default defineConfig({
  test: {
    maxWorkers: 2 * availableParallelism(), // some wait for processes and timers
    execArgv: ['--max-semi-space-size=64', '--max-inlined-bytecode-size-cumulative=100'], // MiB: fewer collections, a twelfth of the time; and less to compile, a twentieth
    testTimeout: 120_000, // exhaustive tests on a busy machine
    hookTimeout: 30_000,
    env: { FORCE_COLOR: '0', ...(env['TMPDIR'] === undefined && hasRoom(MEMORY) ? { TMPDIR: MEMORY } : {}) }, // what programs print is compared; and a disk where one is named
    experimental: { fsModuleCache: true },
    sequence: { sequencer: LongestFirst },
    server: { deps: { external: [new RegExp(`${DIST.replaceAll(/\W/g, '\\$&')}/`)] } },
    projects: [
      { extends: true, plugins: BUILT.isFresh ? [BUILT.plugin] : [], test: { name: 'real', include: ['test/**/*.test.ts'], exclude: MOCKING, isolate: false } },
      { extends: true, test: { name: 'mocking', include: MOCKING } },
    ],
  },
});
