import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, begun first: the last files of a run are then short ones, and no core waits for the other. */
const LONG = [
  'faults/sameBits',
  'acceptance/quick',
  'browser/tabs',
  'cli/eval',
  'network/network',
  'simulation/schedules',
  'soak/soak',
  'cli/batchNorm',
  'cli/badInput',
  'operations/tls',
  'operations/drain',
  'simulation/matrix',
  'faults/slow',
  'faults/strangers',
];
const rank = ({ moduleId }: TestSpecification): number => {
  const at = LONG.findIndex((file) => moduleId.endsWith(`/test/${file}.test.ts`));
  return at < 0 ? LONG.length : at;
};

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The tests of whole runs start several processes each; two files at a time keep two cores busy enough.
    maxWorkers: 2,
    // Hundreds of processes are started: what the first compiles, and strips of its types, the others need not.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
    sequence: { sequencer: LongestFirst },
    // Against hanging alone: a machine that does other things besides may be many times slower.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
