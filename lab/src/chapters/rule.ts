/** The rule: two wishes, one weight, and the proof that lights the part it speaks of. */

import { type Chapter, figure, type Lab, liveLine } from "../page/chapter";
import { button, listScale, panel, slider } from "../page/controls";
import { h, html } from "../page/dom";
import { math } from "../page/math";
import { fillIn, written } from "../page/numbers";
import { numberSetting } from "../page/state";
import { CONTROLS, RULE } from "../text";

const SIZES = [10, 20, 30, 50, 64, 100, 128, 200, 300, 500, 784, 1000];
const SHOWN = 7;
const DEPTH = 10;

const fanIn = numberSetting("fan_in", 300, 10, 1000, true);
const fanOut = numberSetting("fan_out", 100, 10, 1000, true);

export const rule: Chapter = {
  name: "rule",
  settings: [fanIn, fanOut],
  build({ state }: Lab): HTMLElement {
    const drawing = h("div", { class: "wires" });
    const table = h("table");
    const line = liveLine();
    state.watch([fanIn, fanOut], () => {
      const [n, m] = [state.get(fanIn), state.get(fanOut)];
      drawing.replaceChildren(html(wires(n, m)));
      table.replaceChildren(html(rows(n, m)));
      const gaps = { n, m, ahead: written((2 * n) / (n + m), 3), back: written((2 * m) / (n + m), 3) };
      const power = written(((2 * n) / (n + m)) ** DEPTH, 3);
      line.say(fillIn(RULE.line, { ...gaps, power }));
    });
    const size = (value: number): string => `${value} units`;
    return figure(
      proof(drawing),
      panel(
        slider(state, fanIn, CONTROLS.fanIn, listScale(SIZES), size),
        slider(state, fanOut, CONTROLS.fanOut, listScale(SIZES), size),
      ),
      drawing,
      h("div", { class: "scroll" }, table),
      line.element,
    );
  },
};

/** Return the steps of the proof, each a button that lights its part of the drawing. */
function proof(drawing: HTMLElement): HTMLElement {
  const items = RULE.proof.map(({ lights, formula, why }) => {
    const step = button("", () => light(lights));
    step.append(html(math(formula)));
    step.setAttribute("aria-label", spoken(formula));
    step.setAttribute("aria-pressed", "false");
    const item = h("li", { "data-lights": lights }, step, h("span"));
    item.lastElementChild?.append(html(why));
    return item;
  });
  const light = (part: string): void => {
    drawing.dataset.lit = part;
    for (const item of items) {
      item.querySelector("button")?.setAttribute("aria-pressed", String(item.dataset.lights === part));
    }
  };
  return h("ol", { class: "proof" }, ...items);
}

/** Return a formula as it is read aloud. */
function spoken(formula: string): string {
  return formula.replaceAll("_", " ").replaceAll("{", "(").replaceAll("}", ")").replaceAll("·", "times");
}

/** Return the layer as SVG: all inputs of one output unit, and all outputs of one input unit. */
function wires(n: number, m: number): string {
  const place = (index: number, count: number): number => 20 + ((index + 0.5) * 160) / count;
  const left = dotsOf(n);
  const right = dotsOf(m);
  const one = { in: Math.floor(left / 2), out: Math.floor(right / 2) };
  const wire = (from: number, to: number, name: string): string =>
    `<line class="${name}" x1="90" x2="310" y1="${place(from, left)}" y2="${place(to, right)}"/>`;
  let drawn = "";
  for (let from = 0; from < left; from++) if (from !== one.in) drawn += wire(from, one.out, "ahead");
  for (let to = 0; to < right; to++) if (to !== one.out) drawn += wire(one.in, to, "back");
  drawn += wire(one.in, one.out, "weight");
  for (let from = 0; from < left; from++) drawn += `<circle class="input" cx="90" cy="${place(from, left)}" r="6"/>`;
  for (let to = 0; to < right; to++) drawn += `<circle class="output" cx="310" cy="${place(to, right)}" r="6"/>`;
  for (const [x, size, dots] of [[90, n, left], [310, m, right]] as const) {
    if (size > dots) drawn += `<text x="${x}" y="198" text-anchor="middle">⋮</text>`;
  }
  const label = fillIn(RULE.drawing, { n, m });
  return (
    `<svg viewBox="-20 0 440 206" role="img" aria-label="${label}">${drawn}` +
    `<text x="72" y="105" text-anchor="end">fan_in ${n}</text><text x="328" y="105">fan_out ${m}</text></svg>`
  );
}

function dotsOf(size: number): number {
  return Math.min(SHOWN, Math.max(2, Math.round(Math.log2(size)) - 2));
}

/** Return what three variances of a weight do to the signal ahead and to the gradient back. */
function rows(n: number, m: number): string {
  const variances = [1 / n, 1 / m, 2 / (n + m)];
  const cells = variances.map((variance, index) => {
    const [ahead, back] = [n * variance, m * variance];
    return `<tr><th scope="row">${RULE.rows[index]}</th>${bar(ahead, "mark")}${bar(back, "c12")}</tr>`;
  });
  const heads = RULE.heads.map((head) => `<th scope="col">${head}</th>`).join("");
  return `<thead><tr>${heads}</tr></thead><tbody>${cells.join("")}</tbody>`;
}

/** Return a bar that is half full at 1, and full only without end. */
function bar(value: number, color: string): string {
  const width = ((100 * value) / (value + 1)).toFixed(1);
  return (
    `<td><svg class="bar ${color}" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">` +
    `<rect width="${width}" height="12"/><line x1="50" x2="50" y1="0" y2="12"/></svg> ${written(value, 3)}</td>`
  );
}
