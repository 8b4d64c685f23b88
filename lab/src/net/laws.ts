/** From a start to the law of each weight matrix: looked up in what Python has planned. */

import type { Facts, Source, WeightLaw } from "../data/facts";
import type { Shape, Start } from "./types";

/** Return the law of the weights of layer `number`, counted from 0; the last one has the number `depth`. */
export function lawOf(shape: Shape, start: Start, number: number, facts: Facts): WeightLaw {
  const { rule, sigma } = start;
  if (rule === "zero") return { law: "constant", value: 0 };
  if (rule === "equal") return { law: "constant", value: sigma };
  if (rule === "sigma") return { law: "normal", mean: 0, std: sigma };
  const bySource = facts.rules[rule];
  if (bySource === undefined) {
    const known = ["zero", "equal", "sigma", ...Object.keys(facts.rules)].join(", ");
    throw new RangeError(`rule must be one of ${known}, got ${JSON.stringify(rule)}`);
  }
  const places = bySource.any ?? bySource[sourceOf(shape, number)]!;
  const place = number === 0 ? 0 : number === shape.depth ? 2 : 1;
  const law = facts.laws[places[widthIndex(shape, facts)][place]];
  return rule === "auto" && shape.skips && place === 1 ? shared(law, facts.branch_shares[shape.depth - 1]) : law;
}

/** Return the law of a kernel that ends one of several branches; `auto` draws uniform numbers. */
function shared(law: WeightLaw, share: number): WeightLaw {
  if (law.law !== "uniform") throw new TypeError(`auto is planned with uniform laws, got ${law.law}`);
  return { ...law, low: law.low * share, high: law.high * share };
}

/** Return what feeds a layer after the first; the first one is fed with data. */
export function sourceOf(shape: Shape, number: number): Source {
  if (shape.norms) return "norm";
  return shape.skips && number > 1 ? "sum" : shape.activation;
}

function widthIndex(shape: Shape, facts: Facts): number {
  const index = facts.widths.indexOf(shape.width);
  if (index < 0 || shape.inputs !== facts.inputs || shape.outputs !== facts.outputs) {
    throw new RangeError(
      `laws are planned for ${facts.inputs} inputs, ${facts.outputs} outputs and a width of ` +
        `${facts.widths.join(", ")}, got ${shape.inputs} inputs, ${shape.outputs} outputs and a width of ${shape.width}`,
    );
  }
  return index;
}
