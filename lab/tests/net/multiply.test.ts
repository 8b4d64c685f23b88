/** The product, in plain numbers and in vectors. */

import { describe, expect, it, vi } from "vitest";
import { multiplyPlainly } from "../../src/net/multiply";
import { makeMultiply } from "../../src/net/simd";
import { keyOf, standardNormal } from "../../src/stream";

const multiplyVectors = makeMultiply()!;

/** Return out = a·bᵀ by its definition, in binary64. */
function expected(a: Float32Array, b: Float32Array, m: number, n: number, k: number): number[] {
  return Array.from({ length: m * n }, (_, at) => {
    const [row, column] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[row * k + p] * b[column * k + p];
    return sum;
  });
}

const SIZES = [
  [1, 1, 1], [2, 4, 4], [3, 5, 7], [64, 10, 128], [17, 128, 64], [360, 12, 33], [5, 6, 256], [128, 64, 1],
];

describe.each([["plain", multiplyPlainly], ["vectors", multiplyVectors]] as const)("%s", (_, multiply) => {
  it.each(SIZES)("multiplies %i × %i by way of %i", (m, n, k) => {
    const a = standardNormal(keyOf(0, "a"), m * k);
    const b = standardNormal(keyOf(0, "b"), n * k);
    const out = new Float32Array(m * n).fill(NaN);
    multiply(a, b, out, m, n, k);
    const errors = expected(a, b, m, n, k).map((sum, at) => Math.abs(sum - out[at]));
    expect(Math.max(...errors)).toBeLessThan(2e-6 * Math.sqrt(k) + 1e-6);
  });

  it("keeps apart what is no number", () => {
    const out = new Float32Array(3);
    multiply(Float32Array.of(1, NaN, Infinity), Float32Array.of(2), out, 3, 1, 1);
    expect([...out]).toEqual([2, NaN, Infinity]);
  });

  it("is after a large product still right for a small one", () => {
    const large = new Float32Array(300 * 300).fill(1);
    multiply(large, large, new Float32Array(300 * 300), 300, 300, 300);
    const out = new Float32Array(1);
    multiply(Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6), out, 1, 1, 3);
    expect(out[0]).toBe(32);
  });
});

it("is left out where a site forbids WebAssembly", () => {
  const forbidden = vi.spyOn(WebAssembly, "Module").mockImplementation(function () {
    throw new WebAssembly.CompileError("refused");
  });
  expect(makeMultiply()).toBeNull();
  expect(forbidden).toHaveBeenCalledOnce();
  forbidden.mockRestore();
});
