import { expect, it } from "vitest";
import { halfNormalQuantile, magnitudeOf, probabilityOf, tailOf } from "../../src/stream/quantile";

function bitsAt(magnitude: number): number {
  const z = Float32Array.of(halfNormalQuantile(probabilityOf(magnitude), tailOf(magnitude)));
  return new Uint32Array(z.buffer)[0];
}

it.each([0, 1, 12345, 0x7fffffff])("gives %d and its mirror image one magnitude", (word) => {
  expect(magnitudeOf(~word)).toBe(magnitudeOf(word));
});

it("uses the polynomial of the tail from the split on", () => {
  expect(bitsAt(2143038630)).toBe(0x40451f0f); // the one magnitude that lies on it; that of the centre ends in 02
});

it.each([
  [0, 2.918099372916623e-10],
  [0x40000000, 0.6744897505624251],
  [0x7fffffff, 6.3379577545537895],
])("keeps within the published error at the magnitude %d", (magnitude, z) => {
  const error = halfNormalQuantile(probabilityOf(magnitude), tailOf(magnitude)) - z;
  expect(Math.abs(error)).toBeLessThanOrEqual(2e-6 * Math.max(1, z));
});
