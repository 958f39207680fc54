/** Row lookup and its gradient. Both return −1, or the position of the first id outside [0, rows), leaving the rest undone. */
import { storeUpTo } from './simd';

/** out[i] = weight[ids[i]]. */
export function embedding(out: usize, weight: usize, ids: usize, count: i32, rows: i32, dim: i32): i32 {
  const bytes = <usize>dim << 2;
  for (let i = 0; i < count; ++i, out += bytes) {
    const id = load<i32>(ids + (<usize>i << 2));
    if (<u32>id >= <u32>rows) return i;
    memory.copy(out, weight + <usize>id * bytes, bytes);
  }
  return -1;
}

/** dWeight[ids[i]] += g[i], in the order of i. */
export function embeddingBackward(dWeight: usize, g: usize, ids: usize, count: i32, rows: i32, dim: i32): i32 {
  const bytes = <usize>dim << 2;
  for (let i = 0; i < count; ++i) {
    const id = load<i32>(ids + (<usize>i << 2));
    if (<u32>id >= <u32>rows) return i;
    let d = dWeight + <usize>id * bytes;
    for (let j = 0; j < dim; j += 4, d += 16) {
      storeUpTo(d, f32x4.add(v128.load(d), v128.load(g + (<usize>j << 2))), dim - j);
    }
    g += bytes;
  }
  return -1;
}
