/** What a page can measure: the limit and the 128-bit matmul, of kernels compiled as a page compiles them. Runs in Node too. */
import { instantiate } from '../core/backend/wasm/exports.ts';
import { MatmulBench, type MatmulRow, ODD, type Peak, SQUARES } from './matmul.ts';

export interface TileFigures {
  readonly peak: Peak;
  readonly rows: readonly MatmulRow[];
}

export async function measureTile(bytes: ArrayBuffer): Promise<TileFigures> {
  const module = await WebAssembly.compile(bytes);
  const bench = new MatmulBench((memory) => instantiate(module, memory), '6x8');
  return { peak: bench.peak(), rows: [...SQUARES, ...ODD].map((shape) => bench.row(shape)) };
}
