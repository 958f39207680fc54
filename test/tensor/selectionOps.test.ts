/** The operations that choose, powers and variances, each checked as harness.ts says; and what they give that has no gradient. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Site, Stream } from '../../core/random/streams.ts';
import {
  add,
  amax,
  argmax,
  backward,
  cat,
  crossEntropy,
  gather,
  intTensor,
  matmul,
  max,
  mul,
  multinomial,
  narrow,
  oneHot,
  permute,
  pow,
  std,
  type Tensor,
  tensor,
  topk,
  variance,
  view,
} from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';
import { type Case, checkOps, dims, size, unary } from './harness.ts';

const ids = fc.array(fc.nat(1000), { minLength: 200, maxLength: 200 });

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Elements in an order of their own, far enough from each other that no central difference changes it. */
const distinct = (x: Tensor) => {
  const n = x.numel;
  let step = Math.ceil(n / 3);
  while (gcd(step, n) > 1) step++;
  const places = Float64Array.from({ length: n }, (_, i) => ((i * step) % n) / 2);
  return add(mul(x, 0.1), tensor(x.backend, places, x.shape));
};

const cases: Record<string, fc.Arbitrary<Case>> = {
  gather: fc.tuple(dims, fc.nat(2), size, ids).map(([s, dim, m, chosen]): Case => {
    const shape = s.map((n, d) => (d === dim ? m : Math.max(1, n - 1)));
    const length = Math.min(
      chosen.length,
      shape.reduce((a, b) => a * b, 1),
    );
    return {
      shapes: [s],
      run: ([x], backend) => {
        const index = Int32Array.from(
          { length: shape.reduce((a, b) => a * b, 1) },
          (_, i) => chosen[i % length] % s[dim],
        );
        return gather(x as Tensor, dim - 3, intTensor(backend, index, shape));
      },
    };
  }),
  topk: fc
    .tuple(dims, fc.nat(99))
    .map(([s, k]): Case => ({ shapes: [s], run: ([x]) => topk(distinct(x as Tensor), 1 + (k % s[2])).values })),
  amax: fc
    .tuple(dims, fc.subarray([0, 1, 2]), fc.boolean())
    .map(([s, dim, keepdim]): Case => ({ shapes: [s], run: ([x]) => amax(distinct(x as Tensor), { dim, keepdim }) })),
  'max of all': unary((x) => max(distinct(x))),
  'max along a dimension': fc
    .tuple(dims, fc.nat(2), fc.boolean())
    .map(([s, dim, keepdim]): Case => ({ shapes: [s], run: ([x]) => max(distinct(x as Tensor), dim, keepdim).values })),
  'pow 3': unary((x) => pow(x, 3)),
  'pow −2': unary((x) => pow(x, -2), [-2.5, -0.8]),
  'pow 0': unary((x) => pow(x, 0)),
  'pow 2.5': unary((x) => pow(x, 2.5), [0.1, 2]),
  variance: fc.tuple(dims, fc.constantFrom([0], [1, 2], [0, 2], [0, 1, 2]), fc.boolean(), fc.boolean()).map(
    ([[a, b, c], dim, unbiased, keepdim]): Case => ({
      shapes: [[a + 1, b, c + 1]],
      run: ([x]) => variance(x as Tensor, { dim, unbiased, keepdim }),
    }),
  ),
  // Spread out, so that no root is near 0, where the slope is steep.
  std: fc.tuple(dims, fc.boolean()).map(
    ([[a, b, c], unbiased]): Case => ({
      shapes: [[a + 1, b, c + 1]],
      run: ([x]) => {
        const t = x as Tensor;
        const spread = Float64Array.from({ length: t.numel }, (_, i) => 3 * i);
        return std(add(t, tensor(t.backend, spread, t.shape)), { dim: [0, 2], unbiased });
      },
    }),
  ),
  'matmul with vectors': fc.tuple(dims, fc.nat(4)).map(([[m, k, n], kind]): Case => {
    const shapes = [
      [[k], [k]],
      [[k], [k, n]],
      [[m, k], [k]],
      [[k], [m, k, n]],
      [[n, m, k], [k]],
    ][kind];
    return { shapes, run: ([a, b]) => matmul(a as Tensor, b as Tensor) };
  }),
  'crossEntropy with −100 ignored': fc.tuple(size, size, ids).map(
    ([rows, classes, chosen]): Case => ({
      shapes: [[rows, classes]],
      run: ([x], backend) => {
        const targets = Int32Array.from({ length: rows }, (_, i) =>
          i > 0 && chosen[i] % 3 === 0 ? -100 : chosen[i] % classes,
        );
        return crossEntropy(x as Tensor, intTensor(backend, targets, [rows]));
      },
    }),
  ),
};

checkOps(cases);

describe.each([wasm, reference])('$name', (backend) => {
  const floats = (data: number[], ...shape: number[]) => tensor(backend, data, shape);
  const ints = async (t: Tensor) => [...(await backend.readInts(t.buf))];

  test('the mean of ignored targets alone is NaN, as in PyTorch; their sum is 0', async () => {
    const logits = floats([1, 2, 3, 4], 2, 2);
    const targets = intTensor(backend, Int32Array.of(-100, -100), [2]);
    expect(await crossEntropy(logits, targets).item()).toBeNaN();
    expect(await crossEntropy(logits, targets, { reduction: 'sum' }).item()).toBe(0);
    expect(() => crossEntropy(logits, targets, { ignoreIndex: -1 })).toThrow('target -100 of row 0 is not in [0, 2)');
  });

  test('oneHot', async () => {
    const hot = oneHot(intTensor(backend, Int32Array.of(2, 0), [1, 2]), 3);
    expect(hot.shape).toEqual([1, 2, 3]);
    expect([...(await hot.read())]).toEqual([0, 0, 1, 1, 0, 0]);
  });

  test('argmax and max along each dimension, ties to the first', async () => {
    const x = floats([1, 5, 5, 5, 2, 5], 2, 3);
    expect(await ints(argmax(x))).toEqual([1]);
    expect(argmax(x, undefined, true).shape).toEqual([1, 1]);
    expect(await ints(argmax(x, 0))).toEqual([1, 0, 0]);
    expect(argmax(x, 0, true).shape).toEqual([1, 3]);
    expect(await ints(argmax(x, -1))).toEqual([1, 0]);
    const { values, indices } = max(x, 0);
    expect([values.shape, indices.shape, indices.dtype]).toEqual([[3], [3], 'i32']);
    expect([...(await values.read())]).toEqual([5, 5, 5]);
    expect(await ints(indices)).toEqual([1, 0, 0]);
  });

  test('NaN is the largest', async () => {
    const x = floats([1, NaN, 9, NaN], 4);
    expect(await ints(argmax(x))).toEqual([1]);
    expect(await ints(topk(x, 3).indices)).toEqual([1, 3, 2]);
    expect(await amax(x).item()).toBeNaN();
  });

  test('multinomial takes its rows` words in order, and a vector', async () => {
    const p = [0, 1, 0, 0.25, 0.25, 0.5];
    const drawn = multinomial(floats(p, 2, 3), 8, new Stream(3, Site.sample, 1));
    expect([drawn.shape, drawn.dtype]).toEqual([[2, 8], 'i32']);
    const words = new Stream(3, Site.sample, 1).uint32s(16);
    const second = Array.from(words.subarray(8), (w) => (w < 2 ** 30 ? 0 : w < 2 ** 31 ? 1 : 2));
    expect(await ints(drawn)).toEqual([...new Array(8).fill(1), ...second]);
    expect(multinomial(floats([1, 1], 2), 5, new Stream(1, Site.sample)).shape).toEqual([5]);
    const place = intTensor(backend, Int32Array.of(3, 0, 1, 0), [4]);
    expect(await ints(multinomial(floats(p, 2, 3), 8, { place, site: Site.sample }))).toEqual(await ints(drawn));
  });

  test('operations that move elements keep i32', async () => {
    const x = intTensor(backend, Int32Array.of(1, -2, 3, 2 ** 30, 5, 6), [2, 3]);
    const moved = cat([permute(x, 1, 0), view(narrow(x, 1, 1, 2), 2, 2)], 0);
    expect([moved.shape, moved.dtype]).toEqual([[5, 2], 'i32']);
    expect(await ints(moved)).toEqual([1, 2 ** 30, -2, 5, 3, 6, -2, 3, 5, 6]);
    const chosen = gather(x, 1, intTensor(backend, Int32Array.of(2, 0), [2, 1]));
    expect(await ints(chosen)).toEqual([3, 2 ** 30]);
  });
});

test('a captured step sees new targets, counts them anew, and draws from a new place', async () => {
  const [targets, place] = [intTensor(wasm, new Int32Array(3), [3]), intTensor(wasm, new Int32Array(4), [4])];
  const logits = tensor(wasm, [0, 0, 0, 1, 1, 1], [3, 2], { requiresGrad: true });
  const [loss, gradient, drawn] = [wasm.alloc(1), wasm.alloc(6), wasm.alloc(20)];
  const step = () => {
    logits.grad = null;
    const mean = crossEntropy(logits, targets);
    backward(mean);
    wasm.copy(loss, mean.buf);
    if (logits.grad !== null) wasm.copy(gradient, (logits.grad as Tensor).buf);
    wasm.copy(drawn, multinomial(tensor(wasm, [1, 2, 3, 4], [4]), 20, { place, site: Site.sample }).buf);
  };
  const seen = async () => [await wasm.read(loss), await wasm.read(gradient), await wasm.readInts(drawn)];
  const program = wasm.capture(step);
  const results = [];
  for (const [ids, word] of [
    [[0, 1, -100], 5],
    [[1, -100, -100], 6],
  ] as const) {
    wasm.writeInts(targets.buf, Int32Array.from(ids));
    wasm.writeInts(place.buf, Int32Array.of(word, 0, 0, 0));
    program.run();
    const replayed = await seen();
    step();
    expect(replayed).toEqual(await seen());
    results.push(replayed);
  }
  expect(results[0]).not.toEqual(results[1]);
  wasm.writeInts(targets.buf, Int32Array.of(0, 2, 1));
  expect(() => program.run()).toThrow('crossEntropy: an id, a target or a probability is out of range');
});
