// Windows of running text, as in "Let's build GPT": predict at every place of a window the token that comes next.

import type { Dataset, Rows } from './dataset.ts';

/**
 * The windows of T = blockSize tokens of a text. The window at place i is x = tokens[i], ..., tokens[i + T - 1] with the
 * targets y = tokens[i + 1], ..., tokens[i + T]. None is kept: they are cut out when they are asked for.
 *
 * A step draws from all of them, overlapping as they are. An evaluation takes every T-th, from the beginning; the rest at the
 * end that fills no window, less than T tokens, is left out.
 */
export class Windows implements Dataset {
  readonly targets: number;
  readonly count: number;
  readonly evalCount: number;
  readonly #tokens: Uint16Array<ArrayBuffer>;

  /** @throws RangeError where blockSize is no positive integer, or the text holds no window and the token after it */
  constructor(tokens: Uint16Array<ArrayBuffer>, blockSize: number) {
    if (!Number.isInteger(blockSize) || blockSize < 1 || tokens.length <= blockSize) {
      throw new RangeError(`${tokens.length} tokens hold no window of ${blockSize} and the token after it`);
    }
    this.#tokens = tokens;
    this.targets = blockSize;
    this.count = tokens.length - blockSize;
    this.evalCount = Math.floor((tokens.length - 1) / blockSize);
  }

  draw(places: Uint32Array): Rows {
    const { targets: length } = this;
    const x = new Uint16Array(places.length * length);
    const y = new Uint16Array(places.length * length);
    for (const [row, place] of places.entries()) {
      if (place >= this.count) throw new RangeError(`window ${place} is not among ${this.count}`);
      x.set(this.#tokens.subarray(place, place + length), row * length);
      y.set(this.#tokens.subarray(place + 1, place + 1 + length), row * length);
    }
    return { x, y };
  }

  evalRows(from: number, to: number): Rows {
    const [begin, end] = [from * this.targets, to * this.targets];
    return { x: this.#tokens.slice(begin, end), y: this.#tokens.slice(begin + 1, end + 1) };
  }
}
