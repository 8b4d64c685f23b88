/** The reader's own code. */

import { type Chapter, figure, type Lab } from "../page/chapter";
import { button, choice, panel } from "../page/controls";
import { h } from "../page/dom";
import { choiceSetting } from "../page/state";
import { CODE, CONTROLS } from "../text";

const framework = choiceSetting("framework", "pytorch", ["pytorch", "keras", "jax", "tensorflow1", "caffe"]);

export const code: Chapter = {
  name: "code",
  settings: [framework],
  build({ state }: Lab): HTMLElement {
    const lines = h("code");
    const words = h("span", { role: "status" });
    const copy = button(CODE.copy, () => {
      copyText(lines).then(
        () => (words.textContent = CODE.copied),
        () => (words.textContent = CODE.marked),
      );
    });
    state.watch([framework], () => {
      lines.textContent = CODE.samples[state.get(framework)];
      words.textContent = "";
    });
    const controls = panel(choice(state, framework, CONTROLS.framework, CODE.names));
    return figure(controls, h("pre", { tabindex: 0 }, lines), h("p", {}, copy, " ", words));
  },
};

/** Copy a text; where the browser lets no page copy, mark it, so that the reader can. */
async function copyText(element: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
  } catch (error) {
    window.getSelection()?.selectAllChildren(element);
    throw error;
  }
}
