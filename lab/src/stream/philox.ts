/** Philox4x32-10 (Salmon et al., SC'11): the words of the stream, four to a block. */

import type { Key } from "./key";

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53 | 0;
const MULTIPLIER_1 = 0xcd9e8d57 | 0;
const KEY_STEP_0 = 0x9e3779b9 | 0;
const KEY_STEP_1 = 0xbb67ae85 | 0;
const WORD = 2 ** 32;

/** Fill an array with the words of the elements first, first + 1, …: the first ones where r is 0, the second for 1. */
export function fillWords(key: Key, first: number, r: number, words: Int32Array): void {
  const block = new Int32Array(4);
  let lane = first % 4;
  let index = Math.floor(first / 4);
  for (let at = 0; at < words.length; index++) {
    fillBlock(key, index % WORD, Math.floor(index / WORD), r, 0, block);
    while (lane < 4 && at < words.length) words[at++] = block[lane++];
    lane = 0;
  }
}

/** Fill a block with the four words of one counter. */
export function fillBlock(key: Key, c0: number, c1: number, c2: number, c3: number, block: Int32Array): void {
  let { k0, k1 } = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = highProduct(c0, MULTIPLIER_0);
    const high1 = highProduct(c2, MULTIPLIER_1);
    const low0 = Math.imul(c0, MULTIPLIER_0);
    const low1 = Math.imul(c2, MULTIPLIER_1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + KEY_STEP_0) | 0;
    k1 = (k1 + KEY_STEP_1) | 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** Return the upper 32 bits of the product of two unsigned words, from the four products of their halves. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const cross1 = Math.imul(aLow, bHigh);
  const cross2 = Math.imul(aHigh, bLow);
  const carries = (Math.imul(aLow, bLow) >>> 16) + (cross1 & 0xffff) + (cross2 & 0xffff);
  return (Math.imul(aHigh, bHigh) + (cross1 >>> 16) + (cross2 >>> 16) + (carries >>> 16)) | 0;
}
