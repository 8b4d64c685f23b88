/** Training: what is told, and that starts differ as the page says. */

import { describe, expect, it } from "vitest";
import { DIGITS, FACTS } from "../../src/data/files";
import { DEEP_TANH, RACE_PLAN } from "../../src/net/defaults";
import { train } from "../../src/net/training";
import type { Run, Start } from "../../src/net/types";

const SMALL: Run = {
  shape: { inputs: 64, width: 16, depth: 1, outputs: 10, activation: "relu", skips: false, norms: false },
  start: { rule: "he_normal", sigma: 0, seed: 0 },
  rate: 0.1,
  batch: 100,
  epochs: 2,
};

it("is told before the first step, four times an epoch, and at its end", () => {
  const told = [...train(SMALL, DIGITS, FACTS)];
  expect(told.map(({ step }) => step)).toEqual([0, 4, 8, 12, 15, 19, 23, 27, 30]);
  expect(told.every(({ steps, diverged }) => steps === 30 && !diverged)).toBe(true);
  expect(told[0].loss).toBeGreaterThan(2);
  expect(told.at(-1)!.loss).toBeLessThan(1);
  expect(told.at(-1)!.accuracy).toBeGreaterThan(0.6);
});

it("ends where the loss is no number", () => {
  const told = [...train({ ...SMALL, start: { ...SMALL.start, rule: "sigma", sigma: 1e15 }, rate: 1e30 }, DIGITS, FACTS)];
  expect(told.at(-1)!.diverged).toBe(true);
  expect(told.at(-1)!.step).toBeLessThan(10);
  expect(told.slice(0, -1).every(({ diverged }) => !diverged)).toBe(true);
});

describe("the first screen", () => {
  const ending = (start: Partial<Start>) => {
    const shape = { ...SMALL.shape, ...DEEP_TANH, activation: "tanh" } as const;
    const run = { shape, start: { rule: "sigma", sigma: 0, seed: 0, ...start } as const, ...RACE_PLAN };
    return [...train(run, DIGITS, FACTS)].at(-1)!.accuracy;
  };

  it("learns from Xavier, and not from too small and too large a start", { timeout: 120_000 }, () => {
    expect(ending({ sigma: 0.02 })).toBeLessThan(0.2);
    expect(ending({ rule: "xavier_uniform" })).toBeGreaterThan(0.95);
    expect(ending({ sigma: 0.5 })).toBeLessThan(0.3);
  });
});

describe("bad input", () => {
  it.each<[Partial<Run>, string]>([
    [{ rate: 0 }, "rate must be a positive number, got 0"],
    [{ rate: NaN }, "rate must be a positive number, got NaN"],
    [{ batch: 0 }, "batch must be a whole number from 1 upwards, got 0"],
    [{ epochs: 1.5 }, "epochs must be a whole number from 1 upwards, got 1.5"],
  ])("is refused: %o", (part, message) => {
    expect(() => [...train({ ...SMALL, ...part }, DIGITS, FACTS)]).toThrow(message);
  });
});
