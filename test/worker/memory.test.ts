/** Memory stays flat: a worker's steps leave nothing behind, and a replayed step makes no JavaScript objects at all. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, expect, test } from 'vitest';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import type { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import { gradients, initialise, place } from '../../core/nn/index.ts';
import { crossEntropy, intTensor } from '../../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { Compute } from '../../worker/compute.ts';

const spec: ModelSpec = {
  ...{ name: 'gpt', vocabSize: 65, blockSize: 16, layers: 2, heads: 2, embeddingDim: 32, dropout: 0.1 },
};
const [BATCH, LENGTH] = [4, 16];
const tokens = Uint16Array.from({ length: BATCH * LENGTH }, (_, i) => (i * 7) % 65);

let collect: () => void;
beforeAll(() => {
  setFlagsFromString('--expose-gc');
  collect = runInNewContext('gc') as () => void;
});

/** Bytes in use: JavaScript's after a collection, and all of WebAssembly's. */
function inUse(backend: WasmBackend): { heap: number; wasm: number } {
  for (let i = 0; i < 3; i++) collect();
  return { heap: process.memoryUsage().heapUsed, wasm: backend.memoryBytes };
}

test('a thousand steps of a worker need no more memory than ten', async () => {
  const backend = await createWasmBackend();
  const compute = new Compute(backend, spec);
  compute.load({ version: 0, ...initialise(buildModel(spec), 1) });
  const { gradient, statistics } = compute.lengths;
  const into = { gradient: new Float32Array(gradient), statistics: new Float32Array(statistics) };
  const lease = { mode: 'train' as const, version: 0, seed: 1, lo: 0, size: 1, counts: [BATCH], x: tokens, y: tokens };
  const steps = async (from: number, to: number) => {
    for (let round = from; round < to; round++) await compute.run({ ...lease, round }, into);
  };
  await steps(0, 10);
  const after10 = inUse(backend);
  await steps(10, 1010);
  const after1010 = inUse(backend);
  expect(after1010.wasm).toBe(after10.wasm);
  expect(after1010.heap).toBeLessThan(1.01 * after10.heap);
});

test('a replayed step allocates nothing in JavaScript', async () => {
  const backend = await createWasmBackend();
  const model = buildModel({ ...spec, dropout: 0 });
  const { params } = place(model, backend);
  backend.write(params, initialise(model, 1).params);
  const x = intTensor(backend, tokens, [BATCH, LENGTH]);
  const program = backend.capture(() => gradients(model, crossEntropy(model.forward(x), x)));
  const replay = (times: number) => {
    for (let i = 0; i < times; i++) program.run();
  };
  const allocated = (times: number) => {
    collect();
    const before = process.memoryUsage().heapUsed;
    replay(times);
    return process.memoryUsage().heapUsed - before;
  };
  replay(500);
  // Asking costs some objects itself, the same for any number of replays; the smallest object has 16 bytes.
  const [few, many] = [allocated(10), allocated(5010)];
  expect(program.calls).toBeGreaterThan(100);
  expect(many - few).toBeLessThan(5000 * 4);
});
