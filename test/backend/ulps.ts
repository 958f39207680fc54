/** Distances in units in the last place of f32. */

/** How many units in the last place lie between `got` and the true value. */
export function ulps(got: number, want: number): number {
  if (Object.is(got, Math.fround(want)) || got === want) return 0;
  return Math.abs(got - want) / ulpOf(want);
}

/** The distance between neighbouring f32 around x; that of the smallest normal numbers for subnormal ones. */
export function ulpOf(x: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(x)))) - 23);
}
