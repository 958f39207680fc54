/** What tests of simulated runs share. */
import type { RunOptions } from '../../coordinator/options.ts';

/** Nothing is saved or measured on the way. */
export const quietRun: RunOptions = {
  checkpointEvery: 0,
  checkpointSeconds: 0,
  keepCheckpoints: 1,
  keepEvery: 0,
  evalEvery: 0,
  diagnoseEvery: 0,
};
