/** Ids, ever more of them, in memory that doubles: for texts whose number of tokens is not known before. */
export class IdList {
  #ids = new Uint32Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(i: number): number {
    return this.#ids[i] ?? 0;
  }

  /** Forgets what came after the first `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  push(id: number): void {
    if (this.#length === this.#ids.length) this.#grow(1);
    this.#ids[this.#length++] = id;
  }

  /** Adds source[from], ..., source[from + count - 1]. */
  append(source: Uint32Array, from: number, count: number): void {
    if (this.#length + count > this.#ids.length) this.#grow(count);
    const ids = this.#ids;
    let at = this.#length;
    for (let i = from; i < from + count; i++) ids[at++] = source[i] ?? 0;
    this.#length = at;
  }

  /** All of them, in memory of their own. */
  take(): Uint32Array<ArrayBuffer> {
    return this.#ids.slice(0, this.#length);
  }

  #grow(by: number): void {
    const larger = new Uint32Array(Math.max(2 * this.#ids.length, this.#length + by));
    larger.set(this.#ids);
    this.#ids = larger;
  }
}
