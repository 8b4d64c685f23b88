/** What holds of every law: values depend on nothing but key and index. */

import { describe, expect, it } from "vitest";
import { fill, keyOf, type Law, scaleNormal, standardNormal } from "../../src/stream";
import { fillWords } from "../../src/stream/philox";

const KEY = keyOf(0, "layers.0.weight");
const COUNT = 1001;
const LAWS: Law[] = [
  { law: "constant", value: 0.1 },
  { law: "uniform", low: -0.05, high: 0.25 },
  { law: "normal", mean: 1, std: 0.02 },
  { law: "truncated_normal", center: 0, sigma: 1, low: -2, high: 1 },
  { law: "sparse_normal", center: 0.5, sigma: 1, density: 0.3 },
];

/** Return the bits of values, which tell −0 from 0. */
function bitsOf(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer)];
}

describe.each(LAWS)("$law", (law) => {
  const whole = bitsOf(fill(KEY, law, COUNT));

  it.each([1, 2, 3, 4, 5, 64, 500, 999, 1000])("from offset %d goes on as the whole does", (offset) => {
    expect(bitsOf(fill(KEY, law, COUNT - offset, offset))).toEqual(whole.slice(offset));
    expect(bitsOf(fill(KEY, law, offset))).toEqual(whole.slice(0, offset));
  });

  it("goes on where the upper word of the counter begins", () => {
    const first = 2 ** 34;
    const across = bitsOf(fill(KEY, law, 20, first - 10));
    expect(across).toEqual([...bitsOf(fill(KEY, law, 10, first - 10)), ...bitsOf(fill(KEY, law, 10, first))]);
  });

  it("draws nothing where nothing is asked for", () => {
    expect(fill(KEY, law, 0, 7)).toEqual(new Float32Array(0));
  });
});

it.each(LAWS.slice(1))("draws $law otherwise for another seed and another name", (law) => {
  const values = bitsOf(fill(KEY, law, COUNT));
  expect(bitsOf(fill(keyOf(1, "layers.0.weight"), law, COUNT))).not.toEqual(values);
  expect(bitsOf(fill(keyOf(0, "layers.1.weight"), law, COUNT))).not.toEqual(values);
});

describe("one z for every scale", () => {
  const z = standardNormal(KEY, COUNT, 3);
  const before = bitsOf(z);

  it.each([
    [0, 1],
    [0, 0.02],
    [1, 0.5],
    [-0, 2 ** -64],
    [0.1, 2 ** 64],
    [2 ** -127, 0.7],
  ])("mean %d and std %d give the bits of the normal law", (mean, std) => {
    const scaled = scaleNormal(z, mean, std, new Float32Array(COUNT));
    expect(bitsOf(scaled)).toEqual(bitsOf(fill(KEY, { law: "normal", mean, std }, COUNT, 3)));
    expect(bitsOf(z)).toEqual(before);
  });
});

it("keeps a uniform law within its bounds, and doubles with them", () => {
  const values = fill(KEY, { law: "uniform", low: -0.3, high: 0.3 }, 100_000);
  const doubled = fill(KEY, { law: "uniform", low: -0.6, high: 0.6 }, 100_000);
  expect(values.every((value, i) => Math.abs(value) <= Math.fround(0.3) && 2 * value === doubled[i])).toBe(true);
});

it("has the moments of the standard normal law", () => {
  const values = standardNormal(KEY, 100_000);
  const mean = values.reduce((sum, z) => sum + z) / values.length;
  const variance = values.reduce((sum, z) => sum + z * z, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(100_000));
  expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 100_000));
});

it("keeps the sign of a constant zero, and rounds other constants once", () => {
  expect(bitsOf(fill(KEY, { law: "constant", value: -0 }, 2))).toEqual([0x80000000, 0x80000000]);
  expect(bitsOf(fill(KEY, { law: "constant", value: -(2 ** -130) }, 1))).toEqual([0]);
  expect(fill(KEY, { law: "constant", value: 0.1 }, 1)[0]).toBe(Math.fround(0.1));
});

it("keeps about as many elements of a sparse law as its density says", () => {
  const values = fill(KEY, { law: "sparse_normal", center: 0, sigma: 1, density: 0.3 }, 100_000);
  const kept = values.filter((value) => value !== 0).length;
  expect(Math.abs(kept - 30_000)).toBeLessThan(4 * Math.sqrt(100_000 * 0.3 * 0.7));
});

it("keeps an element of a sparse law where its second word is below the density, and drops it where it is equal", () => {
  const second = new Int32Array(1);
  fillWords(KEY, 5, 1, second);
  const word = second[0] >>> 0;
  const sparse = (density: number): Law => ({ law: "sparse_normal", center: 0, sigma: 1, density });
  expect(bitsOf(fill(KEY, sparse(word / 2 ** 32), 1, 5))).toEqual([0]);
  expect(fill(KEY, sparse((word + 1) / 2 ** 32), 1, 5)).toEqual(standardNormal(KEY, 1, 5));
});
