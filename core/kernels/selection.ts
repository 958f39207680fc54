/**
 * Kernels that choose elements by index, and that find which to choose: one-hot rows, gather and its gradient, the k
 * largest, the maximum. Those that take indices return −1, or the position of the first one out of range, leaving the rest
 * undone.
 */
import { firstLanes, storeUpTo } from './simd';
import { rowMax } from './softmax';

/** dst[i] = the row of `classes` zeros with a one at ids[i]. */
export function oneHot(dst: usize, ids: usize, count: i32, classes: i32): i32 {
  const bytes = <usize>classes << 2;
  for (let i = 0; i < count; ++i, ids += 4, dst += bytes) {
    const id = load<i32>(ids);
    if (<u32>id >= <u32>classes) return i;
    memory.fill(dst, 0, bytes);
    store<f32>(dst + (<usize>id << 2), 1);
  }
  return -1;
}

/** out[o, j, i] = x[o, index[o, j, i], i], for x [outer, n, inner] and index [outer, m, inner]. */
export function gather(out: usize, x: usize, index: usize, outer: i32, n: i32, m: i32, inner: i32): i32 {
  const slab = (<usize>n * <usize>inner) << 2;
  let position = 0;
  for (let o = 0; o < outer; ++o, x += slab) {
    for (let j = 0; j < m; ++j) {
      for (let i = 0; i < inner; ++i, ++position, out += 4, index += 4) {
        const id = load<i32>(index);
        if (<u32>id >= <u32>n) return position;
        // As an integer: what is chosen may be ids.
        store<i32>(out, load<i32>(x + ((<usize>id * <usize>inner + <usize>i) << 2)));
      }
    }
  }
  return -1;
}

/** dx[o, index[o, j, i], i] += g[o, j, i], in row-major order of (o, j, i). */
export function scatterAdd(dx: usize, g: usize, index: usize, outer: i32, n: i32, m: i32, inner: i32): i32 {
  const slab = (<usize>n * <usize>inner) << 2;
  let position = 0;
  for (let o = 0; o < outer; ++o, dx += slab) {
    for (let j = 0; j < m; ++j) {
      for (let i = 0; i < inner; ++i, ++position, g += 4, index += 4) {
        const id = load<i32>(index);
        if (<u32>id >= <u32>n) return position;
        const to = dx + ((<usize>id * <usize>inner + <usize>i) << 2);
        store<f32>(to, load<f32>(to) + load<f32>(g));
      }
    }
  }
  return -1;
}

/** Whether a comes before b where the largest come first: NaN counts as the largest of all, as in PyTorch. */
// @ts-ignore: decorator
@inline
function precedes(a: f32, b: f32): bool {
  return a > b || (a != a && b == b);
}

// @ts-ignore: decorator
@inline
function element(row: usize, indices: usize, place: i32): f32 {
  return load<f32>(row + (<usize>load<i32>(indices + (<usize>place << 2)) << 2));
}

/**
 * For each row the places of its k largest elements, largest first; of equal ones the lower index first. Insertion into
 * the list so far: fast where k is small or the order random, cols · k steps at worst.
 */
export function topk(indices: usize, x: usize, rows: i32, cols: i32, k: i32): void {
  if (k == 0) return;
  for (let r = 0; r < rows; ++r, x += <usize>cols << 2, indices += <usize>k << 2) {
    let held = 0;
    let least: f32 = 0;
    for (let j = 0; j < cols; ++j) {
      const v = load<f32>(x + (<usize>j << 2));
      if (held == k && !precedes(v, least)) continue;
      let place = held < k ? held++ : k - 1;
      while (place > 0 && precedes(v, element(x, indices, place - 1))) {
        store<i32>(indices + (<usize>place << 2), load<i32>(indices + (<usize>(place - 1) << 2)));
        --place;
      }
      store<i32>(indices + (<usize>place << 2), j);
      least = element(x, indices, held - 1);
    }
  }
}

/** y[i] = the largest element of row i; NaN if any is. */
export function amax(y: usize, x: usize, rows: i32, cols: i32): void {
  for (let r = 0; r < rows; ++r, x += <usize>cols << 2, y += 4) store<f32>(y, rowMax(x, cols));
}

/** dx (+)= g[i] divided evenly over the elements of row i that equal its maximum y[i], 0 elsewhere; NaN where y is NaN. */
export function amaxBackward(dx: usize, g: usize, x: usize, y: usize, rows: i32, cols: i32, accumulate: bool): void {
  const bytes = <usize>cols << 2;
  const zero = i32x4.splat(0);
  for (let r = 0; r < rows; ++r, dx += bytes, x += bytes, g += 4, y += 4) {
    const top = v128.load32_splat(y);
    // A comparison's lane is −1 where it holds.
    let ties = zero;
    for (let j = 0; j < cols; j += 4)
      ties = i32x4.sub(ties, firstLanes(f32x4.eq(v128.load(x + (<usize>j << 2)), top), zero, cols - j));
    const count = i32x4.extract_lane(ties, 0) + i32x4.extract_lane(ties, 1)
      + i32x4.extract_lane(ties, 2) + i32x4.extract_lane(ties, 3);
    const divisor = f32x4.splat(<f32>count);
    const whole = v128.load32_splat(g);
    for (let j = 0; j < cols; j += 4) {
      const at = <usize>j << 2;
      let d = f32x4.div(v128.and(f32x4.eq(v128.load(x + at), top), whole), divisor);
      if (accumulate) d = f32x4.add(v128.load(dx + at), d);
      storeUpTo(dx + at, d, cols - j);
    }
  }
}

/** dst[0] = how many ids differ from `value`. */
export function countNotEqual(dst: usize, ids: usize, n: i32, value: i32): void {
  let count = 0;
  for (let i = 0; i < n; ++i, ids += 4) count += load<i32>(ids) != value ? 1 : 0;
  store<f32>(dst, <f32>count);
}
