/**
 * Writes down the kernel calls of a step instead of making them. Buffers that the step allocates get virtual addresses, far
 * above any real one, so that their lifetimes can be read off the list before they get a place (program.ts).
 */
import { type KernelCalls, type KernelName, SIGNATURES } from './exports.ts';

/** The first virtual address, in elements: above all memory, and above any length or stride among a call's numbers. */
const VIRTUAL = 2 ** 40;

export interface Call {
  readonly name: KernelName;
  readonly args: readonly (number | boolean)[];
}

/** A place in one of the step's own buffers. Offsets in bytes. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
}

export class Recorder {
  readonly calls: Call[] = [];
  /** In elements, in the order of allocation. */
  readonly lengths: number[] = [];
  /** Real addresses, in elements, of the buffers that hold constants. */
  readonly constants = new Map<number, number>();
  /** To be called in place of the kernels. */
  readonly kernels: KernelCalls;
  readonly #starts: number[] = [];
  #top = VIRTUAL;

  constructor() {
    const record = (name: KernelName) => [
      name,
      (...args: (number | boolean)[]) => {
        this.calls.push({ name, args });
        return -1;
      },
    ];
    // Every kernel's arguments are numbers and flags, and SIGNATURES, whose keys these are, says which.
    this.kernels = Object.fromEntries((Object.keys(SIGNATURES) as KernelName[]).map(record)) as unknown as KernelCalls;
  }

  /** The virtual address of a new buffer, in elements. */
  alloc(length: number): number {
    const at = this.#top;
    this.#starts.push(at);
    this.lengths.push(length);
    // Never empty: every buffer has an address of its own.
    this.#top += Math.max(1, length);
    return at;
  }

  /** Which of the step's own buffers an address in bytes lies in, or null for one from outside. */
  placeOf(address: number): Place | null {
    const at = address / 4;
    if (at < VIRTUAL) return null;
    let [low, high] = [0, this.#starts.length];
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] <= at) low = middle;
      else high = middle;
    }
    return { buffer: low, offset: 4 * (at - this.#starts[low]) };
  }
}
