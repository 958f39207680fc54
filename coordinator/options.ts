/** How a run is carried out. None of it can change a bit of the trajectory: that is the recipe's business. */
export interface RunOptions {
  /** Write a checkpoint after every so many steps, and at the end; 0 is only at the end. */
  readonly checkpointEvery: number;
  /** Older checkpoints than these are removed. */
  readonly keepCheckpoints: number;
  /** Evaluate the validation set after every so many steps, and at the end; 0 is only at the end. */
  readonly evalEvery: number;
  /** Record what layers and parameters do at every so many steps; 0 is never. */
  readonly diagnoseEvery: number;
}
