/**
 * Where buffers lie whose lifetimes are known beforehand, so that those which are never alive together share memory: greedy
 * by size, as Pisarchyk and Lee (2020) found to come close to the least there can be. It knows no kernels.
 */

/** A buffer of `length` elements that is in use from call `first` to call `last`, both included. */
export interface Lifetime {
  readonly length: number;
  readonly first: number;
  readonly last: number;
}

export interface Plan {
  /** For each lifetime, its place in elements from the workspace's start. */
  readonly offsets: readonly number[];
  /** Elements of the whole workspace. */
  readonly length: number;
}

/** A plan in which no two buffers overlap both in time and in place. Offsets are multiples of `alignment`. */
export function planMemory(lifetimes: readonly Lifetime[], alignment: number): Plan {
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const bySize = lifetimes.map((_, i) => i).sort((i, j) => lifetimes[j].length - lifetimes[i].length || i - j);
  /** Placed so far, by their offsets. */
  const placed: number[] = [];
  let length = 0;
  for (const i of bySize) {
    const { length: size, first, last } = lifetimes[i];
    let at = 0;
    for (const j of placed) {
      const other = lifetimes[j];
      if (other.first > last || other.last < first) continue;
      if (offsets[j] >= at + size) break;
      at = Math.max(at, roundUp(offsets[j] + other.length, alignment));
    }
    offsets[i] = at;
    placed.splice(upperBound(placed, offsets, at), 0, i);
    length = Math.max(length, at + size);
  }
  return { offsets, length: roundUp(length, alignment) };
}

/** The first place in `placed` whose offset is beyond `at`. */
function upperBound(placed: readonly number[], offsets: readonly number[], at: number): number {
  let [low, high] = [0, placed.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[placed[middle]] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function roundUp(n: number, alignment: number): number {
  return Math.ceil(n / alignment) * alignment;
}
