import { describe, expect, test } from "vitest";
import { choiceSetting, numberSetting, State } from "../../src/page/state";

const sigma = numberSetting("sigma", 0.01, 0.002, 2);
const depth = numberSetting("depth", 10, 1, 50, true);
const rule = choiceSetting("rule", "xavier", ["xavier", "he"]);
const all = [sigma, depth, rule];

test("an address is empty until something is set", () => {
  const state = new State(all);
  expect(state.hash()).toBe("");
  state.set(depth, 20);
  expect(state.hash()).toBe("#depth=20");
  state.set(depth, 10);
  expect(state.hash()).toBe("");
});

test("what an address says comes back", () => {
  const state = new State(all, "#sigma=0.09&rule=he&depth=50");
  expect([state.get(sigma), state.get(rule), state.get(depth)]).toEqual([0.09, "he", 50]);
  expect(new State(all, state.hash()).hash()).toBe(state.hash());
  expect(state.unread).toEqual([]);
});

describe("nonsense in an address leaves the start of the page, and is told", () => {
  test.each([
    "sigma=", "sigma=x", "sigma=0.001", "sigma=3", "sigma=NaN", "sigma=Infinity", "depth=1.5", "depth=51", "depth=-1",
    "rule=xavie", "rule=__proto__", "toString=1", "other=1",
  ])("%s", (text) => {
    const state = new State(all, `#${text}`);
    expect(all.map((setting) => state.get(setting as typeof sigma))).toEqual([0.01, 10, "xavier"]);
    expect(state.unread).toEqual([text.replace(/=$/, "")]);
  });
});

test("who watches is called at once, and once for each change", () => {
  const state = new State(all);
  const seen: number[] = [];
  state.watch([sigma, depth], () => seen.push(state.get(sigma)));
  state.set(sigma, 0.5);
  state.set(sigma, 0.5);
  state.set(rule, "he");
  expect(seen).toEqual([0.01, 0.5]);
});

test("a new address takes back what the old one said", () => {
  const state = new State(all, "#sigma=0.09&rule=he");
  state.restore("#rule=he");
  expect([state.get(sigma), state.get(rule)]).toEqual([0.01, "he"]);
});
