import { expect, it } from "vitest";
import { probabilityWindow } from "../../src/stream/window";

const f32 = Math.fround;

it("is the whole probability where nothing is cut", () => {
  expect(probabilityWindow(-100, 100)).toEqual({ middle: 0, half: 1, upper: 0, lower: 0 });
});

it("is exact where a cut is at the center", () => {
  expect(probabilityWindow(0, 100)).toEqual({ middle: 0.5, half: 0.5, upper: 0, lower: 1 });
});

it.each([
  [1, 0.6826894921370859, 0.31731050786291410],
  [2, 0.9544997361036416, 0.04550026389635841],
  [6, 0.9999999980268247, 1.9731752900753963e-9],
  [12, 1, 3.552964224155271e-33],
])("knows erf and its complement at %d sigma", (cut, mass, tail) => {
  expect(probabilityWindow(-cut, cut)).toEqual({ middle: 0, half: f32(mass), upper: f32(tail), lower: f32(tail) });
});

it("is mirrored with its cuts", () => {
  const { middle, half, upper, lower } = probabilityWindow(-0.7, 3.1);
  expect(probabilityWindow(-3.1, 0.7)).toEqual({ middle: -middle, half, upper: lower, lower: upper });
});
