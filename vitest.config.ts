import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    maxWorkers: '100%', // by default one core stays idle
    testTimeout: 120_000, // exhaustive tests on a busy machine
    hookTimeout: 30_000,
  },
});
