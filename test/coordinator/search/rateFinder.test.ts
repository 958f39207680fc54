/** What a search for a learning rate makes of losses whose answer is known. */
import { describe, expect, test } from 'vitest';
import { places, readSearch, shownRange, smooth } from '../../../coordinator/search/rateFinder.ts';
import { rateInWords, svgPlot, textPlot } from '../../../coordinator/search/ratePlot.ts';

const STEPS = 1000;
/** 10^-3 to 1, as the lecture's. */
const rates = Array.from({ length: STEPS }, (_, i) => 10 ** (-3 + (3 * i) / (STEPS - 1)));
/** A parabola over the logarithm of the rate, and noise that is the same each time. */
const valleyAt = (exponent: number, depth = 1) =>
  rates.map((rate, i) => 2.5 + depth * (Math.log10(rate) - exponent) ** 2 + 0.2 * Math.sin(i * 12.9898));

describe('smoothing', () => {
  test('leaves a constant as it is, and a straight line but for its ends', () => {
    expect(smooth([3, 3, 3, 3]).every((v) => Math.abs(v - 3) < 1e-12)).toBe(true);
    const line = Array.from({ length: 200 }, (_, i) => i);
    const smoothed = smooth(line);
    for (let i = 20; i < 180; i++) expect(smoothed[i]).toBeCloseTo(i, 9);
  });

  test('has the weights of a normal curve', () => {
    const impulse = Array.from({ length: 51 }, (_, i) => (i === 25 ? 1 : 0));
    const smoothed = smooth(impulse);
    // Its standard deviation is 51/50 of a step.
    expect((smoothed[26] ?? 0) / (smoothed[25] ?? 1)).toBeCloseTo(Math.exp(-((50 / 51) ** 2) / 2), 12);
    expect(smoothed.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
    expect(smoothed[25 + 5]).toBe(0);
  });
});

describe('reading a search', () => {
  test.each([-2, -1, -0.5])('finds a valley at 10^%d under noise', (exponent) => {
    const { valley, diverges, suggestion } = readSearch(rates, valleyAt(exponent), false);
    expect(Math.abs(Math.log10(valley) - exponent)).toBeLessThan(0.05);
    expect(diverges).toBeNull();
    expect(suggestion).toBe(valley);
  });

  test('suggests a tenth of the rate at which it diverges', () => {
    const losses = valleyAt(-0.8, 0.1).map((loss, i) => ((rates[i] ?? 0) > 0.5 ? loss + 100 : loss));
    const { diverges, suggestion } = readSearch(rates, losses, false);
    expect(Math.abs(Math.log10((diverges ?? 0) / 0.5))).toBeLessThan(0.2);
    expect(suggestion).toBe((diverges ?? 0) / 10);
  });

  test('takes the last rate for divergence where the numbers ran away after it', () => {
    const [some, few] = [rates.slice(0, 500), valleyAt(-1).slice(0, 500)];
    const { diverges, suggestion } = readSearch(some, few, true);
    expect(diverges).toBe(some.at(-1));
    expect(suggestion).toBe((some.at(-1) ?? 0) / 10);
  });

  test('never suggests more than the valley', () => {
    const { valley, suggestion } = readSearch(rates, valleyAt(-2), true);
    expect(suggestion).toBe(valley);
  });

  test('reads a single step, and the losses before it runs away', () => {
    expect(readSearch([0.1], [3], true)).toMatchObject({ valley: 0.1, diverges: 0.1 });
    expect(() => readSearch([], [], true)).toThrow('0 rates');
  });
});

describe('the pictures', () => {
  test('the rows are evenly spaced and have both ends', () => {
    const at = places(rates, 5);
    expect(at.length).toBe(16);
    expect([at[0], at.at(-1)]).toEqual([0, STEPS - 1]);
    expect(places([0.1], 5)).toEqual([0]);
    expect(places([0.1, 0.11], 5)).toEqual([0, 1]);
  });

  test('what has run away does not press the rest flat', () => {
    expect(shownRange({ smoothed: [3, 2, 1e9] })).toEqual({ least: 2, most: 8 });
    expect(shownRange({ smoothed: [20, 2, 30] })).toEqual({ least: 2, most: 20 });
    expect(shownRange({ smoothed: [2] })).toEqual({ least: 2, most: 3 });
  });

  test('the text marks valley and suggestion', () => {
    const lines = textPlot(readSearch(rates, valleyAt(-1), false));
    expect(lines.length).toBe(17);
    expect(lines.filter((line) => line.endsWith('< valley, suggestion'))).toEqual([expect.stringMatching(/^ +0\.10 /)]);
  });

  test('the SVG is well-formed, escapes its title, and shows what was found', () => {
    const losses = valleyAt(-0.8).map((loss, i) => (i > 950 ? loss + 1000 : loss));
    const svg = svgPlot(readSearch(rates, losses, false), 'a <b> & "c"');
    expect(svg).toContain('a &lt;b&gt; &amp; &quot;c&quot;');
    for (const what of ['valley', 'diverges', 'suggestion']) expect(svg).toContain(`>${what} `);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    const open = svg.match(/<(?![/?])[a-z]+/g)?.length ?? 0;
    expect((svg.match(/<\/[a-z]+>/g)?.length ?? 0) + (svg.match(/\/>/g)?.length ?? 0)).toBe(open);
    expect(svgPlot(readSearch([0.1], [3], true), 'one')).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('a suggestion below all rates that were tried stands at the edge', () => {
    const svg = svgPlot(readSearch([0.1], [3], true), 'one');
    expect(svg).toContain('>← suggestion 0.01<');
    const left = Array.from(svg.matchAll(/<line x1="([^"]+)"/g), ([, x]) => Number(x));
    expect(Math.min(...left)).toBe(60);
  });

  test('a rate in words is one that could be set', () => {
    expect([0.1234, 1e-5, 1, 31.6].map(rateInWords)).toEqual(['0.12', '0.00001', '1', '32']);
  });
});
