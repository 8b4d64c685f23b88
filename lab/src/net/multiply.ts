/** The one product that all passes are made of: rows by rows, both read in the order they lie in. */

import { makeMultiply, type Multiply } from "./simd";

/** Write out = a·bᵀ, where a is m × k, b is n × k and out m × n. */
export const multiply: Multiply = makeMultiply() ?? multiplyPlainly;

/** Write a·bᵀ in plain numbers; sums are taken in binary64. */
export function multiplyPlainly(
  a: Float32Array, b: Float32Array, out: Float32Array, m: number, n: number, k: number,
): void {
  const wholeRows = m - (m % 4);
  const wholeColumns = n - (n % 4);
  for (let i = 0; i < wholeRows; i += 4) {
    for (let j = 0; j < wholeColumns; j += 4) multiplyTile(a, b, out, i, j, n, k);
  }
  for (let i = 0; i < m; i++) {
    for (let j = i < wholeRows ? wholeColumns : 0; j < n; j++) out[i * n + j] = dot(a, i * k, b, j * k, k);
  }
}

/** Write the 4 × 4 values of out from row i and column j on: 16 sums for 8 reads. */
function multiplyTile(
  a: Float32Array, b: Float32Array, out: Float32Array, i: number, j: number, n: number, k: number,
): void {
  const a0 = i * k, a1 = a0 + k, a2 = a1 + k, a3 = a2 + k;
  const b0 = j * k, b1 = b0 + k, b2 = b1 + k, b3 = b2 + k;
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  for (let p = 0; p < k; p++) {
    const x0 = a[a0 + p], x1 = a[a1 + p], x2 = a[a2 + p], x3 = a[a3 + p];
    const y0 = b[b0 + p], y1 = b[b1 + p], y2 = b[b2 + p], y3 = b[b3 + p];
    s00 += x0 * y0; s01 += x0 * y1; s02 += x0 * y2; s03 += x0 * y3;
    s10 += x1 * y0; s11 += x1 * y1; s12 += x1 * y2; s13 += x1 * y3;
    s20 += x2 * y0; s21 += x2 * y1; s22 += x2 * y2; s23 += x2 * y3;
    s30 += x3 * y0; s31 += x3 * y1; s32 += x3 * y2; s33 += x3 * y3;
  }
  const c0 = i * n + j, c1 = c0 + n, c2 = c1 + n, c3 = c2 + n;
  out[c0] = s00; out[c0 + 1] = s01; out[c0 + 2] = s02; out[c0 + 3] = s03;
  out[c1] = s10; out[c1 + 1] = s11; out[c1 + 2] = s12; out[c1 + 3] = s13;
  out[c2] = s20; out[c2 + 1] = s21; out[c2 + 2] = s22; out[c2 + 3] = s23;
  out[c3] = s30; out[c3 + 1] = s31; out[c3 + 2] = s32; out[c3 + 3] = s33;
}

function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, k: number): number {
  let sum = 0;
  for (let p = 0; p < k; p++) sum += a[aStart + p] * b[bStart + p];
  return sum;
}
