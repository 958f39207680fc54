/** Choosing the next token: what may be drawn, how often, and that limits which leave nothing out change no draw. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { tensor } from '../../core/tensor/index.ts';
import { type Choosing, choose, weigh } from '../../models/choose.ts';

const EVEN = 1000;
/** How often each id comes of evenly spaced draws: its probability. */
function shares(probabilities: readonly number[], choosing: Omit<Choosing, 'temperature'>): number[] {
  const counts = probabilities.map(() => 0);
  for (let i = 0; i < EVEN; i++) {
    const id = choose(probabilities, { temperature: 1, ...choosing }, (i + 0.5) / EVEN);
    counts[id] = (counts[id] ?? 0) + 1 / EVEN;
  }
  return counts;
}

const expectShares = (actual: readonly number[], expected: readonly number[]) => {
  for (const [id, share] of expected.entries()) expect(actual[id], `id ${id}`).toBeCloseTo(share, 2);
};

/** Probabilities as a softmax in float32 leaves them: they sum to nearly one. */
const distributions = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 40 }).map((parts) => {
  const sum = parts.reduce((a, b) => a + b, 0);
  return Float32Array.from(parts, (part) => (sum === 0 ? 1 / parts.length : part / sum));
});
const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('a limit', () => {
  const skewed = [0.1, 0.4, 0.05, 0.25, 0.2];

  test('of k leaves the k likeliest, in proportion', () => {
    expectShares(shares(skewed, { topK: 3 }), [0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85]);
    expectShares(shares(skewed, { topK: 1 }), [0, 1, 0, 0, 0]);
  });

  test('of p leaves the fewest that reach it, in proportion', () => {
    expectShares(shares(skewed, { topP: 0.64 }), [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0]);
    expectShares(shares(skewed, { topP: 0.66 }), [0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85]);
    // What reaches it exactly is enough; a p that nothing falls short of leaves one.
    expectShares(shares([0.25, 0.5, 0.25], { topP: 0.5 }), [0, 1, 0]);
    expectShares(shares(skewed, { topP: 1e-9 }), [0, 1, 0, 0, 0]);
  });

  test('of k and p: p is a part of what the k have', () => {
    // The three have 0.85; of that, 0.4 and 0.25 are the first 76 %.
    expectShares(shares(skewed, { topK: 3, topP: 0.75 }), [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0]);
    expectShares(shares(skewed, { topP: 0.75 }), [0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85]);
  });

  test('takes the smaller ids of those that are equally likely', () => {
    const level = [0.2, 0.2, 0.2, 0.2, 0.2];
    expectShares(shares(level, { topK: 2 }), [0.5, 0.5, 0, 0, 0]);
    expectShares(shares(level, { topP: 0.59 }), [1 / 3, 1 / 3, 1 / 3, 0, 0]);
  });

  test('never lets through what it leaves out, whatever is drawn', () => {
    fc.assert(
      fc.property(distributions, fc.integer({ min: 1, max: 45 }), draws, (probabilities, topK, u) => {
        const id = choose(probabilities, { temperature: 1, topK }, u);
        const likelier = probabilities.filter((p, other) => {
          const mine = probabilities[id] ?? 0;
          return p > mine || (p === mine && other < id);
        });
        expect(likelier.length).toBeLessThan(topK);
      }),
    );
  });

  test('that leaves nothing out changes no draw', () => {
    fc.assert(
      fc.property(distributions, draws, fc.nat(3), (probabilities, u, more) => {
        const plain = choose(probabilities, { temperature: 1 }, u);
        const topK = probabilities.length + more;
        expect(choose(probabilities, { temperature: 1, topK }, u)).toBe(plain);
        expect(choose(probabilities, { temperature: 1, topP: 1 }, u)).toBe(plain);
        expect(choose(probabilities, { temperature: 1, topK, topP: 1 }, u)).toBe(plain);
      }),
    );
  });
});

describe('without limits', () => {
  test('an id comes as often as it is likely, in the order of ids', () => {
    const probabilities = [0.25, 0, 0.5, 0.25];
    expectShares(shares(probabilities, {}), probabilities);
    expect([0, 0.2499, 0.25, 0.7499, 0.75].map((u) => choose(probabilities, { temperature: 1 }, u))).toEqual([
      0, 0, 2, 2, 3,
    ]);
  });

  test('a draw beyond a sum that rounding left short is the last id', () => {
    expect(choose([0.5, 0.4999], { temperature: 1 }, 0.99999)).toBe(1);
  });
});

describe('temperature', () => {
  const logits = [0.5, 2, -1, 2, 1.5];

  async function chosen(choosing: Choosing, u: number): Promise<number> {
    const backend = await createWasmBackend();
    return choose(await weigh(tensor(backend, logits, [1, logits.length]), choosing).read(), choosing, u);
  }

  test('zero takes the first of the likeliest, whatever is drawn', async () => {
    for (const u of [0, 0.5, 0.999]) {
      expect(await chosen({ temperature: 0 }, u)).toBe(1);
      expect(await chosen({ temperature: 0, topK: 3, topP: 0.5 }, u)).toBe(1);
    }
  });

  test('the likeliest one alone is the same as zero, at any temperature', async () => {
    for (const temperature of [0.5, 1, 3]) expect(await chosen({ temperature, topK: 1 }, 0.9)).toBe(1);
  });

  test('so low that logits would overflow is zero', async () => {
    expect(await chosen({ temperature: 1e-40 }, 0.9)).toBe(1);
    expect([1, 3]).toContain(await chosen({ temperature: 1e-20 }, 0.9));
  });

  test('divides the logits', async () => {
    const backend = await createWasmBackend();
    const [row, warm] = [tensor(backend, logits, [1, 5]), { temperature: 2 }];
    const powers = logits.map((logit) => Math.exp(logit / 2));
    const sum = powers.reduce((a, b) => a + b, 0);
    for (const [id, p] of (await weigh(row, warm).read()).entries()) expect(p).toBeCloseTo((powers[id] ?? 0) / sum, 6);
  });
});
