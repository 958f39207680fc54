/** Cross-entropy from logits, a row an example; the probabilities are never stored. */
import { exp, logScalar } from './math';
import { storePair } from './simd';
import { rowExpSum, rowMax } from './softmax';

/**
 * losses[i] = log Σ e^logits − logits[target], and that log Σ to `lse`. A target of `ignore` gives loss 0.
 * Returns −1, or the first row with another target outside [0, classes), leaving the rest undone.
 */
export function crossEntropy(
  losses: usize, lse: usize, logits: usize, targets: usize, rows: i32, classes: i32, ignore: i32,
): i32 {
  for (let r = 0; r < rows; ++r) {
    const target = load<i32>(targets);
    const ignored = target == ignore;
    if (!ignored && <u32>target >= <u32>classes) return r;
    const top = rowMax(logits, classes);
    const logSum = logScalar(rowExpSum(logits, classes, top));
    store<f32>(lse, top + logSum);
    // log Σ + (max − logit), not lse − logit: with large logits the latter would cancel.
    store<f32>(losses, ignored ? 0 : logSum + (top - load<f32>(logits + (<usize>target << 2))));
    logits += <usize>classes << 2;
    losses += 4;
    lse += 4;
    targets += 4;
  }
  return -1;
}

/** d (+)= (e^(logits − lse) − onehot) · g[i]; ignored rows give 0. Returns as `crossEntropy` does. */
export function crossEntropyBackward(
  d: usize, g: usize, logits: usize, lse: usize, targets: usize, rows: i32, classes: i32, ignore: i32,
  accumulate: bool,
): i32 {
  const bytes = <usize>classes << 2;
  const lanes = i32x4(0, 1, 2, 3);
  const one = f32x4.splat(1);
  for (let r = 0; r < rows; ++r, d += bytes, logits += bytes, g += 4, lse += 4, targets += 4) {
    const target = load<i32>(targets);
    if (target == ignore) {
      if (!accumulate) memory.fill(d, 0, bytes);
      continue;
    }
    if (<u32>target >= <u32>classes) return r;
    const scale = v128.load32_splat(g);
    const shift = v128.load32_splat(lse);
    const hot = i32x4.splat(target);
    for (let j = 0; j < classes; j += 8) {
      const at = <usize>j << 2;
      const p = exp(f32x4.sub(v128.load(logits + at), shift)), q = exp(f32x4.sub(v128.load(logits + at, 16), shift));
      const isTarget = i32x4.eq(i32x4.add(lanes, i32x4.splat(j)), hot);
      const isTarget4 = i32x4.eq(i32x4.add(lanes, i32x4.splat(j + 4)), hot);
      let u = f32x4.mul(f32x4.sub(p, v128.and(isTarget, one)), scale);
      let v = f32x4.mul(f32x4.sub(q, v128.and(isTarget4, one)), scale);
      if (accumulate) {
        u = f32x4.add(v128.load(d + at), u);
        v = f32x4.add(v128.load(d + at, 16), v);
      }
      storePair(d + at, u, v, classes - j);
    }
  }
  return -1;
}
