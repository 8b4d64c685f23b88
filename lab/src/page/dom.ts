/** Making elements. */

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Return an element; an attribute that is `true` stands without a value, one that is `false` is left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** Return the nodes of a text of our own, which may hold HTML and MathML. */
export function html(markup: string): DocumentFragment {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content;
}

/** Return a paragraph of our own text. */
export function paragraph(markup: string, className = ""): HTMLParagraphElement {
  const element = className === "" ? h("p") : h("p", { class: className });
  element.append(html(markup));
  return element;
}
