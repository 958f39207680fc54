/** Memory that is used again for large messages, one after the other: new memory for each would busy the garbage collector. */

/**
 * What waits for its next use, one piece of any size aside, has at most so many bytes: what a hundred workers' gradients of a
 * million parameters take that arrive all at once, step after step.
 */
const MAX_SPARE_BYTES = 512 * 1024 ** 2;

export class SpareMemory {
  readonly #maxBytes: number;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  constructor(maxBytes = MAX_SPARE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Memory of so many bytes, with anything in them, if there is any to be used again. */
  take(bytes: number): Uint8Array<ArrayBuffer> | null {
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= bytes);
    const [found] = at < 0 ? [] : this.#spare.splice(at, 1);
    if (found === undefined) return null;
    this.#bytes -= found.byteLength;
    return found.subarray(0, bytes);
  }

  /** Takes memory for another use; nobody may look at it any more. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (this.#spare.length > 0 && this.#bytes + buffer.byteLength > this.#maxBytes) return;
    this.#spare.push(new Uint8Array(buffer));
    this.#bytes += buffer.byteLength;
  }
}
