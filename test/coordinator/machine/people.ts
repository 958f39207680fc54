/** The people of a world: workers, honest and lying, and the leases that they hold. */
import type { Block, WorkerId } from '../../../coordinator/machine/machine.ts';

/** When a worker lies: never, each time, now and then, once it is proven, or once and then it is gone. */
export type Nature = 'honest' | 'always' | 'sometimes' | 'turncoat' | 'hitAndRun';

export interface Person {
  readonly id: WorkerId;
  readonly slots: number;
  readonly trusted: boolean;
  readonly identity: string | null;
  readonly nature: Nature;
  answers: number;
}

export interface Lease extends Block {
  readonly worker: WorkerId;
  readonly round: number;
  /** It was handed out to check what was held. */
  readonly check: boolean;
}

export const blockOf = ({ lo, size }: Block): Block => ({ lo, size });

/** By what the machine knows a worker again that is not trusted. */
export const keyOf = ({ id, identity }: Person): string => identity ?? `#${id}`;
