/** What the reader moves: sliders, choices and buttons, each bound to a setting. */

import { h } from "./dom";
import type { ChoiceSetting, NumberSetting, State } from "./state";

let made = 0;

/** How a slider goes from one end to the other. */
export interface Scale {
  /** The value of a place between 0 and 1. */
  at(place: number): number;
  /** The place of a value. */
  of(value: number): number;
  readonly steps: number;
}

/** Equal steps multiply by the same factor. */
export function logScale({ low, high }: NumberSetting, steps = 240): Scale {
  const ratio = Math.log(high / low);
  return {
    steps,
    at: (place) => Number((low * Math.exp(ratio * place)).toPrecision(3)),
    of: (value) => Math.log(value / low) / ratio,
  };
}

/** The values themselves, or those of a list. */
export function listScale(values: readonly number[]): Scale {
  const last = values.length - 1;
  const nearest = (value: number): number =>
    values.reduce((best, each, index) => (Math.abs(each - value) < Math.abs(values[best] - value) ? index : best), 0);
  return { steps: last, at: (place) => values[Math.round(place * last)], of: (value) => nearest(value) / last };
}

export function rangeOf(low: number, high: number): number[] {
  return Array.from({ length: high - low + 1 }, (_, index) => low + index);
}

/** Return a labelled slider; `spoken` is what its value is called aloud and beside it. */
export function slider(
  state: State,
  setting: NumberSetting,
  label: string,
  scale: Scale,
  spoken: (value: number) => string,
): HTMLElement {
  const id = `control${++made}`;
  const input = h("input", { type: "range", id, min: 0, max: scale.steps, step: 1, name: setting.name });
  const output = h("output", { for: id });
  input.addEventListener("input", () => state.set(setting, scale.at(Number(input.value) / scale.steps)));
  state.watch([setting], () => {
    const value = state.get(setting);
    const place = String(Math.round(scale.of(value) * scale.steps));
    if (input.value !== place) input.value = place;
    output.value = spoken(value);
    input.setAttribute("aria-valuetext", spoken(value));
  });
  return h("div", { class: "control" }, h("label", { for: id }, label), input, output);
}

/** Return radio buttons for a choice. */
export function choice<T extends string>(
  state: State,
  setting: ChoiceSetting<T>,
  label: string,
  names: Readonly<Record<T, string>>,
): HTMLElement {
  const group = `control${++made}`;
  const inputs = setting.options.map((option) => h("input", { type: "radio", name: group, value: option }));
  for (const input of inputs) input.addEventListener("change", () => state.set(setting, input.value as T));
  state.watch([setting], () => {
    for (const input of inputs) input.checked = input.value === state.get(setting);
  });
  const labels = inputs.map((input) => h("label", {}, input, h("span", {}, names[input.value as T])));
  return h("fieldset", { class: "choice", "data-setting": setting.name }, h("legend", {}, label), ...labels);
}

/** Return a list to choose from, for many options. */
export function menu<T extends string>(
  state: State,
  setting: ChoiceSetting<T>,
  label: string,
  names: Readonly<Record<T, string>>,
): HTMLElement {
  const id = `control${++made}`;
  const options = setting.options.map((option) => h("option", { value: option }, names[option]));
  const select = h("select", { id, name: setting.name }, ...options);
  select.addEventListener("change", () => state.set(setting, select.value as T));
  state.watch([setting], () => {
    select.value = state.get(setting);
  });
  return h("div", { class: "control" }, h("label", { for: id }, label), select);
}

/** Return a button. */
export function button(label: string, onPress: () => void, kind: "main" | "plain" = "plain"): HTMLButtonElement {
  const element = h("button", { type: "button", class: kind }, label);
  element.addEventListener("click", onPress);
  return element;
}

/** Return controls in a row. */
export function panel(...controls: readonly HTMLElement[]): HTMLElement {
  return h("div", { class: "panel" }, ...controls);
}
