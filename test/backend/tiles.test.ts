/**
 * The two matmuls and V8's packing change no bit: processes that are forced to each choice agree on the fingerprint and on
 * a battery of products, and a thread that receives the main thread's kernels computes as fast code what it would itself.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWasmBackend, loadKernels, nodeBackend } from '../../core/backend/wasm/loadNode.ts';
import { battery } from './battery.ts';
import { fusedChain } from './fusedChain.ts';
import { lengths, Numbers, seeds } from './pair.ts';

const CHILD = fileURLToPath(new URL('./battery.ts', import.meta.url));

async function child(environment: Record<string, string>): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [CHILD], { env: { ...process.env, ...environment } });
}

const choices = [
  { MANYGRAD_MATMUL: '6x8', MANYGRAD_REVECTORIZE: '0' },
  { MANYGRAD_MATMUL: '6x16', MANYGRAD_REVECTORIZE: '0' },
  { MANYGRAD_MATMUL: '6x8', MANYGRAD_REVECTORIZE: '1' },
  { MANYGRAD_MATMUL: '6x16', MANYGRAD_REVECTORIZE: '1' },
];

describe('matmul tiles', () => {
  it('gives one fingerprint and the same products, with either tile, packed or not', async () => {
    const results = [];
    for (const choice of choices) results.push(await child(choice));
    expect(results[0].stdout).toMatch(/^[0-9a-f]{16} [0-9a-f]{64}\n$/);
    for (const result of results) expect(result).toEqual({ stdout: results[0].stdout, stderr: '' });
  }, 60_000);

  it('gives the same in a thread that got its kernels from this one', async () => {
    const kernels = await loadKernels();
    for (const matmulTile of ['6x8', '6x16'] as const) {
      const workerData = { ...kernels, matmulTile };
      const thread = new Worker(CHILD, { workerData });
      const there = await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
      expect(there).toBe(await battery(nodeBackend(workerData)));
    }
  }, 60_000);

  it('refuses a tile that does not exist', async () => {
    await expect(child({ MANYGRAD_MATMUL: '8x8' })).rejects.toThrow('set it to 6x8 or 6x16');
  });

  it('is one fused chain with the wide tile, beginning at C or at 0', async () => {
    const wide = nodeBackend({ ...(await loadKernels()), matmulTile: '6x16' });
    const modes = fc.record({ transA: fc.boolean(), transB: fc.boolean(), accumulate: fc.boolean() });
    fc.assert(
      fc.property(lengths, lengths, lengths, modes, seeds, (m, n, k, mode, seed) => {
        const r = new Numbers(seed);
        const options = { m, n, k, ...mode };
        const [a, b, c] = [r.floats(m * k), r.floats(k * n), r.floats(m * n)];
        const mark = wide.mark();
        const [bc, ba, bb] = [wide.alloc(c.length), wide.alloc(a.length), wide.alloc(b.length)];
        wide.write(bc, c);
        wide.write(ba, a);
        wide.write(bb, b);
        wide.matmul(bc, ba, bb, options);
        expect(wide.view(bc).slice()).toEqual(fusedChain(options, a, b, c));
        wide.release(mark);
      }),
    );
  });

  it('loads once a process', async () => {
    await createWasmBackend();
    expect(await loadKernels()).toBe(await loadKernels());
  });
});
