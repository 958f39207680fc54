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

test('a lease that a newer state has overtaken is answered without numbers, and the thread goes on', async () => {
  const pool = await ThreadPool.start(spec, 1);
  const first = initialise(buildModel(spec), 1);
  const lease = (version: number) => ({
    ...{ round: version, mode: 'train' as const, version, seed: 1, lo: 0, size: 1, counts: [1] },
    ...{ x: Uint16Array.of(1, 2, 3), y: Uint16Array.of(4) },
  });
  const found: Result[] = [];
  // The thread is still starting when the state moves on.
  pool.setState({ version: 3, ...first });
  const late = pool.run(lease(3), (result) => found.push({ ...result }));
  pool.setState({ version: 4, ...first });
  await late;
  await pool.run(lease(4), (result) => found.push({ ...result }));
  expect(found.map(({ round, losses, gradient }) => [round, losses.length, gradient.length > 0])).toEqual([
    [3, 0, false],
    [4, 1, true],
  ]);
  await pool.close();
});

test('a lease for a version that the pool does not hold yet fails', async () => {
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
  await expect(pool.run(lease, () => expect.fail('it was computed'))).rejects.toThrow(/not reached version 4/);
  await pool.close();
});
