import { readdirSync, readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** The longest files, longest first: what begins last should not end last. */
const LONGEST = ['cli/workers', 'crash', 'fuzz/fuzz', 'cli/serve', 'pair', 'wire/data-decoder', 'transcripts', 'readme', 'node/resolve', 'protocol/server/session-octets', 'node/queue-check', 'protocol/server/table', 'product', 'protocol/client/session-octets', 'wire/line-decoder', 'node/credential', 'cli/ehlo', 'cli/send'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`)) + LONGEST.length + 1) % (LONGEST.length + 1);
    return files.toSorted((a, b) => rank(a) - rank(b));
  }
}

/** Those that put other modules in the place of real ones: a process for each. The others do without, which costs a third of the time. */
const MOCKING = readdirSync('test/node').map((name) => `test/node/${name}`).filter((path) => readFileSync(path, 'utf8').includes('\nvi.mock('));

export default defineConfig({
  test: {
    maxWorkers: '200%', // two to a core: some wait for processes and timers
    testTimeout: 120_000, // exhaustive tests on a busy machine
    hookTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'real', include: ['test/**/*.test.ts'], exclude: MOCKING, isolate: false } },
      { extends: true, test: { name: 'mocking', include: MOCKING } },
    ],
  },
});
