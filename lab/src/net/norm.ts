/** Layer norm without parameters, example by example. */

const EPSILON = 1e-5;

/** Write (x − mean)/√(var + 1e-5) of each row of x, and 1/√(var + 1e-5) into scales. */
export function normalize(x: Float32Array, width: number, out: Float32Array, scales: Float32Array): void {
  for (let row = 0, start = 0; start < x.length; row++, start += width) {
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += x[i];
    const mean = sum / width;
    let square = 0;
    for (let i = start; i < start + width; i++) square += (x[i] - mean) ** 2;
    const scale = 1 / Math.sqrt(square / width + EPSILON);
    scales[row] = scale;
    for (let i = start; i < start + width; i++) out[i] = (x[i] - mean) * scale;
  }
}

/** Turn ∂L/∂x̂ into ∂L/∂x, in place: (g − mean g − x̂·mean(g·x̂))·scale, given x̂ and the scales. */
export function denormalize(gradient: Float32Array, normalized: Float32Array, width: number, scales: Float32Array): void {
  for (let row = 0, start = 0; start < gradient.length; row++, start += width) {
    let sum = 0;
    let along = 0;
    for (let i = start; i < start + width; i++) {
      sum += gradient[i];
      along += gradient[i] * normalized[i];
    }
    const mean = sum / width;
    const slope = along / width;
    for (let i = start; i < start + width; i++) {
      gradient[i] = (gradient[i] - mean - normalized[i] * slope) * scales[row];
    }
  }
}
