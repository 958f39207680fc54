/** Bytes that grow, for what is written to them. Numbers are big-endian, as msgpack's. */
export class Sink {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  #room(n: number): number {
    const at = this.length;
    this.length += n;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
  put(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }
  byte(value: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
  }
  uint16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
  }
  uint32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
  }
  uint64(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, value);
  }
  float32(value: number): void {
    const at = this.#room(4);
    this.#view.setFloat32(at, value);
  }
  float64(value: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, value);
  }
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}
