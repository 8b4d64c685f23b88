import { expect, it } from "vitest";
import { keyOf } from "../../src/stream";

it("takes a seed as a number or as a bigint", () => {
  expect(keyOf(42, "w")).toEqual(keyOf(42n, "w"));
  expect(keyOf(0, "layers.0.weight")).toEqual({ k0: 168265420, k1: 173724426 });
});

it.each([-1, 0.5, NaN, 2 ** 53, -1n, 2n ** 64n])("refuses the seed %s", (seed) => {
  expect(() => keyOf(seed, "w")).toThrow(
    `seed must be a whole number with 0 <= seed < 2**64, and a bigint from 2**53 upwards, got ${seed}`,
  );
});

it("refuses a name with half a surrogate pair", () => {
  expect(() => keyOf(0, "w\ud800")).toThrow('name "w\\ud800" cannot be written as UTF-8; rename the part');
});
