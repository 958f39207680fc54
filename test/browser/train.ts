/** Some steps of two models as a worker and a coordinator make them, without either: runs in a tab and in Node alike. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import { initialise, parameterLayout } from '../../core/nn/index.ts';
import { clipGradNorm } from '../../core/optim/clip.ts';
import { createOptimizer } from '../../core/optim/optimizer.ts';
import { Stream } from '../../core/random/streams.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { Compute } from '../../worker/compute.ts';

const SPECS: ModelSpec[] = [
  { name: 'wavenet', vocabSize: 27, blockSize: 8, embeddingDim: 10, hidden: 36 },
  { name: 'gpt', vocabSize: 65, blockSize: 24, layers: 2, heads: 2, embeddingDim: 36, dropout: 0.1 },
];
const [STEPS, COUNTS] = [20, [5, 5, 3]];

export interface Bits {
  readonly fingerprint: string;
  /** The SHA-256 of each model's parameters at the end. */
  readonly params: readonly string[];
}

/** What a tab computes with: the plain kernels, compiled as a page compiles them. */
export async function trainInTab(kernels: ArrayBuffer): Promise<Bits> {
  const module = await WebAssembly.compile(kernels);
  return train(() => new WasmBackend({ module, matmulTile: '6x8', packed: false }));
}

export async function train(newBackend: () => WasmBackend): Promise<Bits> {
  const params: string[] = [];
  for (const spec of SPECS) params.push(await trained(spec, newBackend));
  return { fingerprint: await fingerprint(newBackend()), params };
}

async function trained(spec: ModelSpec, newBackend: () => WasmBackend): Promise<string> {
  const [backend, compute] = [newBackend(), new Compute(newBackend(), spec)];
  const model = buildModel(spec);
  const layout = parameterLayout(model);
  const config = { name: 'adamw', beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, decay: 'matrices' } as const;
  const optimizer = createOptimizer(config, layout, backend);
  const { params, buffers } = initialise(model, 3);
  const [p, g, norm] = [backend.alloc(layout.length), backend.alloc(layout.length), backend.alloc(1)];
  backend.write(p, params);
  const { gradient, statistics } = compute.lengths;
  const into = { gradient: new Float32Array(gradient), statistics: new Float32Array(statistics * COUNTS.length) };
  const rows = COUNTS.reduce((a, b) => a + b);
  const targets = spec.name === 'gpt' ? spec.blockSize : 1;
  for (let step = 0; step < STEPS; step++) {
    const words = new Stream(5, 9, step).uint32s(rows * (spec.blockSize + targets));
    const ids = Uint16Array.from(words, (word) => word % spec.vocabSize);
    const [x, y] = [ids.subarray(0, rows * spec.blockSize), ids.subarray(rows * spec.blockSize)];
    compute.load({ version: step, params: backend.view(p), buffers });
    await compute.run(
      { round: step, mode: 'train', version: step, seed: 3, lo: 0, size: 4, counts: COUNTS, x, y },
      into,
    );
    backend.write(g, into.gradient);
    backend.scale(g, g, 1 / (rows * targets), false);
    backend.sumOfSquares(norm, g);
    clipGradNorm(backend, g, Math.sqrt(backend.view(norm)[0]), 0.5);
    optimizer.step(p, g, 0.003, step + 1);
  }
  const found = backend.view(p);
  return bytesToHex(sha256(new Uint8Array(found.buffer, found.byteOffset, found.byteLength)));
}
