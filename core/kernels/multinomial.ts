/** Draws from discrete distributions, with Philox 4x32-10 (core/random/philox.ts) in the kernel. */

/** Word i of the stream: the (i mod 4)-th of the block with counter (i div 4, step, microBatch, site) under (key0, key1). */
function word(i: u32, step: u32, microBatch: u32, site: u32, key0: u32, key1: u32): u32 {
  let c0 = i >> 2;
  let c1 = step;
  let c2 = microBatch;
  let c3 = site;
  for (let round = 0; round < 10; ++round) {
    const p0 = <u64>0xd2511f53 * <u64>c0;
    const p1 = <u64>0xcd9e8d57 * <u64>c2;
    c0 = <u32>(p1 >> 32) ^ c1 ^ key0;
    c1 = <u32>p1;
    c2 = <u32>(p0 >> 32) ^ c3 ^ key1;
    c3 = <u32>p0;
    key0 += 0x9e3779b9;
    key1 += 0xbb67ae85;
  }
  const lane = i & 3;
  return lane == 0 ? c0 : lane == 1 ? c1 : lane == 2 ? c2 : c3;
}

/**
 * indices[r, s] = a class drawn from row r of p, which need not add up to 1: the first whose running sum, in f64 and in
 * order, exceeds word · 2^-32 of the row's sum; the word is that of number r · samples + s, of the stream at `site` whose words
 * key0, key1, step, microBatch `place` holds. So no class of probability 0 is ever drawn. Returns −1, or the first row with a negative or NaN element or a sum of 0 or Infinity, leaving the rest undone.
 */
export function multinomial(
  indices: usize, p: usize, rows: i32, classes: i32, samples: i32, place: usize, site: i32,
): i32 {
  const key0 = load<u32>(place);
  const key1 = load<u32>(place, 4);
  const step = load<u32>(place, 8);
  const microBatch = load<u32>(place, 12);
  let number: u32 = 0;
  for (let r = 0; r < rows; ++r, p += <usize>classes << 2) {
    let total: f64 = 0;
    for (let j = 0; j < classes; ++j) {
      const v = load<f32>(p + (<usize>j << 2));
      if (!(v >= 0)) return r;
      total += <f64>v;
    }
    if (!(total > 0 && total < Infinity)) return r;
    for (let s = 0; s < samples; ++s, ++number, indices += 4) {
      const target = (<f64>word(number, step, microBatch, site, key0, key1) * 2.3283064365386963e-10) * total;
      let sum: f64 = <f64>load<f32>(p);
      let j = 0;
      while (sum <= target) sum += <f64>load<f32>(p + (<usize>++j << 2));
      store<i32>(indices, j);
    }
  }
  return -1;
}
