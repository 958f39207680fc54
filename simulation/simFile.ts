/** A file of the simulated disk (simDisk.ts): as processes see it, and as a crash would leave it. It draws nothing itself. */

/** What was made of a file's bytes since it was last synced. */
export type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

export class SimFile {
  readonly #seen = new Bytes();
  /** The bytes as of the last sync, and what has been done to them since. */
  readonly #safe = new Bytes();
  #changes: Change[] = [];

  get size(): number {
    return this.#seen.size;
  }

  /** Valid until the next change. */
  get bytes(): Uint8Array {
    return this.#seen.view;
  }

  /** Adds to the end. The bytes are kept. */
  write(bytes: Uint8Array): void {
    this.#make({ kind: 'write', at: this.#seen.size, bytes });
  }

  /** Cuts off; a larger size changes nothing. */
  truncate(size: number): void {
    if (size < this.#seen.size) this.#make({ kind: 'truncate', size });
  }

  sync(): void {
    for (const change of this.#changes) this.#safe.apply(change);
    this.#changes = [];
  }

  /** A sync failed: what has been done since the last one is seen on, but never becomes safe. */
  forget(): void {
    this.#changes = [];
  }

  /** Goes back to the last sync, and on by what `survivor` leaves of each change since: null is nothing. */
  crash(survivor: (change: Change) => Change | null): void {
    for (const change of this.#changes) {
      const left = survivor(change);
      if (left !== null) this.#safe.apply(left);
    }
    this.#changes = [];
    this.#seen.copy(this.#safe);
  }

  flip(bit: number): void {
    for (const bytes of [this.#seen, this.#safe]) bytes.flip(bit);
  }

  #make(change: Change): void {
    this.#changes.push(change);
    this.#seen.apply(change);
  }
}

/** Bytes that grow. */
class Bytes {
  #data = new Uint8Array(64);
  size = 0;

  get view(): Uint8Array {
    return this.#data.subarray(0, this.size);
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') {
      this.size = Math.min(this.size, change.size);
      return;
    }
    // What lies between the end and a write that comes later reads as zeros.
    const end = change.at + change.bytes.length;
    if (end > this.#data.length) this.#grow(end);
    if (change.at > this.size) this.#data.fill(0, this.size, change.at);
    this.#data.set(change.bytes, change.at);
    this.size = Math.max(this.size, end);
  }

  copy(other: Bytes): void {
    this.size = 0;
    this.apply({ kind: 'write', at: 0, bytes: other.view });
  }

  flip(bit: number): void {
    const at = Math.floor(bit / 8);
    if (at < this.size) this.#data[at] = (this.#data[at] ?? 0) ^ (1 << (bit % 8));
  }

  #grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, 2 * this.#data.length));
    grown.set(this.view);
    this.#data = grown;
  }
}
