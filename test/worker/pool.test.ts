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

test.each([
  ['a newer state has overtaken', 4],
  ['is of a step that has been undone', 2],
])('a lease that %s is answered without numbers, and the thread goes on', async (_, next) => {
  const pool = await ThreadPool.start(spec, 1);
  const first = initialise(buildModel(spec), 1);
  const lease = (version: number) => ({
    ...{ round: version, mode: 'train' as const, version, seed: 1, lo: 0, size: 1, counts: [1] },
    ...{ x: Uint16Array.of(1, 2, 3), y: Uint16Array.of(4) },
  });
  const found: Result[] = [];
  const run = (version: number) => pool.run(lease(version), (result) => found.push({ ...result }));
  // The thread is still starting when the state moves on.
  pool.setState({ version: 3, ...first });
  const late = run(3);
  pool.setState({ version: next, ...first });
  await late;
  await run(next);
  // It holds the next one already when another is asked for that has gone.
  await run(3);
  expect(found.map(({ round, losses, gradient }) => [round, losses.length, gradient.length > 0])).toEqual([
    [3, 0, false],
    [next, 1, true],
    [3, 0, false],
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
