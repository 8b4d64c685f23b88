/** The nets of the page. */

import type { Shape } from "../net/types";

/** Return a net on the digits; what is not said is plain. */
export function shapeOf(some: Pick<Shape, "width" | "depth"> & Partial<Shape>): Shape {
  return { inputs: 64, outputs: 10, activation: "tanh", skips: false, norms: false, ...some };
}
