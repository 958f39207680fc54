/** Runs the same calls on the WASM backend and on the reference, and compares; shared by the tests of this folder. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Backend, Buf } from '../../core/backend/backend.ts';
import { ReferenceBackend } from '../../core/backend/reference.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';

export const wasm = await createWasmBackend();
const reference = new ReferenceBackend();

/** What lies around every output: never to be changed. */
const GUARD = 12345.6875;
const GUARDS = 9;

/** A case's source of numbers: deterministic from fast-check's own seed, so that a failure replays and shrinks. */
export class Numbers {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }
  /** Uniform in [0, 1) (mulberry32). */
  unit(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  floats(length: number, low = -2, high = 2): Float32Array {
    return Float32Array.from({ length }, () => low + (high - low) * this.unit());
  }
  ints(length: number, low: number, below: number): Int32Array {
    return Int32Array.from({ length }, () => low + Math.floor(this.unit() * (below - low)));
  }
}

/** One backend during one case: places buffers at odd offsets and remembers outputs with their guards. */
class Bench<B extends Backend = Backend> {
  readonly backend: B;
  readonly outputs: { name: string; whole: Buf; inner: Buf; ints: boolean }[] = [];
  private readonly shift: number;

  constructor(backend: B, shift: number) {
    this.backend = backend;
    this.shift = shift;
  }

  /** An input, unaligned, with NaN on both sides so that an over-read which matters shows. */
  input(data: Float32Array): Buf {
    const whole = this.backend.alloc(data.length + 2 * GUARDS);
    this.backend.fill(whole, Number.NaN);
    const inner = whole.slice(this.shift, data.length);
    this.backend.write(inner, data);
    return inner;
  }

  ints(data: Int32Array): Buf {
    const inner = this.backend.alloc(data.length + GUARDS).slice(this.shift, data.length);
    this.backend.writeInts(inner, data);
    return inner;
  }

  /** An output with guard cells; `initial` is what it holds before. */
  output(name: string, initial: Float32Array): Buf {
    const inner = this.guarded(name, initial.length, false);
    this.backend.write(inner, initial);
    return inner;
  }

  /** The same for integers, which hold −1 before. */
  intOutput(name: string, length: number): Buf {
    const inner = this.guarded(name, length, true);
    this.backend.writeInts(inner, new Int32Array(length).fill(-1));
    return inner;
  }

  private guarded(name: string, length: number, ints: boolean): Buf {
    const whole = this.backend.alloc(length + 2 * GUARDS);
    this.backend.fill(whole, GUARD);
    const inner = whole.slice(this.shift + 1, length);
    this.outputs.push({ name, whole, inner, ints });
    return inner;
  }
}

/** The most by which x and y may differ: `relative` of the larger of |y| and `scale`. */
interface Tolerance {
  relative: number;
  scale: number;
}

/** Runs `calls` on both backends and expects equal outputs within the tolerance, and whole guards. */
export async function compare(shift: number, tolerance: Tolerance, calls: (bench: Bench) => void): Promise<void> {
  const results: { name: string; values: Float64Array }[][] = [];
  for (const backend of [wasm, reference]) {
    const mark = backend.mark();
    try {
      const bench = new Bench<Backend>(backend, shift);
      calls(bench);
      const mine: { name: string; values: Float64Array }[] = [];
      for (const { name, whole, inner, ints } of bench.outputs) {
        const all = await backend.read(whole);
        const before = inner.at - whole.at;
        for (let i = 0; i < all.length; i++) {
          if ((i < before || i >= before + inner.length) && all[i] !== GUARD)
            expect.fail(`${backend.name} wrote outside ${name}, at element ${i - before} of ${inner.length}`);
        }
        const values = ints ? await backend.readInts(inner) : all.subarray(before, before + inner.length);
        mine.push({ name, values: Float64Array.from(values) });
      }
      results.push(mine);
    } finally {
      backend.release(mark);
    }
  }
  const [got, want] = results;
  got.forEach(({ name, values }, o) => {
    values.forEach((x, i) => {
      const y = want[o].values[i];
      if (Object.is(x, y) || x === y || (Number.isNaN(x) && Number.isNaN(y))) return;
      const bound = tolerance.relative * Math.max(Math.abs(y), tolerance.scale);
      if (!(Math.abs(x - y) <= bound)) expect.fail(`${name}[${i}] is ${x}, not ${y} ± ${bound}`);
    });
  });
}

export const seeds = fc.integer();
export const shifts = fc.integer({ min: 0, max: 5 });
/** Lengths with the small and odd ones often. */
export const lengths = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 70 }));
