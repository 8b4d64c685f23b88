/** The files that Python writes, as the page holds them. */

import digitsFile from "../../data/digits.json";
import factsFile from "../../data/facts.json";
import { readDigits } from "./digits";
import type { Facts } from "./facts";

export const FACTS = factsFile as unknown as Facts;
export const DIGITS = readDigits(digitsFile);
