/** What a chapter is, and how its parts stand on the page. */

import type { Digits } from "../data/digits";
import type { Facts } from "../data/facts";
import { CHAPTERS, type ChapterName, type ChapterText } from "../text";
import { h, html, paragraph } from "./dom";
import { prediction } from "./prediction";
import type { AnySetting, State } from "./state";

/** What all chapters share. */
export interface Lab {
  readonly state: State;
  readonly facts: Facts;
  readonly digits: Digits;
}

/** One chapter: its settings, and its figure, which is made once. */
export interface Chapter {
  readonly name: ChapterName;
  readonly settings: readonly AnySetting[];
  build(lab: Lab): HTMLElement;
}

/** Return a chapter with its words: head, lead, figure, what it showed, and a question. */
export function section(chapter: Chapter, lab: Lab, number: number): HTMLElement {
  const { title, lead, after, question }: ChapterText = CHAPTERS[chapter.name];
  const head = h("h2", { id: `${chapter.name}-title` });
  head.append(h("span", { class: "number" }, String(number)), " ", html(title));
  const element = h("section", { id: chapter.name, "aria-labelledby": `${chapter.name}-title` }, head);
  element.append(...lead.map((text) => paragraph(text)), chapter.build(lab), ...after.map((text) => paragraph(text)));
  if (question !== undefined) element.append(prediction(question));
  return element;
}

/** Return a figure: what is seen, and a line about it below. */
export function figure(...parts: readonly (Node | string)[]): HTMLElement {
  return h("div", { class: "figure" }, ...parts);
}

/** Return a line that is read aloud when it changes, but not while a slider still moves. */
export function liveLine(): { element: HTMLElement; say(words: string): void } {
  const seen = h("p", { class: "live", "aria-hidden": "true" });
  const heard = h("p", { class: "unseen", role: "status" });
  let timer = 0;
  return {
    element: h("div", {}, seen, heard),
    say(words) {
      if (seen.textContent === words) return;
      seen.textContent = words;
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        heard.textContent = words;
      }, 700);
    },
  };
}
