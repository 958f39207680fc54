/**
 * x to a fixed power. AssemblyScript's own powf (a translation of musl's) is compiled into the module and computes with
 * tables and f64 additions and multiplications, so that every engine gives the same bits.
 */

/**
 * y = x^exponent, within 1 ulp, with C's and so PyTorch's special values: a negative base is NaN unless the exponent is a
 * whole number, x^0 is 1 for every x, 0 to a negative power is Infinity. y may be x.
 */
export function pow(y: usize, x: usize, n: i32, exponent: f32): void {
  const endless = abs(exponent) == Infinity;
  for (let i = 0; i < n; ++i, x += 4, y += 4) {
    const base = load<f32>(x);
    // Where JavaScript, and so AssemblyScript, has NaN: 1 to any power, and −1 to ±Infinity.
    const one = base == 1 || (base == -1 && endless);
    store<f32>(y, one ? 1 : NativeMathf.pow(base, exponent));
  }
}
