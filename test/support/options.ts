/** Run options that ask for as little as can be: evaluations and a checkpoint at the end. */
import type { RunOptions } from '../../coordinator/options.ts';

export const atEndOnly: RunOptions = {
  checkpointEvery: 0,
  checkpointSeconds: 0,
  keepCheckpoints: 1,
  keepEvery: 0,
  evalEvery: 0,
  diagnoseEvery: 0,
};
