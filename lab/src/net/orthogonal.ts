/** Haar-distributed orthogonal matrices from random reflections, as `glorot.stream` draws them, to 1e-5. */

import { transpose } from "./transpose";

/**
 * Return gain-free Q, rows × columns, of standard normal numbers of that shape.
 *
 * Q = H_1 ⋯ H_k D of the columns of the lower trapezoid, with H_j = I − v_j v_jᵀ, v_j ∝ x_j + sign(x_j1)‖x_j‖e_1,
 * ‖v_j‖² = 2 and D_jj = −sign(x_j1); a wide matrix is the transpose of a tall one (Stewart 1980; Mezzadri 2007).
 */
export function haar(normals: Float32Array, rows: number, columns: number): Float32Array {
  if (rows < columns) return transposed(haar(transposed(normals, rows, columns), columns, rows), columns, rows);
  const q = new Float64Array(rows * columns);
  const v = new Float64Array(rows);
  const along = new Float64Array(columns);
  for (let j = columns - 1; j >= 0; j--) {
    q[j * columns + j] = -reflection(normals, rows, columns, j, v);
    reflect(q, v, rows, columns, j, along);
  }
  return Float32Array.from(q);
}

/** Write v_j, from its element j on, and return the sign of x_j1. */
function reflection(normals: Float32Array, rows: number, columns: number, j: number, v: Float64Array): number {
  let square = 0;
  for (let row = j; row < rows; row++) square += normals[row * columns + j] ** 2;
  const norm = Math.sqrt(square);
  const head = normals[j * columns + j];
  const scale = 1 / Math.sqrt((norm + Math.abs(head)) * norm);
  for (let row = j; row < rows; row++) v[row] = normals[row * columns + j] * scale;
  const sign = head < 0 ? -1 : 1;
  v[j] = sign * Math.sqrt(1 + Math.abs(head) / norm);
  return sign;
}

/** Apply H_j to the rows and columns from j on; those before are still the identity's. */
function reflect(
  q: Float64Array, v: Float64Array, rows: number, columns: number, j: number, along: Float64Array,
): void {
  along.fill(0, j);
  for (let row = j; row < rows; row++) {
    for (let column = j, at = row * columns + j; column < columns; column++, at++) along[column] += v[row] * q[at];
  }
  for (let row = j; row < rows; row++) {
    for (let column = j, at = row * columns + j; column < columns; column++, at++) q[at] -= v[row] * along[column];
  }
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return transpose(matrix, rows, columns, new Float32Array(matrix.length));
}
