/** The files that Python writes. */

import { readFileSync } from "node:fs";
import type { Facts } from "../../src/data/facts";
import { type DigitsFile, readDigits } from "../../src/data/digits";

/** Return the contents of a JSON file, whose path is counted from `lab/`. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf-8")) as T;
}

export const FACTS = readJson<Facts>("data/facts.json");
export const DIGITS = readDigits(readJson<DigitsFile>("data/digits.json"));
