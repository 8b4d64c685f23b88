/** As much of an assembler for WebAssembly as a kernel of vectors needs: each function returns code. */

export type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;
const NO_RESULT = 0x40;
const VECTOR = 0xfd;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number, value: Code): Code => [...value, 0x21, local];
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const int = (value: number): Code => [0x41, ...signed(value)];

/** Run code, and again while local `a` is below local `b`. */
export const repeatWhileBelow = (a: number, b: number, ...code: readonly Code[]): Code => [
  0x03, NO_RESULT, ...code.flat(), ...get(a), ...get(b), 0x49, 0x0d, 0, 0x0b,
];

export const load = (address: Code): Code => [...address, VECTOR, 0x00, 2, 0];
export const store = (address: Code, value: Code): Code => [...address, ...value, VECTOR, 0x0b, 2, 0];
export const zeros: Code = [VECTOR, 0x0c, ...new Array<number>(16).fill(0)];
export const addFloats = (a: Code, b: Code): Code => [...a, ...b, VECTOR, 0xe4, 0x01];
export const multiplyFloats = (a: Code, b: Code): Code => [...a, ...b, VECTOR, 0xe6, 0x01];

/** Pick four floats, numbered from 0 to 7, of two vectors. */
export const pick = (a: Code, b: Code, lanes: readonly number[]): Code => [
  ...a, ...b, VECTOR, 0x0d, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
];

/** Return a module with one function of integers, `run`, further locals of two types, and its `memory`. */
export function assemble(parameters: number, integers: number, vectors: number, body: Code): Uint8Array<ArrayBuffer> {
  const locals = [2, ...unsigned(integers), I32, ...unsigned(vectors), V128];
  const code = [...locals, ...body, 0x0b];
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [0x60, parameters, ...new Array<number>(parameters).fill(I32), 0]),
    ...section(3, [0]),
    ...section(5, [0, 1]),
    ...section(7, [...text("run"), 0, 0], [...text("memory"), 2, 0]),
    ...section(10, [...unsigned(code.length), ...code]),
  ]);
}

function section(number: number, ...entries: readonly Code[]): Code {
  const content = [entries.length, ...entries.flat()];
  return [number, ...unsigned(content.length), ...content];
}

function text(name: string): Code {
  return [name.length, ...new TextEncoder().encode(name)];
}

/** Return a number in LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  const isLast = value >= -0x40 && value < 0x40;
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
