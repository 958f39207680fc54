/** The learning-rate schedules: constant, milestones as torch's MultiStepLR, and the GPT-2 lecture's warm-up and cosine. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { learningRate, type Schedule } from '../../core/optim/schedule.ts';

test('constant is constant', () => {
  for (const step of [0, 1, 1e6]) expect(learningRate({ name: 'constant', lr: 0.3 }, step)).toBe(0.3);
});

describe('step', () => {
  test('drops at each milestone, from that step on', () => {
    const schedule: Schedule = { name: 'step', lr: 0.1, milestones: [3, 5], gamma: 0.1 };
    const rates = Array.from({ length: 7 }, (_, step) => learningRate(schedule, step));
    const want = [0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001];
    for (const [step, rate] of rates.entries()) expect(rate).toBeCloseTo(want[step], 15);
  });

  test('drops as often as milestones have passed, a repeated one counting twice', () => {
    const milestones = fc.array(fc.nat(50), { maxLength: 6 });
    fc.assert(
      fc.property(milestones, fc.nat(60), (at, step) => {
        let want = 1;
        for (const m of at) if (m <= step) want *= 0.5;
        expect(learningRate({ name: 'step', lr: 1, milestones: at, gamma: 0.5 }, step)).toBe(want);
      }),
    );
  });
});

describe('cosine, with the numbers of the GPT-2 lecture', () => {
  const schedule: Schedule = { name: 'cosine', lr: 6e-4, minLr: 6e-5, warmupSteps: 715, decaySteps: 19_073 };
  const at = (step: number) => learningRate(schedule, step);

  test('warms up in a straight line that does not begin at 0', () => {
    expect(at(0)).toBeCloseTo(6e-4 / 715, 15);
    expect(at(356)).toBeCloseTo((6e-4 * 357) / 715, 15);
    expect(at(714)).toBeCloseTo(6e-4, 15);
  });

  test('is at the maximum as the warm-up ends, half way down in the middle, at the minimum at the end and after', () => {
    expect(at(715)).toBeCloseTo(6e-4, 15);
    expect(at(715 + (19_073 - 715) / 2)).toBeCloseTo(3.3e-4, 15);
    expect(at(19_072)).toBeGreaterThan(6e-5);
    expect(at(19_072)).toBeCloseTo(6e-5, 10);
    expect(at(19_073)).toBe(6e-5);
    expect(at(1e7)).toBe(6e-5);
  });

  test('never rises after the warm-up', () => {
    for (let step = 715; step < 19_100; step++) expect(at(step + 1)).toBeLessThanOrEqual(at(step));
  });

  test('needs no warm-up', () => {
    expect(learningRate({ ...schedule, warmupSteps: 0 }, 0)).toBe(6e-4);
  });
});

describe('exponential, with the numbers of makemore 2', () => {
  const schedule: Schedule = { name: 'exponential', from: 1e-3, to: 1, steps: 1000 };
  const at = (step: number) => learningRate(schedule, step);

  test('is 10 ** torch.linspace(-3, 0, 1000)', () => {
    for (const step of [0, 1, 250, 500, 998, 999]) expect(Math.log10(at(step))).toBeCloseTo(-3 + (3 * step) / 999, 12);
  });

  test('begins and ends at exactly the rates that were asked for, and stays at the second', () => {
    expect(at(0)).toBe(1e-3);
    expect(at(999)).toBe(1);
    expect(at(1e6)).toBe(1);
  });

  test('may fall, and may be of one step', () => {
    expect(learningRate({ ...schedule, from: 1, to: 0.01, steps: 3 }, 1)).toBeCloseTo(0.1, 15);
    expect(learningRate({ ...schedule, steps: 1 }, 0)).toBe(1);
  });
});
