/** What tests by hand say to a machine, and what it answers, shortly: plans, events of workers that are trusted, actions. */
import type { Action, Event, Plan, WorkerId } from '../../../coordinator/machine/machine.ts';

/** Four steps of eight micro-batches and nothing else, but for what is said otherwise. */
export const planOf = (more: Partial<Plan> = {}): Plan => ({
  startStep: 0,
  steps: 4,
  microBatches: 8,
  evalMicroBatches: { train: 3, val: 5 },
  evalEvery: 0,
  checkpointEvery: 0,
  diagnoseEvery: 0,
  verify: 'off',
  ...more,
});

export const types = (actions: readonly Action[]) => actions.map(({ type }) => type);

/** Who was handed what: worker, first micro-batch, how many. */
export const assigned = (actions: readonly Action[]) =>
  actions.flatMap((a) => (a.type === 'assign' ? [[a.worker, a.block.lo, a.block.size]] : []));

export const joined = (worker: WorkerId, slots: number): Event => ({
  type: 'joined',
  worker,
  slots,
  local: true,
  trusted: true,
  identity: null,
});

export const result = (worker: WorkerId, round: number, lo: number, size: number): Event => ({
  type: 'result',
  worker,
  round,
  block: { lo, size },
  suspect: false,
  agrees: null,
});
