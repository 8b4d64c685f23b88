/** The chapters, in the order of the story. */

import type { Chapter } from "../page/chapter";
import { band } from "./band";
import { bench } from "./bench";
import { cards } from "./cards";
import { code } from "./code";
import { darts } from "./darts";
import { depth } from "./depth";
import { first } from "./first";
import { forms } from "./forms";
import { neuron } from "./neuron";
import { rule } from "./rule";
import { today } from "./today";
import { unsuited } from "./unsuited";
import { zero } from "./zero";

export const chapters: readonly Chapter[] = [
  first, darts, zero, neuron, depth, rule, forms, band, unsuited, today, code, cards, bench,
];

export { bench };
