/** Reads the compiled kernels from disk, for Node. Browsers fetch the same file and construct WasmBackend themselves. */
import { readFile } from 'node:fs/promises';
import type { Kernels } from './exports.ts';
import { nodeBackend, tune } from './tuneNode.ts';
import type { WasmBackend } from './wasmBackend.ts';

export { nodeBackend };

let loading: Promise<Kernels> | undefined;

/** Compiles core/kernels/build/kernels.wasm and chooses its settings, once a process. Throws if it has not been built. */
export function loadKernels(): Promise<Kernels> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Kernels> {
  const url = new URL('../../kernels/build/kernels.wasm', import.meta.url);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await readFile(url));
  } catch (cause) {
    throw new Error('The compiled kernels (core/kernels/build/kernels.wasm) are missing: run npm run build:wasm.', {
      cause,
    });
  }
  return tune(bytes);
}

/** A backend with a memory of its own. */
export async function createWasmBackend(): Promise<WasmBackend> {
  return nodeBackend(await loadKernels());
}
