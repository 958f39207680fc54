import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The tests of whole runs start several processes each; two files at a time keep two cores busy enough.
    maxWorkers: 2,
    // Against hanging alone: a machine that does other things besides may be many times slower.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
