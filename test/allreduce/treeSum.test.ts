/**
 * The all-reduce's promise: whoever summed which aligned run, and in whatever order the runs were handed in, the total has
 * the same bits; and they are those of the tree written out as a recursion.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAligned, runLength, TreeSum } from '../../core/allreduce/treeSum.ts';
import type { Buf } from '../../core/backend/backend.ts';
import { reference, wasm } from '../support/backends.ts';

/** Small vectors of very different magnitudes, so that every other grouping of the additions shows in the bits. */
const element = fc
  .tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: -30, max: 10 }))
  .map(([mantissa, exponent]) => Math.fround(mantissa * 2 ** exponent));

interface Block {
  readonly lo: number;
  readonly size: number;
}

/** Cuts [0, count) into nodes of the tree: a node is kept or halved as `cuts` says. */
function partition(count: number, cuts: readonly boolean[]): Block[] {
  let next = 0;
  const blocks: Block[] = [];
  const visit = (lo: number, size: number) => {
    if (lo >= count) return;
    if (size > 1 && (cuts[next++] ?? true)) {
      visit(lo, size / 2);
      visit(lo + size / 2, size / 2);
    } else blocks.push({ lo, size });
  };
  visit(0, 2 ** Math.ceil(Math.log2(count)));
  return blocks;
}

const cases = fc
  .record({ count: fc.integer({ min: 1, max: 40 }), length: fc.integer({ min: 1, max: 7 }) })
  .chain(({ count, length }) =>
    fc
      .record({
        vectors: fc.array(fc.array(element, { minLength: length, maxLength: length }), {
          minLength: count,
          maxLength: count,
        }),
        cuts: fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }),
      })
      .chain(({ vectors, cuts }) => {
        const blocks = partition(count, cuts);
        return fc
          .shuffledSubarray(blocks, { minLength: blocks.length, maxLength: blocks.length })
          .map((order) => ({ count, length, vectors: vectors.map((v) => Float32Array.from(v)), order }));
      }),
  );

function buffer(vector: Float32Array): Buf {
  const buf = wasm.alloc(vector.length);
  wasm.write(buf, vector);
  return buf;
}

const bits = (values: ArrayLike<number>): number[] => Array.from(new Uint32Array(Float32Array.from(values).buffer));

/** The tree, as its definition reads. */
function recursive(vectors: readonly Float32Array[], lo: number, size: number): Float32Array {
  if (size === 1) return vectors[lo];
  const half = size / 2;
  const left = recursive(vectors, lo, half);
  if (lo + half >= vectors.length) return left;
  const right = recursive(vectors, lo + half, half);
  return left.map((x, i) => Math.fround(x + right[i]));
}

test('any partition handed in in any order gives the bits of the tree', async () => {
  let regrouped = 0;
  await fc.assert(
    fc.asyncProperty(cases, async ({ count, length, vectors, order }) => {
      const mark = wasm.mark();
      const sum = new TreeSum(wasm, length);
      sum.begin(count);
      for (const [i, vector] of vectors.entries()) sum.add(i, 1, buffer(vector));
      const want = bits(await wasm.read(sum.root));

      const whole = new TreeSum(wasm, length);
      whole.begin(count);
      for (const { lo, size } of order) {
        // A worker's share: its own tree over its own indices.
        const n = runLength(lo, size, count);
        const share = new TreeSum(wasm, length);
        share.begin(n);
        for (let i = 0; i < n; i++) share.add(i, 1, buffer(vectors[lo + i]));
        whole.add(lo, size, share.root);
      }
      expect(bits(await wasm.read(whole.root))).toEqual(want);
      expect(bits(recursive(vectors, 0, 2 ** Math.ceil(Math.log2(count))))).toEqual(want);

      const left = vectors.reduce((a, b) => a.map((x, i) => Math.fround(x + b[i])));
      if (bits(left).join() !== want.join()) regrouped++;
      wasm.release(mark);
    }),
    { numRuns: 400 },
  );
  // Were grouping never to matter for these numbers, the test above would show nothing.
  expect(regrouped).toBeGreaterThan(100);
});

test('a second sum in the same object owes nothing to the first, even to one left unfinished', async () => {
  const mark = wasm.mark();
  const sum = new TreeSum(wasm, 1);
  const one = buffer(Float32Array.of(1));
  sum.begin(8);
  for (const lo of [0, 1, 2, 5]) sum.add(lo, 1, one);
  for (const count of [3, 8, 8]) {
    sum.begin(count);
    for (let lo = count - 1; lo >= 0; lo--) sum.add(lo, 1, one);
    expect(await wasm.read(sum.root)).toEqual(Float32Array.of(count));
  }
  wasm.release(mark);
});

test('buffers that it lends are not copied, and the root is none that it lends before the next sum', async () => {
  const mark = wasm.mark();
  const sum = new TreeSum(wasm, 1);
  for (const count of [1, 2, 5, 8, 5]) {
    sum.begin(count);
    for (let lo = 0; lo < count; lo++) {
      const lent = sum.lend();
      wasm.fill(lent, 10 ** lo);
      sum.add(lo, 1, lent, true);
    }
    // As for a late answer to a lease that another has answered.
    for (let i = 0; i < 3; i++) wasm.fill(sum.lend(), -1);
    const ones = Number('1'.repeat(count));
    expect(await wasm.read(sum.root)).toEqual(Float32Array.of(ones));
  }
  wasm.release(mark);
});

describe('refuses', () => {
  const begun = (count: number) => {
    const sum = new TreeSum(reference, 1);
    sum.begin(count);
    return sum;
  };
  const one = reference.alloc(1);
  reference.fill(one, 1);

  test('runs that are no node of the tree', () => {
    const bad = [
      [1, 2],
      [0, 3],
      [2, 4],
      [0, 0],
      [0, -1],
      [-1, 1],
      [5, 1],
      [8, 8],
      [0.5, 1],
      [0, 1.5],
      [Number.NaN, 1],
      [0, Number.NaN],
    ];
    for (const [lo, size] of bad) {
      expect(isAligned(lo, size, 5), `${lo}, ${size}`).toBe(false);
      expect(() => begun(5).add(lo, size, one)).toThrow('no aligned run');
    }
  });

  test('any micro-batch twice, alone or within a run, whatever has been merged since; and stays right', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), fc.nat(), async ({ count, order }, whichBlock, whichNode) => {
        const sum = begun(count);
        const cut = whichBlock % order.length;
        for (const { lo, size } of order.slice(0, cut + 1)) sum.add(lo, size, one);
        // Any node that overlaps what was handed in: within it, the same, or around it.
        const { lo, size } = order[cut];
        const sizes = [1, 2, 4, 8, 16, 32, 64];
        const again = sizes[whichNode % sizes.length];
        const inside = lo + (whichNode % runLength(lo, size, count));
        expect(() => sum.add(inside - (inside % again), again, one)).toThrow('handed in twice');
        for (const rest of order.slice(cut + 1)) sum.add(rest.lo, rest.size, one);
        expect((await reference.read(sum.root))[0]).toBe(order.length);
      }),
    );
  });

  test('the root while a micro-batch is missing', () => {
    const sum = begun(3);
    expect(() => sum.root).toThrow('not all');
    sum.add(2, 2, one);
    sum.add(0, 1, one);
    expect(() => sum.root).toThrow('not all');
    sum.add(1, 1, one);
    expect(sum.root.length).toBe(1);
  });
});
