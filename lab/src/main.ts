/** The page: a head, the ways to its chapters, and the chapters. */

import { bench, chapters } from "./chapters";
import { DIGITS, FACTS } from "./data/files";
import { type Lab, section } from "./page/chapter";
import { h, html, paragraph } from "./page/dom";
import { fillIn } from "./page/numbers";
import { State } from "./page/state";
import { CHAPTERS, PAGE } from "./text";

const LINK_PAUSE = 300;

function build(): void {
  const settings = chapters.flatMap((chapter) => chapter.settings);
  const state = new State(settings, location.hash);
  const lab: Lab = { state, facts: FACTS, digits: DIGITS };
  const main = h("main", {}, ...chapters.map((chapter, index) => section(chapter, lab, index + 1)));
  const note = h("p", { class: "note", role: "status" });
  document.body.replaceChildren(head(), note, main, foot());
  keepAddress(state, note);
  const aimed = chapters.find(({ name }) => location.hash === `#${name}`) ?? (state.names(bench.settings) ? bench : undefined);
  if (aimed !== undefined) document.getElementById(aimed.name)?.scrollIntoView();
}

function head(): HTMLElement {
  const links = chapters.map(({ name }) => h("li", {}, h("a", { href: `#${name}` }, CHAPTERS[name].nav)));
  const ways = h("nav", { "aria-label": PAGE.chapters }, h("ol", {}, ...links));
  for (const link of ways.querySelectorAll("a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const target = document.getElementById(link.hash.slice(1));
      target?.scrollIntoView();
      target?.querySelector("h2")?.setAttribute("tabindex", "-1");
      target?.querySelector("h2")?.focus({ preventScroll: true });
    });
  }
  return h("header", {}, h("h1", {}, PAGE.title), paragraph(PAGE.lead, "lead"), ways);
}

function foot(): HTMLElement {
  const foot = h("footer");
  foot.append(html(`${PAGE.end} <code>pip install glorot</code>`));
  return foot;
}

/** Write what is set into the address, and take it from there when it changes. */
function keepAddress(state: State, note: HTMLElement): void {
  const isChapter = (hash: string): boolean => chapters.some(({ name }) => hash === `#${name}`);
  const tell = (): void => {
    const unread = isChapter(location.hash) ? [] : state.unread;
    note.hidden = unread.length === 0;
    note.textContent = unread.length === 0 ? "" : fillIn(PAGE.unread, { parts: unread.join(", ") });
  };
  let timer = 0;
  let written = location.hash;
  state.watch(chapters.flatMap((chapter) => chapter.settings), () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (state.hash() === written || (state.hash() === "" && isChapter(location.hash))) return;
      written = state.hash();
      history.replaceState(null, "", written || location.pathname + location.search);
    }, LINK_PAUSE);
  });
  window.addEventListener("hashchange", () => {
    written = location.hash;
    if (!isChapter(location.hash)) state.restore(location.hash);
    tell();
  });
  tell();
}

build();
