/** 16-bit floats by their definition, one number at a time, for the reference backend and tests. */
import type { HalfFormat } from './backend.ts';

interface Layout {
  readonly mantissaBits: number;
  readonly bias: number;
}

const LAYOUTS: Readonly<Record<HalfFormat, Layout>> = {
  bf16: { mantissaBits: 7, bias: 127 },
  f16: { mantissaBits: 10, bias: 15 },
};

/** The number that a code of 16 bits stands for. */
export function unpacked(format: HalfFormat, code: number): number {
  const { mantissaBits, bias } = LAYOUTS[format];
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code & 0x7fff) >> mantissaBits;
  const fraction = (code & ((1 << mantissaBits) - 1)) / 2 ** mantissaBits;
  if (exponent === 2 * bias + 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** The code of the number nearest to x, of two equally near the even one; 'too large' is what rounds up past the largest. */
export function packed(format: HalfFormat, x: number): number {
  const { mantissaBits, bias } = LAYOUTS[format];
  const infinity = (2 * bias + 1) << mantissaBits;
  if (Number.isNaN(x)) return infinity | (1 << (mantissaBits - 1));
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const a = Math.abs(x);
  // Codes count up with the numbers, Infinity following the largest: look for the last that is not above a.
  let [low, high] = [0, infinity];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (unpacked(format, middle) <= a) low = middle;
    else high = middle;
  }
  if (a === Infinity) return sign | infinity;
  // The step above the largest number is as wide as the one below it, so Infinity stands where the next number would.
  const below = unpacked(format, low);
  const above = high === infinity ? 2 ** (bias + 1) : unpacked(format, high);
  const up = a - below > above - a || (a - below === above - a && low % 2 === 1);
  return sign | (up ? high : low);
}
