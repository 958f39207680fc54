/** The thread pool: a lease is computed with the state that was set last, even where its version is the same. */
import { expect, test } from 'vitest';
import { initialise } from '../../core/nn/index.ts';
import type { Result } from '../../core/protocol/work.ts';
import { buildModel } from '../../models/model.ts';
import { ThreadPool } from '../../worker/pool.ts';

const spec = { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 2, hidden: 5 } as const;

async function losses(seeds: readonly number[]): Promise<number[]> {
  const pool = await ThreadPool.start(spec, 1);
  const found: number[] = [];
  const [x, y] = [Uint16Array.of(1, 2, 3, 4, 5, 6), Uint16Array.of(7, 8)];
  for (const seed of seeds) {
    pool.setState({ version: 0, ...initialise(buildModel(spec), seed) });
    const lease = { round: 0, mode: 'train' as const, version: 0, seed: 1, lo: 0, size: 1, counts: [2], x, y };
    await pool.run(lease, ({ losses: [loss = Number.NaN] }: Result) => found.push(loss));
  }
  await pool.close();
  return found;
}

test('two states of one version are two states', async () => {
  const [one, two, oneAgain] = await losses([1, 2, 1]);
  expect(two).not.toBe(one);
  expect(oneAgain).toBe(one);
});

test('a lease for a version that the pool does not hold fails', async () => {
  const pool = await ThreadPool.start(spec, 1);
  pool.setState({ version: 3, ...initialise(buildModel(spec), 1) });
  const lease = {
    round: 0,
    mode: 'train' as const,
    version: 4,
    seed: 1,
    lo: 0,
    size: 1,
    counts: [1],
    x: Uint16Array.of(1, 2, 3),
    y: Uint16Array.of(4),
  };
  await expect(pool.run(lease, () => expect.fail('it was computed'))).rejects.toThrow(/no longer at version 4/);
  await pool.close();
});
