/**
 * One growing WebAssembly.Memory used as a stack of 32-bit elements. It knows nothing of kernels.
 *
 * Kernels may read, never write, a little past a buffer's end; the arena keeps that much memory behind the last one.
 */

/** Elements; a power of two. Every allocation starts at a multiple, so that it starts a cache line (64 bytes). */
const ALIGNMENT = 16;
/** Elements that are always readable behind the last allocation. */
const SLACK = 64;
/** What wasm32 can address: 4 GiB. */
export const MAX_PAGES = 65536;
const PAGE = 16384;

export class Arena {
  private readonly memory: WebAssembly.Memory;
  /** Views of the whole memory; replaced when it grows. */
  f32: Float32Array;
  i32: Int32Array;
  private top: number;
  private readonly base: number;
  /** The highest `top` that needs no growth. */
  private limit: number;

  /** `memory` may have any size; `base`: the first element that may be given out, what lies below is the module's own. */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.base = roundUp(base);
    this.top = this.base;
    this.f32 = new Float32Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.limit = this.f32.length - SLACK;
    if (this.base > this.limit) this.grow(this.base);
  }

  /** The offset of `length` new elements. Throws when 4 GiB are exceeded or the system refuses. */
  alloc(length: number): number {
    const at = this.top;
    const end = at + roundUp(length);
    // Written so that NaN and negative lengths end there too.
    if (!(end >= at && end <= this.limit)) this.grow(end);
    this.top = end;
    return at;
  }

  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    if (!(mark >= this.base && mark <= this.top)) throw new RangeError(`${mark} is not a mark of this arena`);
    this.top = mark;
  }

  private grow(end: number): void {
    if (!(end >= this.top)) throw new RangeError('an allocation needs a length of 0 or more');
    const have = this.f32.length / PAGE;
    const need = Math.ceil((end + SLACK) / PAGE);
    if (need > MAX_PAGES)
      throw new Error(`out of memory: ${gigabytes(end)} GB are needed at once and WebAssembly addresses 4 GB`);
    // Half as much again, so that many small allocations cost few growths; just enough if the system has no more.
    const wanted = Math.min(MAX_PAGES, Math.max(need, have + (have >> 1)));
    if (!this.tryGrow(wanted - have) && !this.tryGrow(need - have))
      throw new Error(`out of memory: the system refused to grow WebAssembly's memory to ${gigabytes(end)} GB`);
    this.f32 = new Float32Array(this.memory.buffer);
    this.i32 = new Int32Array(this.memory.buffer);
    this.limit = this.f32.length - SLACK;
  }

  private tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }
}

function roundUp(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

function gigabytes(elements: number): string {
  return (elements / 2 ** 28).toFixed(2);
}
