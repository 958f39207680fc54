/**
 * Running statistics: pooled over a step's micro-batches they are those of the whole batch, however it is cut; and with one
 * micro-batch they are what torch.nn.BatchNorm1d keeps. Checked against the statistics of all rows together in doubles.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BatchNorm1d,
  batchNorms,
  collectStatistics,
  gradients,
  initialise,
  Linear,
  place,
  Sequential,
  statisticsLength,
  updateRunningStatistics,
} from '../../core/nn/index.ts';
import { mean, mul, tensor } from '../../core/tensor/index.ts';
import { wasm } from '../support/backends.ts';

/** x[row][channel]. */
type Rows = readonly (readonly number[])[];

const value = fc.integer({ min: -4000, max: 4000 }).map((n) => n / 1000);
const MOMENTUM = 0.1;

/** Mean and biased variance of each channel, two-pass in doubles. */
function statistics(rows: Rows): { mean: number[]; variance: number[] } {
  const channels = rows[0].length;
  const average = (of: (row: readonly number[], c: number) => number) =>
    Array.from({ length: channels }, (_, c) => rows.reduce((sum, row) => sum + of(row, c), 0) / rows.length);
  const mean = average((row, c) => row[c]);
  return { mean, variance: average((row, c) => (row[c] - mean[c]) ** 2) };
}

/** What a worker sends for a micro-batch. */
function rowOf(...norms: Rows[]): Float32Array {
  return Float32Array.from(
    norms.flatMap((rows) => {
      const { mean, variance } = statistics(rows);
      return [rows.length, ...mean, ...variance];
    }),
  );
}

/** What torch.nn.BatchNorm1d does to its running statistics on a batch: the variance it keeps is the unbiased one. */
function torchUpdate(before: readonly number[], rows: Rows): number[] {
  const { mean, variance } = statistics(rows);
  const n = rows.length;
  const kept = [...mean, ...variance.map((v) => (n > 1 ? (v * n) / (n - 1) : v))];
  return before.map((old, i) => (1 - MOMENTUM) * old + MOMENTUM * kept[i]);
}

function expectNear(got: Float32Array, want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  for (const [i, x] of want.entries()) expect(Math.abs(got[i] - x)).toBeLessThanOrEqual(2e-6 * (1 + Math.abs(x)));
}

const batch = (channels: number, sizes: fc.Arbitrary<number[]>) =>
  sizes.chain((sizes) =>
    fc.tuple(
      ...sizes.map((n) =>
        fc.array(fc.array(value, { minLength: channels, maxLength: channels }), { minLength: n, maxLength: n }),
      ),
    ),
  );
const equal = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 9 }))
  .map(([micro, rows]) => new Array<number>(micro).fill(rows));
const unequal = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 8 });

describe('pooled over micro-batches they are those of the whole batch', () => {
  test.each([
    ['of equal size', equal],
    ['of unequal size', unequal],
    ['of which there is one, as torch.nn.BatchNorm1d', fc.integer({ min: 1, max: 40 }).map((n) => [n])],
  ])('%s', (_, sizes) => {
    fc.assert(
      fc.property(batch(3, sizes), fc.array(value, { minLength: 6, maxLength: 6 }), (micro, before) => {
        const buffers = Float32Array.from(before);
        updateRunningStatistics(
          [new BatchNorm1d(3)],
          buffers,
          micro.map((rows) => rowOf(rows)),
        );
        expectNear(buffers, torchUpdate(before, micro.flat()));
      }),
    );
  });

  test('for each of several batch norms, by its own momentum', () => {
    const norms = [new BatchNorm1d(2), new BatchNorm1d(1, { momentum: 1 })];
    const a: Rows = [
      [1, 2],
      [3, 6],
    ];
    const b: Rows = [
      [5, -2],
      [7, 0],
    ];
    const buffers = Float32Array.of(0, 0, 1, 1, 9, 9);
    updateRunningStatistics(norms, buffers, [rowOf(a, [[1], [3]]), rowOf(b, [[5]])]);
    expectNear(buffers.subarray(0, 4), torchUpdate([0, 0, 1, 1], [...a, ...b]));
    expectNear(buffers.subarray(4), [3, 4]);
  });
});

test('collected from a forward pass they are those of the rows that passed', async () => {
  const mark = wasm.mark();
  const model = new Sequential(new BatchNorm1d(3), new Linear(3, 2), new BatchNorm1d(2));
  const norms = batchNorms(model);
  const placed = place(model, wasm);
  wasm.write(placed.params, Float32Array.of(1, 1, 1, 0, 0, 0, 1, 2, 3, -1, 0, 1, 0, 0, 1, 1, 0, 0));
  const x = Float32Array.from({ length: 5 * 4 * 3 }, (_, i) => Math.fround(Math.sin(i) * (i % 3) + i / 50));
  // Three dimensions: each position of each example is a row.
  model.forward(tensor(wasm, x, [5, 4, 3]));
  const row = wasm.alloc(statisticsLength(norms));
  collectStatistics(norms, wasm, row);
  const sent = await wasm.read(row);
  wasm.release(mark);
  expect(sent.length).toBe(1 + 6 + 1 + 4);
  const rows = Array.from({ length: 20 }, (_, i) => [...x.subarray(i * 3, i * 3 + 3)]);
  expectNear(Float32Array.from(sent.subarray(0, 7)), [...rowOf(rows)]);
  const { mean, variance } = statistics(rows);
  const hidden = rows.map((r) => {
    const [a, b, c] = r.map((v, i) => (v - mean[i]) / Math.sqrt(variance[i] + 1e-5));
    return [a + 2 * b + 3 * c, c - a];
  });
  expectNear(Float32Array.from(sent.subarray(7)), [...rowOf(hidden)]);
});

test('a layer with unbiased: true normalises by n − 1, keeps the same statistics and evaluates as any other', async () => {
  const mark = wasm.mark();
  const x = Float32Array.of(1, 4, -2, 7, 0.5, 3);
  const outputs = [];
  for (const unbiased of [false, true]) {
    const model = new BatchNorm1d(1, { unbiased });
    const { params, buffers } = place(model, wasm);
    wasm.write(params, Float32Array.of(1, 0));
    wasm.write(buffers, Float32Array.of(1, 4));
    const trained = await model.forward(tensor(wasm, x, [6, 1])).read();
    const row = wasm.alloc(3);
    collectStatistics([model], wasm, row);
    const evaluated = await model
      .eval()
      .forward(tensor(wasm, x, [6, 1]))
      .read();
    outputs.push({ trained, row: await wasm.read(row), evaluated });
  }
  wasm.release(mark);
  const [biased, unbiased] = outputs;
  expectNear(
    Float32Array.from(unbiased.trained),
    Array.from(biased.trained, (v) => v * Math.sqrt(5 / 6)),
  );
  expect(unbiased.row).toEqual(biased.row);
  expect(unbiased.evaluated).toEqual(biased.evaluated);
});

test('a batch norm that took no part is told', () => {
  expect(() => collectStatistics([new BatchNorm1d(1)], wasm, wasm.alloc(3))).toThrow('no part');
});

test('positions normalised each by itself are channels of their own, and share one weight', async () => {
  const backend = wasm;
  const [n, length, channels] = [6, 3, 2];
  const values = Array.from({ length: n * length * channels }, (_, i) => Math.sin(i * i));
  const apart = new BatchNorm1d(channels, { positions: length });
  const flat = new BatchNorm1d(length * channels);
  for (const model of [apart, flat]) backend.write(place(model, backend).params, initialise(model, 1).params);
  const [x, y] = [tensor(backend, values, [n, length, channels]), tensor(backend, values, [n, length * channels])];
  const out = apart.forward(x);
  expect(out.shape).toEqual([n, length, channels]);
  expect(Array.from(await out.read())).toEqual(Array.from(await flat.forward(y).read()));
  expect(statisticsLength([apart])).toBe(statisticsLength([flat]));
  gradients(apart, mean(mul(out, out)));
  expect((await apart.weight.grad?.read())?.length).toBe(channels);
  expect(() => apart.forward(tensor(backend, values, [n * length, channels]))).toThrow('expected [N, 3, C]');
});
