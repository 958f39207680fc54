/**
 * Results that are not believed yet: what is kept of each until somebody who is trusted has computed the same block again, and
 * whether the two agree. Where all workers are of one numerics class, an honest result has the same bits, and a hash of it is
 * kept; where they are not (`--numerics any`), the result itself is, and it must come within a tolerance.
 *
 * Whom to doubt, and what follows, is the machine's business.
 */
import { createHash } from 'node:crypto';
import type { Result } from '../core/protocol/work.ts';
import type { WorkerId } from './machine/machine.ts';

/**
 * How far results of different numerics classes may be apart: the distance of two vectors, in parts of the second's length; of
 * two losses, in parts of the second (or of 1, if that is more). Rounding differently makes some 1e-6.
 */
export const TOLERANCE = 1e-3;

type Kept = { readonly worker: WorkerId } & ({ readonly hash: string } | { readonly result: Result });

export class Doubts {
  readonly #exact: boolean;
  readonly #kept = new Map<string, Kept>();

  /** @param exact whether honest results have the same bits */
  constructor(exact: boolean) {
    this.#exact = exact;
  }

  /** A round begins: nothing is left of the last one. */
  clear(): void {
    this.#kept.clear();
  }

  /** Keeps what a worker's result was. The result is only read, and before this returns. */
  keep(worker: WorkerId, result: Result): void {
    const kept = this.#exact ? { hash: hashOf(result) } : { result: copyOf(result) };
    this.#kept.set(blockOf(result), { worker, ...kept });
  }

  /** Whose result of the same block is kept; null if none is. */
  holderOf(result: Result): WorkerId | null {
    return this.#kept.get(blockOf(result))?.worker ?? null;
  }

  /** Whether a result agrees with the one of the same block that is kept; null if none is. */
  agrees(result: Result): boolean | null {
    const kept = this.#kept.get(blockOf(result));
    if (kept === undefined) return null;
    return 'hash' in kept ? kept.hash === hashOf(result) : isClose(kept.result, result);
  }
}

const blockOf = ({ round, lo, size }: Result): string => `${round} ${lo} ${size}`;

function hashOf({ losses, counts, gradient, statistics, layers }: Result): string {
  const hash = createHash('sha256');
  for (const numbers of [Float64Array.from(losses), Float64Array.from(counts), gradient, statistics])
    hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  return hash.update(JSON.stringify(layers ?? null)).digest('hex');
}

const copyOf = (result: Result): Result => ({
  ...result,
  losses: [...result.losses],
  gradient: result.gradient.slice(),
  statistics: result.statistics.slice(),
});

/** Layers are for a person to look at, and are not compared. */
function isClose(given: Result, own: Result): boolean {
  return (
    own.losses.every(
      (loss, i) => Math.abs((given.losses[i] ?? Number.NaN) - loss) <= TOLERANCE * Math.max(1, Math.abs(loss)),
    ) &&
    isNear(given.gradient, own.gradient) &&
    isNear(given.statistics, own.statistics)
  );
}

function isNear(given: Float32Array, own: Float32Array): boolean {
  let [apart, length] = [0, 0];
  for (const [i, value] of own.entries()) {
    const difference = (given[i] ?? Number.NaN) - value;
    apart += difference * difference;
    length += value * value;
  }
  return Math.sqrt(apart) <= TOLERANCE * Math.sqrt(length);
}
