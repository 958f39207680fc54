// Windows of running text, as in "Let's build GPT": predict at every place of a window the token that comes next.

import type { Dataset, Rows } from './dataset.ts';

/** Ids in a row: in memory as an array, or on a disk (shards/shardTokens.ts). */
export interface Tokens {
  readonly length: number;
  /** A copy of those from, ..., to - 1. */
  slice(from: number, to: number): Uint16Array<ArrayBuffer>;
}

/** A batch's draws are below it (core/random/streams.ts). */
const MOST_PLACES = 2 ** 32 - 1;

/**
 * The windows of T = blockSize tokens of a text. The window at place i is x = tokens[i], ..., tokens[i + T - 1] with the
 * targets y = tokens[i + 1], ..., tokens[i + T]. None is kept: they are cut out when they are asked for.
 *
 * A step draws from all of them, overlapping as they are; of a text with more places than a draw has numbers for, from every second
 * (third, ...). An evaluation takes every T-th, from the beginning; the rest at the end that fills no window, less than T tokens, is
 * left out. Where those are more than it may take, it takes as many, as far from one another everywhere.
 */
export class Windows implements Dataset {
  readonly targets: number;
  readonly count: number;
  readonly evalCount: number;
  readonly #tokens: Tokens;
  readonly #stride: number;
  /** How many windows there are that do not overlap. */
  readonly #apart: number;

  /**
   * @param mostEvaluated windows of an evaluation; all of them by default
   * @throws RangeError where blockSize is no positive integer, or the text holds no window and the token after it
   */
  constructor(tokens: Tokens, blockSize: number, mostEvaluated = Number.POSITIVE_INFINITY) {
    if (!Number.isInteger(blockSize) || blockSize < 1 || tokens.length <= blockSize) {
      throw new RangeError(`${tokens.length} tokens hold no window of ${blockSize} and the token after it`);
    }
    this.#tokens = tokens;
    this.targets = blockSize;
    const places = tokens.length - blockSize;
    this.#stride = Math.ceil(places / MOST_PLACES);
    this.count = Math.ceil(places / this.#stride);
    this.#apart = Math.floor((tokens.length - 1) / blockSize);
    this.evalCount = Math.min(this.#apart, mostEvaluated);
  }

  draw(places: Uint32Array): Rows {
    for (const place of places)
      if (place >= this.count) throw new RangeError(`window ${place} is not among ${this.count}`);
    return this.#rows(places.length, (row) => (places[row] ?? 0) * this.#stride);
  }

  evalRows(from: number, to: number): Rows {
    return this.#rows(to - from, (row) => {
      const window = Math.floor(((from + row) * this.#apart) / this.evalCount);
      return window * this.targets;
    });
  }

  /** Windows by where they begin. */
  #rows(count: number, beginOf: (row: number) => number): Rows {
    const { targets: length } = this;
    const x = new Uint16Array(count * length);
    const y = new Uint16Array(count * length);
    for (let row = 0; row < count; row++) {
      const begin = beginOf(row);
      const tokens = this.#tokens.slice(begin, begin + length + 1);
      x.set(tokens.subarray(0, length), row * length);
      y.set(tokens.subarray(1), row * length);
    }
    return { x, y };
  }
}
