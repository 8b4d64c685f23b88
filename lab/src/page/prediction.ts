/** A question to commit to before the answer is shown. */

import { PREDICTION } from "../text";
import { button } from "./controls";
import { h, html, paragraph } from "./dom";

/** One question, what may be answered, and which answer is right. */
export interface Question {
  readonly ask: string;
  readonly options: readonly string[];
  readonly right: number;
  /** At most forty words. */
  readonly answer: string;
}

/** Return the question as buttons; the first that is pressed brings the answer. */
export function prediction({ ask, options, right, answer }: Question): HTMLElement {
  const words = h("p", { class: "answer", role: "status" });
  const buttons = options.map((option, index) => {
    const one = button("", () => {
      for (const [place, other] of buttons.entries()) {
        other.disabled = true;
        if (place === right) other.classList.add("right");
      }
      one.classList.add("taken");
      words.append(h("strong", {}, index === right ? PREDICTION.right : PREDICTION.wrong), " ", html(answer));
    });
    one.append(html(option));
    return one;
  });
  const title = h("h3", {}, PREDICTION.title);
  return h("div", { class: "prediction" }, title, paragraph(ask), h("div", { class: "options" }, ...buttons), words);
}
