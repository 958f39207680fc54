/** Events of workers that are trusted, shortly. */
import type { Event, WorkerId } from '../../../coordinator/machine.ts';

export const joined = (worker: WorkerId, slots: number): Event => ({
  type: 'joined',
  worker,
  slots,
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
