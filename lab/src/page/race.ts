/** Starts that train side by side, in a worker, so that the page stays at hand. */

import { BENCH_PLAN } from "../net/defaults";
import type { Progress, Run, Shape, Start } from "../net/types";
import { RACE } from "../text";
import { startRuns } from "../worker/client";
import { button } from "./controls";
import { type Curve, curvesPicture } from "./curves";
import { h } from "./dom";
import { fillIn, percent } from "./numbers";

/** One who takes part. */
export interface Runner {
  readonly name: string;
  readonly color: string;
  readonly dashes: readonly number[];
  readonly run: Run;
}

/** A button, and the curves of the nets that it starts. */
export class Race {
  readonly element: HTMLElement;
  private curves: Curve[] = [];
  private steps = 1;
  private stop: (() => void) | undefined;
  private readonly words = h("p", { class: "live", role: "status" });
  private readonly runners: () => readonly Runner[];
  private readonly picture = curvesPicture(() => this.curves, () => this.steps, RACE.picture);

  /** @param runners who runs, asked when the button is pressed */
  constructor(label: string, runners: () => readonly Runner[]) {
    this.runners = runners;
    this.picture.element.hidden = true;
    this.element = h("div", { class: "race" }, button(label, () => this.start(), "main"), this.words, this.picture.element);
  }

  /** End what runs, and take the curves away. */
  clear(): void {
    this.stop?.();
    this.stop = undefined;
    this.curves = [];
    this.words.textContent = "";
    this.picture.element.hidden = true;
  }

  private start(): void {
    this.clear();
    const runners = this.runners();
    this.curves = runners.map(({ name, color, dashes }) => ({ name, color, dashes, points: [] }));
    this.picture.element.hidden = false;
    this.words.textContent = RACE.running;
    const ended = new Set<number>();
    this.stop = startRuns(runners.map(({ run }) => run), (index, progress) => {
      this.take(index, progress);
      if (progress.diverged || progress.step === progress.steps) ended.add(index);
      if (ended.size === runners.length) this.finish();
    });
  }

  private take(index: number, { step, steps, accuracy, diverged }: Progress): void {
    this.steps = steps;
    const { points } = this.curves[index];
    points.push({ step, share: accuracy });
    if (diverged) points.push({ step: steps, share: accuracy });
    this.picture.refresh();
  }

  private finish(): void {
    this.stop = undefined;
    const shares = this.curves.map(({ points }) => points[points.length - 1].share);
    const list = this.curves.map(({ name }, index) => `${name.replaceAll(" ", "\u00a0")}: ${percent(shares[index])}`).join(", ");
    this.words.textContent = fillIn(RACE.done, { list });
    this.picture.describe(this.words.textContent);
  }
}

/** Return a race of one net alone, as it is set when the button is pressed. */
export function trial(net: () => { name: string; shape: Shape; start: Start }): Race {
  return new Race(RACE.trial, () => {
    const { name, shape, start } = net();
    return [{ name, color: "c11", dashes: [], run: { shape, start, ...BENCH_PLAN } }];
  });
}
