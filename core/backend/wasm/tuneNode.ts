/**
 * Compiles the kernels for Node and picks the faster of the two matmuls, which give the same bits: 6x8 in 128-bit registers,
 * or 6x16 if V8 packs pairs of vectors into 256-bit ones. That needs a V8 flag, which is set here only while the 6x16 kernel
 * is compiled, so that no other code of the process, ours or a library's, is compiled under an experimental flag.
 *
 * Compiled code belongs to the module and goes with it to every thread it is sent to: a thread needs no flag and no tuning.
 *
 * MANYGRAD_MATMUL=6x8 or 6x16 decides instead of the measurement; MANYGRAD_REVECTORIZE=0 leaves the flag alone.
 */
import { setFlagsFromString } from 'node:v8';
import type { MatmulOptions } from '../backend.ts';
import { instantiate, type KernelExports, type Kernels, type MatmulTile } from './exports.ts';
import { fusedChain } from './fusedChain.ts';

const PACK = '--experimental-wasm-revectorize';
const PAGES = 24;
/** How much faster 6x16 must be: what it gains when packed is far more, what it loses when not is a quarter. */
const WORTHWHILE = 1.15;

/** Synchronous, since V8's flags are the whole process's: nothing else may be compiled meanwhile. About 17 ms. */
export function tune(bytes: Uint8Array<ArrayBuffer>): Kernels {
  const forced = forcedTile();
  if (!canPack()) return { module: new WebAssembly.Module(bytes), matmulTile: forced ?? '6x8' };
  const module = new WebAssembly.Module(bytes);
  const trial = new Trial(module);
  // Each kernel's first call compiles it, optimised at once: the first-tier code would be neither packed nor worth a measure.
  setFlagsFromString('--no-liftoff');
  try {
    if (forced === undefined) trial.time('6x8');
    setFlagsFromString(PACK);
    trial.compileWide();
  } finally {
    setFlagsFromString(PACK.replace('--', '--no-'));
    setFlagsFromString('--liftoff');
  }
  if (!trial.wideIsRight()) return { module: withoutPacking(bytes), matmulTile: '6x8' };
  return { module, matmulTile: forced ?? trial.faster() };
}

function forcedTile(): MatmulTile | undefined {
  const value = process.env.MANYGRAD_MATMUL;
  if (value === undefined || value === '' || value === '6x8' || value === '6x16') return value || undefined;
  throw new Error(`MANYGRAD_MATMUL is ${value}: set it to 6x8 or 6x16, or leave it unset.`);
}

/** V8 complains on stderr of a flag that it does not know, so only those known to know it are asked. */
function canPack(): boolean {
  if (process.env.MANYGRAD_REVECTORIZE === '0' || process.arch !== 'x64') return false;
  const major = Number.parseInt(process.versions.v8, 10);
  return major === 13 || major === 14;
}

/** A module with the same functions that shares no compiled code: V8 caches by content, which an empty section changes. */
function withoutPacking(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const section = [0, 2, 1, 0x70];
  const other = new Uint8Array(bytes.length + section.length);
  other.set(bytes);
  other.set(section, bytes.length);
  return new WebAssembly.Module(other);
}

/** Both kernels on small matrices, in a memory of its own. */
class Trial {
  readonly #kernels: KernelExports;
  readonly #floats: Float32Array;
  /** The address of the kernels' working memory; matrices lie in the last MiB. */
  readonly #scratch: number;
  readonly #data = (PAGES - 16) * 65536;

  constructor(module: WebAssembly.Module) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.#kernels = instantiate(module, memory);
    this.#scratch = this.#kernels.heapBase();
    this.#floats = new Float32Array(memory.buffer);
    let state = 1;
    for (let i = this.#data / 4; i < this.#data / 4 + 32768; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      this.#floats[i] = state / 2 ** 31 - 1;
    }
  }

  #run(tile: MatmulTile, { m, n, k, transA = false, transB = false, accumulate = false }: MatmulOptions): void {
    const kernel = tile === '6x16' ? this.#kernels.matmulWide : this.#kernels.matmul;
    const [a, b, c] = this.#addresses(m, n, k);
    const [lda, ldb] = [transA ? m : k, transB ? k : n];
    kernel(c, a, b, m, n, k, n, lda, ldb, transA, transB, accumulate, 0, 0, 0, this.#scratch);
  }

  #addresses(m: number, n: number, k: number): [a: number, b: number, c: number] {
    const b = this.#data + 4 * m * k;
    return [this.#data, b, b + 4 * k * n];
  }

  /** Calls every variant of the kernel: each height of a tile, with A as it is and transposed; and what benchmarks ask. */
  compileWide(): void {
    for (let m = 1; m <= 6; m++) for (const transA of [false, true]) this.#run('6x16', { m, n: 16, k: 8, transA });
    this.#kernels.fmaPeak(this.#data + 262144, 1, true);
  }

  /** Whether the packed code gives the bits of the chain, for every height of tile, width of tail and transposition. */
  wideIsRight(): boolean {
    for (let m = 1; m <= 6; m++)
      for (const transA of [false, true]) {
        const options = { m, n: 16 + 3 * m, k: 13, transA, transB: m % 2 === 0, accumulate: m > 3 };
        const [a, b, c] = this.#addresses(m, options.n, options.k).map((address) => address / 4);
        const old = this.#floats.slice(c, c + m * options.n);
        const want = fusedChain(options, this.#floats.slice(a, b), this.#floats.slice(b, c), old);
        this.#run('6x16', options);
        if (want.some((x, i) => !Object.is(x, this.#floats[c + i]))) return false;
      }
    return true;
  }

  /** The least time of a few runs, in ms. */
  time(tile: MatmulTile): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 12; i++) {
      const start = performance.now();
      this.#run(tile, { m: 48, n: 64, k: 96 });
      least = Math.min(least, performance.now() - start);
    }
    return least;
  }

  faster(): MatmulTile {
    return this.time('6x8') > WORTHWHILE * this.time('6x16') ? '6x16' : '6x8';
  }
}
