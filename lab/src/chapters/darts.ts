/** Fifty blind darts: spreads thrown without a rule, and which of them train. */

import { DARTS_NET } from "../net/defaults";
import { type Board, FONT, Picture } from "../page/canvas";
import type { Facts } from "../data/facts";
import { type Chapter, figure, type Lab } from "../page/chapter";
import { button } from "../page/controls";
import { h } from "../page/dom";
import { brief, fillIn, percent } from "../page/numbers";
import { DARTS } from "../text";
import { startRuns } from "../worker/client";
import { COUNT, HIGH, LEARNED, LOW, runOf, spreads } from "./throws";

interface Dart {
  readonly sigma: number;
  share: number | undefined;
}

export const darts: Chapter = {
  name: "darts",
  settings: [],
  build({ facts }: Lab): HTMLElement {
    let thrown: Dart[] = [];
    let round = 0;
    let stop: () => void = () => undefined;
    const words = h("p", { class: "live", role: "status" });
    const picture = new Picture((board) => paintDarts(board, thrown, ruleOf(facts)), (width) => (width < 500 ? 200 : 230), DARTS.picture);
    const throwAll = (): void => {
      stop();
      thrown = spreads(round++).map((sigma) => ({ sigma, share: undefined }));
      words.textContent = DARTS.running;
      let left = COUNT;
      stop = startRuns(thrown.map(({ sigma }) => runOf(sigma)), (index, { step, steps, accuracy, diverged }) => {
        if (!diverged && step < steps) return;
        thrown[index].share = diverged ? 0 : accuracy;
        if (--left === 0) words.textContent = count(thrown);
        picture.describe(count(thrown));
        picture.refresh();
      });
      picture.refresh();
    };
    return figure(button(DARTS.throw, throwAll, "main"), picture.element, words);
  },
};

/** Return the σ of Xavier's rule for the layers that the darts train. */
function ruleOf(facts: Facts): number {
  const [, hidden] = facts.rules.xavier_normal.any?.[facts.widths.indexOf(DARTS_NET.width)] ?? [0, 0];
  const law = facts.laws[hidden];
  return law.law === "normal" ? law.std : Number.NaN;
}

function count(thrown: readonly Dart[]): string {
  const learned = thrown.filter(({ share }) => (share ?? 0) >= LEARNED).length;
  return fillIn(DARTS.done, { learned, count: COUNT, least: percent(LEARNED) });
}

function paintDarts({ pen, width, height, color }: Board, thrown: readonly Dart[], rule: number): void {
  const [left, right, top, bottom] = [42, width - 12, 28, height - 38];
  const x = (sigma: number): number => left + (Math.log(sigma / LOW) / Math.log(HIGH / LOW)) * (right - left);
  const y = (share: number): number => bottom - share * (bottom - top);
  pen.font = `12px ${FONT}`;
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    pen.strokeStyle = color(share === 0 ? "axis" : "grid");
    pen.strokeRect(left, y(share), right - left, 0);
    pen.fillStyle = color("soft");
    pen.fillText(percent(share), left - 6, y(share));
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const sigma of [0.001, 0.01, 0.1, 1, 10]) {
    pen.strokeStyle = color("grid");
    pen.strokeRect(x(sigma), top, 0, bottom - top);
    pen.fillText(brief(sigma), x(sigma), bottom + 6);
  }
  pen.fillText(DARTS.axis, (left + right) / 2, bottom + 22);
  pen.textAlign = "left";
  pen.fillText(DARTS.share, left, 6);
  if (thrown.length > 0 && thrown.every(({ share }) => share !== undefined)) paintRule({ pen, color }, x(rule), top, bottom);
  for (const { sigma, share } of thrown) {
    const isHit = (share ?? 0) >= LEARNED;
    pen.fillStyle = color(share === undefined ? "line" : isHit ? "yes" : "no");
    pen.beginPath();
    if (isHit || share === undefined) pen.arc(x(sigma), y(share ?? 0), 5, 0, 2 * Math.PI);
    else pen.rect(x(sigma) - 4, y(share) - 4, 8, 8);
    pen.fill();
  }
}

function paintRule({ pen, color }: Pick<Board, "pen" | "color">, x: number, top: number, bottom: number): void {
  pen.strokeStyle = color("ink");
  pen.fillStyle = color("ink");
  pen.setLineDash([4, 3]);
  pen.strokeRect(x, top, 0, bottom - top);
  pen.setLineDash([]);
  pen.textAlign = "right";
  pen.fillText(DARTS.rule, x - 5, (top + 2 * bottom) / 3);
}
