/**
 * Products of triangular matrices, as causal attention makes them: which part of each strip of rows is worth computing. The
 * rest is 0 or never looked at, so leaving it out changes no bit. A number of `triangle` beside 0, whose numbering is
 * TRIANGLES in core/backend/wasm/exports.ts:
 *
 * - COLUMNS: of C's row r only the columns up to r + offset are wanted.
 * - DEPTH: A's row r is 0 beyond its column r + offset.
 * - REACH: A's row r is 0 before its column r − offset.
 */
export const COLUMNS = 1;
export const DEPTH = 2;
export const REACH = 3;

// @ts-ignore: decorator
@inline
function clip(x: i32, high: i32): i32 {
  return max(0, min(x, high));
}

/** How many of the n columns from column j on are wanted of the rows before `end`. */
// @ts-ignore: decorator
@inline
export function wantedColumns(triangle: i32, end: i32, offset: i32, j: i32, n: i32): i32 {
  return triangle == COLUMNS ? clip(end + offset - j, n) : n;
}

/** Where, in a block of k that begins at p, the sum of the rows from `first` on begins. */
// @ts-ignore: decorator
@inline
export function depthFrom(triangle: i32, first: i32, offset: i32, p: i32, k: i32): i32 {
  return triangle == REACH ? clip(first - offset - p, k) : 0;
}

/** Where it ends, for the rows before `end`. */
// @ts-ignore: decorator
@inline
export function depthTo(triangle: i32, end: i32, offset: i32, p: i32, k: i32): i32 {
  return triangle == DEPTH ? clip(end + offset - p, k) : k;
}
