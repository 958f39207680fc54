/** How a run is carried out. None of it can change a bit of the trajectory: that is the recipe's business. */
import type { Verify } from './machine/standing.ts';

export interface RunOptions {
  /** Write a checkpoint after every so many steps, and at the end; 0 is only at the end. */
  readonly checkpointEvery: number;
  /** Write one as well at the first step that ends so many seconds after the last was begun; 0 is never. */
  readonly checkpointSeconds: number;
  /** So many of the newest checkpoints are kept. */
  readonly keepCheckpoints: number;
  /** Those whose step is a multiple of it are kept for good; 0 is none. */
  readonly keepEvery: number;
  /** Evaluate the validation set after every so many steps, and at the end; 0 is only at the end. */
  readonly evalEvery: number;
  /** Record what layers and parameters do at every so many steps; 0 is never. */
  readonly diagnoseEvery: number;
  /** Which results of workers that are not trusted are computed again, by one that is, before they count. */
  readonly verify: Verify;
  /** Whether all workers compute the same bits; where they do not, what is computed again need only come near. */
  readonly exact: boolean;
}

/** Nothing saved on the way, measured or verified: for runs whose end alone is looked at, and to change one thing of. */
export const PLAIN: RunOptions = {
  checkpointEvery: 0,
  checkpointSeconds: 0,
  keepCheckpoints: 1,
  keepEvery: 0,
  evalEvery: 0,
  diagnoseEvery: 0,
  verify: 'off',
  exact: true,
};
