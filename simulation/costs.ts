/**
 * What a coordinator's own work costs, in milliseconds of its one thread: for a simulation in which that can be the bottleneck.
 * Measured by bench/coordinator.ts; a faster machine has smaller ones.
 */

export interface Costs {
  /** To take a message from a worker, and for each MiB of it: off the socket, out of its frames, checked and added. */
  readonly taken: number;
  readonly takenMiB: number;
  /** To send one. */
  readonly sent: number;
  readonly sentMiB: number;
  /** To make a step, and for each MiB of parameters: the update, and the snapshot that is sent to all. */
  readonly step: number;
  readonly stepMiB: number;
}

const MIB = 1024 * 1024;

export const costOfTaking = ({ taken, takenMiB }: Costs, bytes: number): number => taken + (takenMiB * bytes) / MIB;
export const costOfSending = ({ sent, sentMiB }: Costs, bytes: number): number => sent + (sentMiB * bytes) / MIB;
export const costOfStep = ({ step, stepMiB }: Costs, bytes: number): number => step + (stepMiB * bytes) / MIB;

/** On a machine twice as fast. */
export const halved = (c: Costs): Costs => ({
  taken: c.taken / 2,
  takenMiB: c.takenMiB / 2,
  sent: c.sent / 2,
  sentMiB: c.sentMiB / 2,
  step: c.step / 2,
  stepMiB: c.stepMiB / 2,
});

/** One core of a server of 2024, kernel included. */
export const MEASURED_COSTS: Costs = { taken: 0.1, takenMiB: 1.4, sent: 0.05, sentMiB: 0.6, step: 0.2, stepMiB: 1 };
