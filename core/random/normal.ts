// The inverse of the normal distribution function, in plain IEEE double arithmetic: + - * / and sqrt, which the
// ECMAScript standard fixes to the last bit. Math.log and its like are not used, since engines differ in them.

const LN2_HIGH = 0.6931471803691238; // the low 21 bits are zero, so that k * LN2_HIGH is exact
const LN2_LOW = 1.9082149292705877e-10;

/**
 * The natural logarithm of x in (0, infinity), to within one unit in the last place.
 * The method and coefficients are those of FreeBSD's msun, e_log.c (Sun Microsystems, 1993): x = 2^k m with m near 1,
 * s = (m - 1) / (m + 1), log(m) = 2 s + 2/3 s^3 + ... by a minimax polynomial in s^2. Subnormal x is not of interest here.
 */
export function naturalLog(x: number): number {
  let k = 0;
  let m = x;
  // Multiplying by a power of two is exact; x is at least 2^-33 in practice, so this is a short loop.
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  while (m > Math.SQRT2) {
    m *= 0.5;
    k++;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const even = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const remainder = even + odd;
  const halfSquare = 0.5 * f * f;
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + remainder) + k * LN2_LOW) - f);
}

type Octic = readonly [number, number, number, number, number, number, number, number];

/** The polynomial whose coefficients are given from the highest power down. */
function polynomial(c: Octic, r: number): number {
  return ((((((c[0] * r + c[1]) * r + c[2]) * r + c[3]) * r + c[4]) * r + c[5]) * r + c[6]) * r + c[7];
}

// Each range of p has its own rational function, the numerator over the denominator.
const CENTRE_TOP = [
  2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513,
  133.14166789178438, 3.3871328727963665,
] as const;
const CENTRE_BOTTOM = [
  5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579,
  42.31333070160091, 1,
] as const;
const MIDDLE_TOP = [
  0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
  5.769497221460691, 4.630337846156546, 1.4234371107496835,
] as const;
const MIDDLE_BOTTOM = [
  1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
  1.6763848301838038, 2.053191626637759, 1,
] as const;
const TAIL_TOP = [
  2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487,
  1.7848265399172913, 5.463784911164114, 6.657904643501103,
] as const;
const TAIL_BOTTOM = [
  2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133, 0.014875361290850615,
  0.1369298809227358, 0.599832206555888, 1,
] as const;

/**
 * The standard normal deviate z with P(Z <= z) = p, for p in (0, 1); relative error about 1e-16.
 * Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), PPND16.
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE_TOP, r)) / polynomial(CENTRE_BOTTOM, r);
  }
  const r = Math.sqrt(-naturalLog(q < 0 ? p : 1 - p));
  const z =
    r <= 5
      ? polynomial(MIDDLE_TOP, r - 1.6) / polynomial(MIDDLE_BOTTOM, r - 1.6)
      : polynomial(TAIL_TOP, r - 5) / polynomial(TAIL_BOTTOM, r - 5);
  return q < 0 ? -z : z;
}
