/** What the page says, against what it measures. */

import { describe, expect, test } from "vitest";
import { MEASUREMENTS } from "../../src/chapters/cards";
import { LEARNED, runOf, spreads } from "../../src/chapters/throws";
import { DIGITS, FACTS } from "../../src/data/files";
import { train } from "../../src/net/training";
import type { Lab } from "../../src/page/chapter";
import { math } from "../../src/page/math";
import { brief, fillIn, percent, written } from "../../src/page/numbers";
import { State } from "../../src/page/state";
import { CARDS, type CardName, CHAPTERS, type ChapterText } from "../../src/text";

const lab: Lab = { state: new State([]), facts: FACTS, digits: DIGITS };
const chapters = Object.entries(CHAPTERS) as [string, ChapterText][];

describe("questions", () => {
  const asked = chapters.filter(([name]) => name !== "cards" && name !== "bench");

  test.each(asked)("%s ends with one, and an answer of at most forty words", (_, { question }) => {
    const words = question!.answer.replace(/<[^>]*>/g, "").split(/\s+/);
    expect(words.length).toBeLessThanOrEqual(40);
    expect(question!.options[question!.right]).toBeTypeOf("string");
  });
});

describe("cards", () => {
  const found = (name: CardName): string => fillIn(CARDS[name].found, MEASUREMENTS[name](lab));

  test.each(Object.keys(CARDS) as CardName[])("%s leaves no gap", (name) => {
    expect(found(name)).not.toMatch(/[{}]|undefined|NaN/);
  });

  test("300 inputs are summed, not 100", () => {
    const { right, wrong } = MEASUREMENTS.axes(lab);
    expect(Number(right)).toBeCloseTo(1.5, 1);
    expect(Number(wrong)).toBeCloseTo(0.5, 1);
  });

  test("small weights saturate nothing", () => expect(MEASUREMENTS.small(lab).saturated).toBe("0\u00a0%"));
  test("two seeds share no weight", () => expect(MEASUREMENTS.random(lab).same).toBe(0));

  test("at zero the gradient is 0, at a constant it is not", () => {
    const { zero, equal } = MEASUREMENTS.constant(lab);
    expect(zero).toBe("0");
    expect(equal).not.toBe("0");
  });

  test("the largest weight lies just below the paper's bound", () => {
    const { largest, bound } = MEASUREMENTS.year(lab);
    expect(Number(largest)).toBeLessThanOrEqual(Number(bound));
    expect(Number(largest)).toBeGreaterThan(0.99 * Number(bound));
  });

  test("Caffe's filler keeps the signal and loses the gradient", () => {
    const { ahead, back } = MEASUREMENTS.caffe(lab);
    expect(Number(ahead)).toBeCloseTo(1, 1);
    expect(Number(back)).toBeCloseTo(1 / 3, 1);
  });
});

test("fewer than a third of fifty blind spreads train", () => {
  const learned = spreads(0).filter((sigma) => [...train(runOf(sigma), DIGITS, FACTS)].at(-1)!.accuracy >= LEARNED);
  expect(learned.length).toBeGreaterThan(3);
  expect(learned.length).toBeLessThan(50 / 3);
}, 60_000);

test("numbers are short", () => {
  expect([0.63, 57.66, 0, -0.001, 2.3e-10, 12_345, 1 / 3].map((each) => written(each))).toEqual([
    "0.63", "58", "0", "−0.001", "2.3×10⁻¹⁰", "1.2×10⁴", "0.33",
  ]);
  expect([written(Infinity), written(-Infinity), written(NaN)]).toEqual(["∞", "−∞", "not a number"]);
  expect([0.63, 57.66, 0, 2.3e-10, 1e6].map(brief)).toEqual([".63", "58", "0", "2.3e−10", "1e6"]);
  expect(percent(0.967)).toBe("97\u00a0%");
});

test("formulas are MathML", () => {
  expect(math("n_in · Var(w) = 1")).toBe(
    '<math display="inline"><mrow><msub><mi>n</mi><mi>in</mi></msub><mo>·</mo><mi>Var</mi><mo stretchy="false">(</mo>' +
      '<mi>w</mi><mo stretchy="false">)</mo><mo>=</mo><mn>1</mn></mrow></math>',
  );
  expect(math("√{6/{n + m}}")).toContain("<msqrt><mrow><mfrac><mn>6</mn><mrow><mi>n</mi>");
});
