/**
 * The median of the last so many numbers, and how far they are from it. Adding one costs a step for each number that it passes by
 * in their order; asking for the median, nothing.
 */
export class RecentMedian {
  /** In turns: the oldest is where the next one goes. */
  readonly #last: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;
  #next = 0;
  #median: number | null = null;
  /** Null until it is asked for. */
  #deviation: number | null = 0;

  /** @param remembered how many of the last numbers count */
  constructor(remembered: number) {
    this.#last = new Float64Array(remembered);
    this.#sorted = new Float64Array(remembered);
  }

  /** How many numbers it is of. */
  get count(): number {
    return this.#count;
  }

  /** Null before the first; the upper one of two. */
  get median(): number | null {
    return this.#median;
  }

  /** The median of the numbers' distances from their median; 0 before the first. */
  get deviation(): number {
    this.#deviation ??= medianDistance(this.#sorted, this.#count, this.#median ?? 0);
    return this.#deviation;
  }

  /** Adds a number; not NaN, which has no place in an order. */
  add(value: number): void {
    const [last, sorted] = [this.#last, this.#sorted];
    // The place of the oldest among the sorted, or one more, moves to where the new one belongs.
    let at = this.#count < last.length ? this.#count++ : sorted.indexOf(last[this.#next] ?? 0);
    last[this.#next] = value;
    this.#next = (this.#next + 1) % last.length;
    for (let below = sorted[at - 1]; below !== undefined && below > value; below = sorted[--at - 1]) sorted[at] = below;
    for (
      let above = sorted[at + 1];
      at + 1 < this.#count && above !== undefined && above < value;
      above = sorted[++at + 1]
    )
      sorted[at] = above;
    sorted[at] = value;
    this.#median = sorted[this.#count >> 1] ?? value;
    this.#deviation = null;
  }

  /** Forgets them all. */
  clear(): void {
    this.#count = 0;
    this.#median = null;
    this.#deviation = 0;
  }
}

/** The median distance of the first `count` of sorted numbers from their median: walks outwards from it, nearest first. */
function medianDistance(sorted: Float64Array, count: number, median: number): number {
  const middle = count >> 1;
  let [below, above, distance] = [middle - 1, middle + 1, 0];
  for (let i = 0; i < middle; i++) {
    const down = median - (sorted[below] ?? Number.NEGATIVE_INFINITY);
    const up = above < count ? (sorted[above] ?? 0) - median : Number.POSITIVE_INFINITY;
    if (down <= up) below--;
    else above++;
    distance = Math.min(down, up);
  }
  return distance;
}
