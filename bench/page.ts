/**
 * What a page can measure: the limit and the 128-bit matmul, of kernels compiled as a page compiles them; and what a thread of a
 * tab does, a lease of one micro-batch. Runs in Node too.
 */
import { instantiate } from '../core/backend/wasm/exports.ts';
import { WasmBackend } from '../core/backend/wasm/wasmBackend.ts';
import { initialise } from '../core/nn/index.ts';
import { buildModel } from '../models/model.ts';
import { Compute } from '../worker/compute.ts';
import { MatmulBench, type MatmulRow, ODD, type Peak, SQUARES } from './matmul.ts';
import { median } from './timing.ts';
import { randomBatch, workloads } from './workloads.ts';

export interface TileFigures {
  readonly peak: Peak;
  readonly rows: readonly MatmulRow[];
}

export async function measureTile(bytes: ArrayBuffer): Promise<TileFigures> {
  const module = await WebAssembly.compile(bytes);
  const bench = new MatmulBench((memory) => instantiate(module, memory), '6x8');
  return { peak: bench.peak(), rows: [...SQUARES, ...ODD].map((shape) => bench.row(shape)) };
}

export const LEASES = ['wavenet', 'gpt-nano'] as const;
const SEED = 1337;
/** A lease is measured for so long. */
const MS = 1500;

/** Median ms of a training lease of each workload, its state's arrival included; by the order of LEASES. */
export async function measureLeases(bytes: ArrayBuffer): Promise<number[]> {
  const module = await WebAssembly.compile(bytes);
  return leaseTimes(() => new WasmBackend({ module, matmulTile: '6x8', packed: false }));
}

/** The same on other backends. */
export async function leaseTimes(backend: () => WasmBackend): Promise<number[]> {
  const times: number[] = [];
  for (const name of LEASES) {
    const workload = workloads[name];
    const compute = new Compute(backend(), workload.model);
    const first = initialise(buildModel(workload.model), SEED);
    const { gradient, statistics } = compute.lengths;
    const into = { gradient: new Float32Array(gradient), statistics: new Float32Array(statistics) };
    const { x, y } = randomBatch(workload, 0);
    const measured: number[] = [];
    const began = performance.now();
    for (let version = 0; performance.now() - began < MS; version++) {
      const start = performance.now();
      compute.load({ version, ...first });
      const lease = { round: version, mode: 'train', version, seed: SEED, lo: 0, size: 1 } as const;
      await compute.run({ ...lease, counts: [workload.batch], x, y }, into);
      measured.push(performance.now() - start);
    }
    times.push(median(measured));
  }
  return times;
}
