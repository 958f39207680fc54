/**
 * Matmuls over all roads of both tiles, hashed. As a program it prints the fingerprint and that hash, under whatever choice
 * its environment makes; as a thread it posts the hash, computed with the kernels that it was given.
 */
import { createHash } from 'node:crypto';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { createWasmBackend, nodeBackend } from '../../core/backend/wasm/loadNode.ts';
import type { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';

const SHAPES = [
  [1, 1, 1],
  [6, 16, 8],
  [7, 24, 31],
  [32, 27, 100],
  [5, 9, 300],
  [127, 127, 127],
  [101, 530, 259],
  [200, 70, 513],
] as const;

/** The SHA-256 of all products, in the four transpositions, into C and onto C. */
export async function battery(backend: WasmBackend): Promise<string> {
  const hash = createHash('sha256');
  let state = 7;
  const floats = (length: number) => {
    const buf = backend.alloc(length);
    const data = Float32Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) / 2 ** 23 - 1;
    });
    backend.write(buf, data);
    return buf;
  };
  for (const [m, n, k] of SHAPES) {
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        for (const accumulate of [false, true]) {
          const mark = backend.mark();
          const c = floats(m * n);
          backend.matmul(c, floats(m * k), floats(k * n), { m, n, k, transA, transB, accumulate });
          hash.update(backend.view(c));
          backend.release(mark);
        }
      }
    }
  }
  return hash.digest('hex');
}

if (!isMainThread && parentPort !== null && workerData?.matmulTile !== undefined) {
  parentPort.postMessage(await battery(nodeBackend(workerData)));
} else if (process.argv[1] === import.meta.filename) {
  const backend = await createWasmBackend();
  console.log(`${await fingerprint(backend)} ${await battery(backend)}`);
}
