/** The nets of the page. */

import type { Shape } from "../net/types";

/** What a net is built of besides its layers. */
export const BLOCKS = ["plain", "skips", "norms", "both"] as const;

export type Blocks = (typeof BLOCKS)[number];

/** Return the blocks as a shape has them. */
export function blocksOf(blocks: Blocks): Pick<Shape, "skips" | "norms"> {
  return { skips: blocks === "skips" || blocks === "both", norms: blocks === "norms" || blocks === "both" };
}

/** Return a net on the digits; what is not said is plain. */
export function shapeOf(some: Pick<Shape, "width" | "depth"> & Partial<Shape>): Shape {
  return { inputs: 64, outputs: 10, activation: "tanh", skips: false, norms: false, ...some };
}
