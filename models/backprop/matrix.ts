/**
 * Matrices of plain numbers, and the few operations that the lecture's formulas are made of, so that each gradient is one
 * line. No gradients here, and no backend: the tensor library (core/tensor) is what these are compared with.
 *
 * Elements are f32. Sums are made in double precision and rounded once.
 */

export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  /** Row-major. */
  readonly data: Float32Array;
}

/** A matrix of zeros, or of the numbers given. @throws RangeError where they do not fill it */
export function matrix(rows: number, cols: number, data: Float32Array = new Float32Array(rows * cols)): Matrix {
  if (data.length !== rows * cols) throw new RangeError(`${data.length} numbers do not fill [${rows}, ${cols}]`);
  return { rows, cols, data };
}

/** The same numbers in another shape, as torch's view. */
export const view = (a: Matrix, rows: number, cols: number): Matrix => matrix(rows, cols, a.data);

/** A copy: what `+=` may be done to. */
export const clone = (a: Matrix): Matrix => matrix(a.rows, a.cols, a.data.slice());

/** f of every element. */
export function map(a: Matrix, f: (value: number) => number): Matrix {
  const out = new Float32Array(a.data.length);
  for (let i = 0; i < out.length; i++) out[i] = f(a.data[i]);
  return matrix(a.rows, a.cols, out);
}

/** A number times a matrix. */
export function scale(factor: number, a: Matrix): Matrix {
  const out = new Float32Array(a.data.length);
  for (let i = 0; i < out.length; i++) out[i] = factor * a.data[i];
  return matrix(a.rows, a.cols, out);
}

/** a + b; of either, a single row or column is stretched. */
export function add(a: Matrix, b: Matrix): Matrix {
  const { rows, cols, aRow, aCol, bRow, bCol } = stretched(a, b);
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) out[r * cols + c] = a.data[r * aRow + c * aCol] + b.data[r * bRow + c * bCol];
  return matrix(rows, cols, out);
}

/** a − b; of either, a single row or column is stretched. */
export function sub(a: Matrix, b: Matrix): Matrix {
  const { rows, cols, aRow, aCol, bRow, bCol } = stretched(a, b);
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) out[r * cols + c] = a.data[r * aRow + c * aCol] - b.data[r * bRow + c * bCol];
  return matrix(rows, cols, out);
}

/** a · b, element by element; of either, a single row or column is stretched. */
export function mul(a: Matrix, b: Matrix): Matrix {
  const { rows, cols, aRow, aCol, bRow, bCol } = stretched(a, b);
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) out[r * cols + c] = a.data[r * aRow + c * aCol] * b.data[r * bRow + c * bCol];
  return matrix(rows, cols, out);
}

/** a += b, for the second way in which something is used. A single row or column of b is stretched. */
export function addTo(a: Matrix, b: Matrix): void {
  const { rows, cols, bRow, bCol } = stretched(a, b);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) a.data[r * cols + c] += b.data[r * bRow + c * bCol];
}

/** The sum over the rows, as torch's sum(0, keepdim): [1, cols]. */
export function sumRows(a: Matrix): Matrix {
  const sums = new Float64Array(a.cols);
  for (let r = 0; r < a.rows; r++) for (let c = 0; c < a.cols; c++) sums[c] += a.data[r * a.cols + c];
  return matrix(1, a.cols, Float32Array.from(sums));
}

/** The sum over the columns, as torch's sum(1, keepdim): [rows, 1]. */
export function sumCols(a: Matrix): Matrix {
  const out = matrix(a.rows, 1);
  for (let r = 0; r < a.rows; r++) {
    let sum = 0;
    for (let c = 0; c < a.cols; c++) sum += a.data[r * a.cols + c];
    out.data[r] = sum;
  }
  return out;
}

/** In which column each row has its largest element: of equal ones the first. */
export function argmaxCols(a: Matrix): number[] {
  return Array.from({ length: a.rows }, (_, r) => {
    let best = 0;
    for (let c = 1; c < a.cols; c++) if (a.data[r * a.cols + c] > a.data[r * a.cols + best]) best = c;
    return best;
  });
}

/** One element of each row, that of the column given for it: [rows, 1]. */
export function pick(a: Matrix, columns: ArrayLike<number>): Matrix {
  const out = matrix(a.rows, 1);
  for (let r = 0; r < a.rows; r++) out.data[r] = a.data[r * a.cols + columns[r]];
  return out;
}

/** In each row 1 at the column given for it and 0 elsewhere, as torch's one_hot. */
export function oneHot(columns: ArrayLike<number>, cols: number): Matrix {
  const out = matrix(columns.length, cols);
  for (let r = 0; r < columns.length; r++) out.data[r * cols + columns[r]] = 1;
  return out;
}

/** aᵀ. */
export function transpose(a: Matrix): Matrix {
  const out = matrix(a.cols, a.rows);
  for (let r = 0; r < a.rows; r++) for (let c = 0; c < a.cols; c++) out.data[c * a.rows + r] = a.data[r * a.cols + c];
  return out;
}

/** The matrix product a @ b. @throws RangeError where a's columns are not as many as b's rows */
export function matmul(a: Matrix, b: Matrix): Matrix {
  if (a.cols !== b.rows) throw new RangeError(`[${a.rows}, ${a.cols}] @ [${b.rows}, ${b.cols}] do not fit`);
  const [inner, cols] = [a.cols, b.cols];
  const out = matrix(a.rows, cols);
  const sums = new Float64Array(cols);
  for (let r = 0; r < a.rows; r++) {
    sums.fill(0);
    let k = 0;
    // Four rows of b at a time: the sums are read and written a quarter as often.
    for (; k + 4 <= inner; k += 4) {
      const at = r * inner + k;
      const [a0, a1, a2, a3] = [a.data[at], a.data[at + 1], a.data[at + 2], a.data[at + 3]];
      const [b0, b1, b2, b3] = [k * cols, (k + 1) * cols, (k + 2) * cols, (k + 3) * cols];
      for (let c = 0; c < cols; c++)
        sums[c] += a0 * b.data[b0 + c] + a1 * b.data[b1 + c] + a2 * b.data[b2 + c] + a3 * b.data[b3 + c];
    }
    for (; k < inner; k++) for (let c = 0; c < cols; c++) sums[c] += a.data[r * inner + k] * b.data[k * cols + c];
    out.data.set(sums, r * cols);
  }
  return out;
}

/** The shape of an operation on a and b, and by how much to move in each for the next row and column of it. */
function stretched(a: Matrix, b: Matrix) {
  const [rows, cols] = [Math.max(a.rows, b.rows), Math.max(a.cols, b.cols)];
  const fits = (m: Matrix) => (m.rows === rows || m.rows === 1) && (m.cols === cols || m.cols === 1);
  if (!fits(a) || !fits(b)) throw new RangeError(`[${a.rows}, ${a.cols}] and [${b.rows}, ${b.cols}] do not fit`);
  return {
    rows,
    cols,
    aRow: a.rows === 1 ? 0 : a.cols,
    aCol: a.cols === 1 ? 0 : 1,
    bRow: b.rows === 1 ? 0 : b.cols,
    bCol: b.cols === 1 ? 0 : 1,
  };
}
