/** Known answers: the file that every implementation reads; its version is frozen. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fill, type Key, keyOf, type Law } from "../../src/stream";
import { fillBlock } from "../../src/stream/philox";
import { CASTS } from "./casts";

const FILE = new URL("../../../tests/data/stream_vectors.txt", import.meta.url);
const KINDS = ["philox", "key", "values", "values2", "digest"];
const LINES = readFileSync(FILE, "utf-8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

/** Return the fields of the lines of one kind. */
function linesOf(kind: string): string[][] {
  const lines = LINES.filter((line) => line.startsWith(`${kind} `));
  return lines.map((line) => line.slice(kind.length).split("|").map((field) => field.trim()));
}

function wordsOf(field: string): number[] {
  return field.split(" ").map((word) => parseInt(word, 16));
}

function keyFrom(field: string): Key {
  const [k0, k1] = wordsOf(field);
  return { k0, k1 };
}

it("knows every kind of line", () => {
  expect(LINES).toHaveLength(76);
  expect(new Set(LINES.map((line) => line.split(" ")[0]))).toEqual(new Set(KINDS));
});

it.each(linesOf("philox"))("philox %s | %s", (counter, key, expected) => {
  const [c0, c1, c2, c3] = wordsOf(counter);
  const block = new Int32Array(4);
  fillBlock(keyFrom(key), c0, c1, c2, c3, block);
  expect([...new Uint32Array(block.buffer)]).toEqual(wordsOf(expected));
});

it.each(linesOf("key"))("key %s | %s", (seed, name, expected) => {
  expect(keyOf(BigInt(seed), JSON.parse(name) as string)).toEqual(keyFrom(expected));
});

it.each([...linesOf("values"), ...linesOf("values2")])("values %s | %s | %s", (key, first, law, expected) => {
  const bits = wordsOf(expected);
  const values = fill(keyFrom(key), JSON.parse(law) as Law, bits.length, Number(first));
  expect([...new Uint32Array(values.buffer)]).toEqual(bits);
});

const A_SLOW_MACHINE = 60_000; // milliseconds for a million values

it.each(linesOf("digest"))("digest %s | %s | %s | %s | %s", (key, first, count, law, element, expected) => {
  const values = fill(keyFrom(key), JSON.parse(law) as Law, Number(count), Number(first));
  const { buffer } = CASTS[element](values);
  expect(createHash("sha256").update(new Uint8Array(buffer)).digest("hex")).toBe(expected);
}, A_SLOW_MACHINE);
