/**
 * Matmul in GFLOP/s beside this process's own limit (multiply-adds that never leave the registers), on one thread: with each
 * tile, with V8's packing and without. Every choice is a process of its own; all are measured in turns, and the best counts,
 * since whatever else runs on the machine only ever takes time.
 *
 *   npm run bench:matmul [-- --json]
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { instantiate } from '../core/backend/wasm/exports.ts';
import { loadKernels } from '../core/backend/wasm/loadNode.ts';

const SHAPES = [
  ...[192, 384, 768, 1536, 127, 385, 769].map((n) => [n, n, n] as const),
  ...([30, 256] as const).flatMap((k) => [27, 68, 128, 200].map((n) => [32, n, k] as const)),
];
const TRANSPOSITIONS = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;
const ROUNDS = 3;
const MS = 60;

interface Figures {
  readonly tile: string;
  /** GFLOP/s. */
  readonly peak: number;
  /** For every shape, in the order of TRANSPOSITIONS. */
  readonly shapes: readonly (readonly number[])[];
}

/** The best GFLOP/s of `work`, in calls of 20 million operations or more for as long as `ms`. */
function best(flops: number, ms: number, work: () => void): number {
  const calls = Math.max(1, Math.round(2e7 / flops));
  let least = Number.POSITIVE_INFINITY;
  const end = performance.now() + ms;
  do {
    const start = performance.now();
    for (let i = 0; i < calls; i++) work();
    least = Math.min(least, (performance.now() - start) / calls);
  } while (performance.now() < end);
  return flops / least / 1e6;
}

async function measure(): Promise<Figures> {
  const { module, matmulTile } = await loadKernels();
  const memory = new WebAssembly.Memory({ initial: 600, maximum: 600 });
  const kernels = instantiate(module, memory);
  const scratch = kernels.heapBase();
  const a = 1 << 21;
  new Float32Array(memory.buffer, a).forEach((_, i, all) => {
    all[i] = (i % 1021) / 1021 - 0.5;
  });
  const peaks = [false, true].map((wide) =>
    best(1e5 * (wide ? 192 : 96), 2 * MS, () => kernels.fmaPeak(a, 100_000, wide)),
  );
  const matmul = matmulTile === '6x16' ? kernels.matmulWide : kernels.matmul;
  const shapes = SHAPES.map(([m, n, k]) =>
    TRANSPOSITIONS.map(([transA, transB]) => {
      const b = a + 4 * m * k + 256;
      const c = b + 4 * k * n + 256;
      const [lda, ldb] = [transA ? m : k, transB ? k : n];
      const call = () => matmul(c, a, b, m, n, k, n, lda, ldb, transA, transB, false, 0, 0, 0, 0, 0, scratch);
      return best(2 * m * n * k, MS, call);
    }),
  );
  return { tile: matmulTile, peak: Math.max(...peaks), shapes };
}

const CHOICES: Readonly<Record<string, Record<string, string>>> = {
  'as chosen': {},
  '6x16 packed': { MANYGRAD_MATMUL: '6x16', MANYGRAD_REVECTORIZE: '1' },
  '6x8 plain': { MANYGRAD_MATMUL: '6x8', MANYGRAD_REVECTORIZE: '0' },
  '6x16 plain': { MANYGRAD_MATMUL: '6x16', MANYGRAD_REVECTORIZE: '0' },
};

async function inProcess(choice: Record<string, string>): Promise<Figures> {
  const env = { ...process.env, ...choice };
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), '--measure'], {
    env,
  });
  return JSON.parse(stdout) as Figures;
}

function better(x: Figures | undefined, y: Figures): Figures {
  if (x === undefined) return y;
  const shapes = y.shapes.map((row, s) => row.map((value, t) => Math.max(value, x.shapes[s]?.[t] ?? 0)));
  return { tile: y.tile, peak: Math.max(x.peak, y.peak), shapes };
}

async function main(): Promise<void> {
  const results: Record<string, Figures> = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, choice] of Object.entries(CHOICES))
      results[name] = better(results[name], await inProcess(choice));
  const machine = { node: process.version, cpu: cpus()[0]?.model };
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ ...machine, transpositions: TRANSPOSITIONS, sizes: SHAPES, results }));
    return;
  }
  console.log(`${machine.cpu}, Node ${machine.node}, one thread; best of ${ROUNDS} rounds in turns`);
  for (const [name, { tile, peak, shapes }] of Object.entries(results)) {
    console.log(`\n${name} (${tile}): limit ${peak.toFixed(0)} GFLOP/s; then A·B, A·Bᵀ, Aᵀ·B, Aᵀ·Bᵀ`);
    shapes.forEach((row, s) => {
      const cells = row.map((x) => `${x.toFixed(0).padStart(5)} (${((100 * x) / peak).toFixed(0).padStart(2)} %)`);
      console.log(`${(SHAPES[s] ?? []).join('×').padEnd(16)}${cells.join('  ')}`);
    });
  }
}

if (process.argv.includes('--measure')) console.log(JSON.stringify(await measure()));
else await main();
