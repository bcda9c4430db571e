import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    maxWorkers: '100%', // by default one core stays idle
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
