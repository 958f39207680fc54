/**
 * Matmul in GFLOP/s beside the runtime's own limit: multiply-adds that never leave the registers. On one thread, in Node and
 * in tabs alike. The best of many counts, since whatever else runs on the machine only ever takes time.
 */
import type { KernelExports, MatmulTile } from '../core/backend/wasm/exports.ts';

export type Shape = readonly [m: number, n: number, k: number];

const square = (n: number): Shape => [n, n, n];
export const SQUARES: readonly Shape[] = [192, 384, 768, 1536].map(square);
export const ODD: readonly Shape[] = [127, 385, 769].map(square);
/** As they come in the small models: a batch of 32 through a narrow layer. */
export const SKINNY: readonly Shape[] = [30, 256].flatMap((k) => [27, 68, 128, 200].map((n): Shape => [32, n, k]));

export const TRANSPOSITIONS = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

/** Of memory: two matrices of 1536, their product, and what the kernels themselves need. */
const PAGES = 600;
/** Where the data begins: behind the kernels' own. */
const DATA = 1 << 21;
/** A product is measured for so long, and so often at least. */
const MS = 60;
const LEAST_RUNS = 4;

/** GFLOP/s. */
export interface Peak {
  /** Of 128-bit multiply-adds. */
  readonly narrow: number;
  /** Of pairs of them, which are 256-bit ones where V8 packs them and the slower where it does not. */
  readonly wide: number;
}

export interface MatmulRow {
  readonly shape: Shape;
  /** GFLOP/s, in the order of TRANSPOSITIONS. */
  readonly rates: readonly number[];
}

/** What the measurements run on. */
export class MatmulBench {
  readonly #kernels: KernelExports;
  readonly #tile: MatmulTile;

  /** `instantiate`: the kernels over a memory. */
  constructor(instantiate: (memory: WebAssembly.Memory) => KernelExports, tile: MatmulTile) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.#kernels = instantiate(memory);
    this.#tile = tile;
    const floats = new Float32Array(memory.buffer, DATA);
    for (let i = 0; i < floats.length; i++) floats[i] = (i % 1021) / 1021 - 0.5;
  }

  peak(): Peak {
    // Twelve multiply-adds of four elements, or of eight.
    const of = (wide: boolean) =>
      best(1e5 * (wide ? 192 : 96), 4 * MS, () => this.#kernels.fmaPeak(DATA, 100_000, wide));
    return { narrow: of(false), wide: of(true) };
  }

  row(shape: Shape): MatmulRow {
    const [m, n, k] = shape;
    const matmul = this.#tile === '6x16' ? this.#kernels.matmulWide : this.#kernels.matmul;
    const scratch = this.#kernels.heapBase();
    const b = DATA + 4 * m * k + 256;
    const c = b + 4 * k * n + 256;
    const rates = TRANSPOSITIONS.map(([transA, transB]) => {
      const [lda, ldb] = [transA ? m : k, transB ? k : n];
      const call = () => matmul(c, DATA, b, m, n, k, n, lda, ldb, transA, transB, false, 0, 0, 0, 0, 0, scratch);
      return best(2 * m * n * k, MS, call);
    });
    return { shape, rates };
  }
}

/**
 * The best GFLOP/s of `work`, in runs that last a few milliseconds or more, for as long as `ms`: a page's clock has steps of
 * 5 µs at best.
 */
function best(flops: number, ms: number, work: () => void): number {
  const calls = Math.max(1, Math.round(2e8 / flops));
  let least = Number.POSITIVE_INFINITY;
  const end = performance.now() + ms;
  for (let run = 0; run < LEAST_RUNS || performance.now() < end; run++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) work();
    least = Math.min(least, (performance.now() - start) / calls);
  }
  return flops / least / 1e6;
}
