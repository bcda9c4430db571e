import { readdirSync, readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** The longest files, longest first: what begins last should not end last. */
const LONGEST = ['cli/workers', 'crash', 'pair', 'fuzz/fuzz', 'protocol/server/session-octets', 'transcripts', 'protocol/client/session-octets', 'wire/data-decoder', 'wire/proxy-header', 'protocol/server/table', 'node/credential', 'readme'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`)) + LONGEST.length + 1) % (LONGEST.length + 1);
    return files.toSorted((a, b) => rank(a) - rank(b));
  }
}

const NODE = ['test/node/**/*.test.ts', 'test/cli/**/*.test.ts', 'test/*.test.ts']; // with timers, signals and processes of their own

const MOCKING = readdirSync('test/node').map((name) => `test/node/${name}`).filter((path) => readFileSync(path, 'utf8').includes('\nvi.mock(')); // modules that others need as they are

export default defineConfig({
  test: {
    maxWorkers: '200%', // two to a core: some wait for processes and timers
    testTimeout: 120_000, // exhaustive tests on a busy machine
    hookTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'pure', include: ['test/**/*.test.ts'], exclude: NODE, isolate: false } }, // a process for each file would cost as much as the tests
      { extends: true, test: { name: 'node', include: NODE, exclude: MOCKING, isolate: false } },
      { extends: true, test: { name: 'mocking', include: MOCKING } },
    ],
  },
});
