/** Drawing: from the words of elements to their values in binary32. */

import { checkLaw, checkRun } from "./checks";
import { rounded } from "./float32";
import type { Key } from "./key";
import { cutsOf, type Law, type TruncatedNormal, type Uniform } from "./laws";
import { fillWords } from "./philox";
import { halfNormalQuantile, magnitudeOf, probabilityOf, tailOf } from "./quantile";
import { probabilityWindow } from "./window";

const f32 = Math.fround;
const EVERY_WORD = 2 ** 32;

/** Return the values of the elements offset, offset + 1, …, offset + count − 1 of a law. */
export function fill(key: Key, law: Law, count: number, offset = 0): Float32Array {
  checkLaw(law);
  checkRun(count, offset);
  switch (law.law) {
    case "constant":
      return new Float32Array(count).fill(law.value === 0 ? law.value : rounded(law.value));
    case "uniform":
      return drawUniform(key, law, count, offset);
    case "normal":
      return drawNormal(key, law.mean, law.std, count, offset);
    case "truncated_normal":
      return drawTruncated(key, law, count, offset);
    case "sparse_normal":
      return thin(drawNormal(key, law.center, law.sigma, count, offset), key, law.density, offset);
  }
}

/** Return z of the normal law, to be scaled as often as a slider moves. */
export function standardNormal(key: Key, count: number, offset = 0): Float32Array {
  checkRun(count, offset);
  const { words, values } = drawWords(key, count, offset);
  for (let i = 0; i < count; i++) {
    const magnitude = magnitudeOf(words[i]);
    const z = halfNormalQuantile(probabilityOf(magnitude), tailOf(magnitude));
    values[i] = words[i] < 0 ? -z : z;
  }
  return values;
}

/** Write mean + std × z, the very bits of the normal law; `out` may be z itself. */
export function scaleNormal(z: Float32Array, mean: number, std: number, out: Float32Array): Float32Array {
  const center = rounded(mean);
  const scale = rounded(std);
  for (let i = 0; i < z.length; i++) out[i] = center + f32(scale * z[i]);
  return out;
}

function drawNormal(key: Key, mean: number, std: number, count: number, offset: number): Float32Array {
  const z = standardNormal(key, count, offset);
  return scaleNormal(z, mean, std, z);
}

function drawUniform(key: Key, law: Uniform, count: number, offset: number): Float32Array {
  const { words, values } = drawWords(key, count, offset);
  const center = rounded((law.low + law.high) / 2);
  const scale = rounded(((law.high - law.low) / 2) * 2 ** -31);
  const low = rounded(law.low);
  const high = rounded(law.high);
  for (let i = 0; i < count; i++) values[i] = clamp(f32(center + f32(f32(words[i]) * scale)), low, high);
  return values;
}

function drawTruncated(key: Key, law: TruncatedNormal, count: number, offset: number): Float32Array {
  const { words, values } = drawWords(key, count, offset);
  const { middle, half, upper, lower } = probabilityWindow(...cutsOf(law));
  const [center, sigma, low, high] = [law.center, law.sigma, law.low, law.high].map(rounded);
  for (let i = 0; i < count; i++) {
    const isNegative = words[i] < 0;
    const magnitude = magnitudeOf(words[i]);
    const u = probabilityOf(magnitude);
    const v = f32(middle + f32(half * (isNegative ? -u : u)));
    const isBelow = v < 0;
    // 1 − |v| without cancellation: what the cut takes, and what lies between it and the draw.
    const gap = isBelow === isNegative ? tailOf(magnitude) : f32(1 + u);
    const tail = f32((isBelow ? lower : upper) + f32(half * gap));
    const z = halfNormalQuantile(Math.abs(v), tail);
    values[i] = clamp(f32(center + f32(sigma * (isBelow ? -z : z))), low, high);
  }
  return values;
}

/** Write +0 over the values whose second word says so. */
function thin(values: Float32Array, key: Key, density: number, offset: number): Float32Array {
  const kept = Math.floor(density * EVERY_WORD);
  if (kept === EVERY_WORD) return values;
  const words = new Int32Array(values.length);
  fillWords(key, offset, 1, words);
  for (let i = 0; i < values.length; i++) if (words[i] >>> 0 >= kept) values[i] = 0;
  return values;
}

/** Return the first words of elements, in the very memory that their values will take. */
function drawWords(key: Key, count: number, offset: number): { words: Int32Array; values: Float32Array } {
  const values = new Float32Array(count);
  const words = new Int32Array(values.buffer);
  fillWords(key, offset, 0, words);
  return { words, values };
}

/** Return a value within bounds; one that equals a bound stays itself, with its sign of zero. */
function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
