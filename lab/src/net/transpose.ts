/** Rows become columns. */

/** Write the transpose of a rows × columns matrix. */
export function transpose(matrix: Float32Array, rows: number, columns: number, out: Float32Array): Float32Array {
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) out[column * rows + row] = matrix[at];
  }
  return out;
}
