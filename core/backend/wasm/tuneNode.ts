/**
 * Compiles the kernels for Node: with V8 packing pairs of vectors into 256-bit registers where it can and the bits stay the
 * same, and picks the faster of the two matmuls, 6x8 for 128-bit registers or 6x16. Packing needs a V8 flag, which is set
 * only while the kernels are compiled, so that no other code of the process, ours or a library's, comes under an
 * experimental flag.
 *
 * Compiled code belongs to the module and goes with it to every thread it is sent to: a thread needs no flag and no tuning.
 *
 * MANYGRAD_MATMUL=6x8 or 6x16 decides instead of the measurement; MANYGRAD_REVECTORIZE=0 leaves the flag alone.
 */
import { setFlagsFromString } from 'node:v8';
import { fingerprint } from '../fingerprint.ts';
import { instantiate, type Kernels, type MatmulTile } from './exports.ts';
import { clearUpperHalves } from './upperHalves.ts';
import { WasmBackend } from './wasmBackend.ts';

/** How much faster 6x16 must be: what it gains when packed is far more, what it loses when not is a quarter. */
const WORTHWHILE = 1.15;

/** About 130 ms, most of them the comparison of the packed kernels with plain ones, through every kernel. */
export async function tune(bytes: Uint8Array<ArrayBuffer>): Promise<Kernels> {
  const forced = forcedTile();
  const plain: Kernels = { module: new WebAssembly.Module(bytes), matmulTile: forced ?? '6x8', packed: false };
  if (!canPack()) return plain;
  const module = compilePacked(bytes);
  const packed: Kernels = { module, matmulTile: forced ?? '6x16', packed: true };
  if ((await fingerprint(nodeBackend(packed))) !== (await fingerprint(nodeBackend(plain)))) return plain;
  return forced === undefined ? { ...packed, matmulTile: fasterTile(module) } : packed;
}

/** A backend with a memory of its own. */
export function nodeBackend(kernels: Kernels): WasmBackend {
  return new WasmBackend(kernels, clearUpperHalves);
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

/** All functions at once and optimised: the first tier's code, or what is compiled later, would not be packed. */
function compilePacked(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const flags = ['experimental-wasm-revectorize', 'no-liftoff', 'no-wasm-lazy-compilation'];
  for (const flag of flags) setFlagsFromString(`--${flag}`);
  try {
    return new WebAssembly.Module(unlike(bytes));
  } finally {
    for (const flag of flags) setFlagsFromString(flag.startsWith('no-') ? `--${flag.slice(3)}` : `--no-${flag}`);
  }
}

/** The same module by other bytes: V8 shares compiled code between equal ones. What differs is an empty custom section. */
function unlike(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const section = [0, 2, 1, 0x70];
  const other = new Uint8Array(bytes.length + section.length);
  other.set(bytes);
  other.set(section, bytes.length);
  return other;
}

function fasterTile(module: WebAssembly.Module): MatmulTile {
  const memory = new WebAssembly.Memory({ initial: 24, maximum: 24 });
  const { matmul, matmulWide, heapBase } = instantiate(module, memory);
  const [a, b, c] = [1 << 20, (1 << 20) + 32768, (1 << 20) + 65536];
  const least = (kernel: typeof matmul) => {
    let ms = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 12; i++) {
      const start = performance.now();
      kernel(c, a, b, 48, 64, 96, 64, 96, 64, false, false, false, 0, 0, 0, 0, 0, heapBase());
      ms = Math.min(ms, performance.now() - start);
    }
    return ms;
  };
  const [narrow, wide] = [least(matmul), least(matmulWide)];
  clearUpperHalves();
  return narrow > WORTHWHILE * wide ? '6x16' : '6x8';
}
