/** Shape arithmetic: sizes, strides, broadcasting. Pure; knows no tensor and no backend. */

export type Shape = readonly number[];

/** The number of elements of a shape; 1 for a scalar. */
export function numel(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** As PyTorch prints a size: `[2, 3]`. */
export function show(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * The shape two shapes broadcast to, by PyTorch's rule (aligned at the last dimension, 1 stretches).
 * @throws Error naming `op` and both shapes where they do not broadcast.
 */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const da = i <= a.length ? (a[a.length - i] as number) : 1;
    const db = i <= b.length ? (b[b.length - i] as number) : 1;
    if (da !== db && da !== 1 && db !== 1)
      throw new Error(`${op}: shapes ${show(a)} and ${show(b)} do not broadcast (${da} against ${db})`);
    out[rank - i] = da === 1 ? db : da;
  }
  return out;
}

/** Element strides that read a dense tensor of `shape` as if it had the shape `out`: 0 where it is stretched. */
export function broadcastStrides(shape: Shape, out: Shape): number[] {
  const strides = new Array<number>(out.length).fill(0);
  let stride = 1;
  for (let i = 1; i <= shape.length; i++) {
    const d = shape[shape.length - i] as number;
    if (d !== 1) strides[out.length - i] = stride;
    stride *= d;
  }
  return strides;
}

/** A dimension counted from the end if negative. @throws RangeError outside the rank. */
export function normaliseDim(op: string, dim: number, rank: number): number {
  const d = dim < 0 ? dim + rank : dim;
  if (!Number.isInteger(dim) || d < 0 || d >= rank)
    throw new RangeError(`${op}: dimension ${dim} is out of range for a tensor of ${rank} dimensions`);
  return d;
}
