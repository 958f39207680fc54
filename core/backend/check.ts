/** The checks that both backends make before a kernel runs: a wrong length must throw, not read a neighbour's memory. */
import type { AttentionOptions, Buf, GatherSizes, MatmulOptions } from './backend.ts';

/** Throws a RangeError unless `buf` has exactly `length` elements. */
export function expectLength(kernel: string, name: string, buf: Buf, length: number): void {
  if (buf.length !== length) throw new RangeError(`${kernel}: ${name} has ${buf.length} elements, not ${length}`);
}

/** How many rows of `cols` the buffer holds. Throws a RangeError unless it is a whole number. */
export function rowsOf(kernel: string, name: string, buf: Buf, cols: number): number {
  if (cols === 0 && buf.length === 0) return 0;
  const rows = buf.length / cols;
  if (!Number.isInteger(rows))
    throw new RangeError(`${kernel}: ${name} has ${buf.length} elements, which are not rows of ${cols}`);
  return rows;
}

/** Throws a RangeError unless the three buffers have the lengths that the options say. */
export function expectMatmul(c: Buf, a: Buf, b: Buf, options: MatmulOptions): void {
  const { m, n, k } = options;
  expectLength('matmul', 'c', c, m * n);
  expectLength('matmul', 'a', a, m * k);
  expectLength('matmul', 'b', b, k * n);
}

/** Throws a RangeError unless the buffers of a layer norm or of its backward fit; gives the rows. */
export function expectLayerNorm(
  kernel: string,
  x: Buf,
  cols: number,
  perRow: { readonly [name: string]: Buf },
  perColumn: { readonly [name: string]: Buf | null },
  likeX: { readonly [name: string]: Buf | null },
): number {
  const rows = rowsOf(kernel, 'x', x, cols);
  for (const name in perRow) expectLength(kernel, name, perRow[name], rows);
  for (const name in perColumn) expectOptional(kernel, name, perColumn[name], cols);
  for (const name in likeX) expectOptional(kernel, name, likeX[name], x.length);
  return rows;
}

function expectOptional(kernel: string, name: string, buf: Buf | null, length: number): void {
  if (buf !== null) expectLength(kernel, name, buf, length);
}

/** Throws a RangeError unless the buffers of attention or of its backward have the lengths that the options say. */
export function expectAttention(
  kernel: string,
  options: AttentionOptions,
  likeQ: { readonly [name: string]: Buf | null },
  likeK: { readonly [name: string]: Buf | null },
  lse: Buf,
): void {
  const { batch, rows, cols, dim, scale } = options;
  for (const name in likeQ) expectOptional(kernel, name, likeQ[name], batch * rows * dim);
  for (const name in likeK) expectOptional(kernel, name, likeK[name], batch * cols * dim);
  expectLength(kernel, 'lse', lse, batch * rows);
  if (!(cols > 0 && scale > 0))
    throw new RangeError(`${kernel}: needs columns and a positive scale, not ${cols}, ${scale}`);
}

/** The least word that is kept. Throws a RangeError unless 0 ≤ p < 1 and the lengths agree. */
export function dropoutThreshold(y: Buf, x: Buf, p: number): number {
  expectLength('dropout', 'x', x, y.length);
  if (!(p >= 0 && p < 1)) throw new RangeError(`dropout: p must be at least 0 and below 1, not ${p}`);
  return Math.min(2 ** 32 - 1, Math.round(p * 2 ** 32));
}

/** Throws a RangeError unless the buffers of a gather or of its gradient have the lengths that the sizes say. */
export function expectGather(kernel: string, x: Buf, selected: Buf, index: Buf, sizes: GatherSizes): void {
  const { outer, n, m, inner } = sizes;
  expectLength(kernel, 'x', x, outer * n * inner);
  expectLength(kernel, 'the selection', selected, outer * m * inner);
  expectLength(kernel, 'index', index, selected.length);
}

/** How many rows of `cols` x holds. Throws a RangeError unless they have k elements each and `indices` holds as many. */
export function expectTopk(indices: Buf, x: Buf, cols: number, k: number): number {
  const rows = rowsOf('topk', 'x', x, cols);
  if (!(k >= 0 && k <= cols)) throw new RangeError(`topk: k = ${k} is not from 0 to ${cols}`);
  expectLength('topk', 'indices', indices, rows * k);
  return rows;
}

/** How many rows of `cols` x holds. Throws a RangeError unless y holds an element for each. */
export function expectAmax(kernel: string, y: Buf, x: Buf, cols: number): number {
  const rows = rowsOf(kernel, 'x', x, cols);
  if (cols === 0) throw new RangeError(`${kernel}: a row of no elements has no maximum`);
  expectLength(kernel, 'y', y, rows);
  return rows;
}

/** How many rows there are, and how many draws of each. Throws a RangeError unless the lengths fit. */
export function expectMultinomial(indices: Buf, probabilities: Buf, classes: number): [rows: number, samples: number] {
  const rows = rowsOf('multinomial', 'probabilities', probabilities, classes);
  return [rows, rows === 0 ? 0 : rowsOf('multinomial', 'indices', indices, rows)];
}

/** Throws a RangeError unless strides over `shape` stay within the buffer. */
export function expectStrides(
  kernel: string,
  name: string,
  buf: Buf,
  shape: readonly number[],
  strides: readonly number[],
): void {
  if (strides.length !== shape.length)
    throw new RangeError(`${kernel}: strides must be as many as the dimensions of [${shape}]`);
  if (shape.includes(0)) return;
  const last = shape.reduce((at, n, d) => at + (n - 1) * strides[d], 0);
  if (!(last < buf.length))
    throw new RangeError(`${kernel}: the strides over [${shape}] leave ${name}, which has ${buf.length} elements`);
}

/** What both backends throw for a token id that has no row. */
export function badId(kernel: string, id: number, position: number, rows: number): RangeError {
  return new RangeError(`${kernel}: id ${id} at position ${position} is not in [0, ${rows})`);
}

/** What both backends throw for a target that has no class. */
export function badTarget(kernel: string, target: number, row: number, classes: number): RangeError {
  return new RangeError(
    `${kernel}: target ${target} of row ${row} is not in [0, ${classes}), nor the one that is ignored`,
  );
}

/** What both backends throw for a row of numbers that are no probabilities. */
export function badProbabilities(row: number): RangeError {
  return new RangeError(
    `multinomial: row ${row} has a negative or NaN element, or its sum is not positive and finite: these are no probabilities`,
  );
}
