/** The product of `multiply.ts` with four numbers at a time, assembled here; null where a browser lacks vectors. */

import {
  add, addFloats, assemble, type Code, get, int, load, multiplyFloats, pick, repeatWhileBelow, set, store, zeros,
} from "./assembler";

export type Multiply = (
  a: Float32Array, b: Float32Array, out: Float32Array, m: number, n: number, k: number,
) => void;

const PAGE = 65536;
const ROWS = 2;
const COLUMNS = 4;
const LANES = 4;
const BYTES = 4;

/** The parameters: a lies from 0 to B, b from there to OUT; a row of each has STRIDE bytes. */
const PARAMETERS = 4;
const [B, OUT, STRIDE, OUT_STRIDE] = [0, 1, 2, 3];

/** Locals: a tile of out comes of two rows of a, which start at ROW, and four of b, which start at COLUMN. */
const ROW = PARAMETERS;
const COLUMN = ROW + ROWS;
const ROW_OUT = COLUMN + COLUMNS;
const AT = ROW_OUT + 1;
const P = AT + 1;
const X = P + 1;
const Y = X + ROWS;
const SUMS = Y + 1;

/** Return `multiply`, out = a·bᵀ, in vectors of binary32. */
export function makeMultiply(): Multiply | null {
  const code = assemble(PARAMETERS, X - PARAMETERS, ROWS + 1 + ROWS * COLUMNS, product());
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(code)) return null;
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
    return withCopies(exports.run as (...addresses: number[]) => void, exports.memory as WebAssembly.Memory);
  } catch {
    return null; // the site around the page forbids it
  }
}

/** For each two rows of a and each four of b: their eight dot products, which four lanes sum apart. */
function product(): Code {
  const sum = (row: number, column: number) => SUMS + row * COLUMNS + column;
  const rows = [0, 1];
  const columns = [0, 1, 2, 3];
  const tile = [
    ...rows.flatMap((row) => set(X + row, load(add(get(ROW + row), get(P))))),
    ...columns.flatMap((column) => [
      ...set(Y, load(add(get(COLUMN + column), get(P)))),
      ...rows.flatMap((row) =>
        set(sum(row, column), addFloats(get(sum(row, column)), multiplyFloats(get(X + row), get(Y)))),
      ),
    ]),
  ];
  const outOf = (row: number) => sumLanes(columns.map((column) => get(sum(row, column))));
  return [
    ...set(ROW, int(0)),
    ...set(ROW_OUT, get(OUT)),
    ...repeatWhileBelow(ROW, B,
      set(ROW + 1, add(get(ROW), get(STRIDE))),
      set(COLUMN, get(B)),
      set(AT, get(ROW_OUT)),
      repeatWhileBelow(COLUMN, OUT,
        ...[1, 2, 3].map((column) => set(COLUMN + column, add(get(COLUMN + column - 1), get(STRIDE)))),
        ...rows.flatMap((row) => columns.map((column) => set(sum(row, column), zeros))),
        set(P, int(0)),
        repeatWhileBelow(P, STRIDE, tile, set(P, add(get(P), int(LANES * BYTES)))),
        store(get(AT), outOf(0)),
        store(add(get(AT), get(OUT_STRIDE)), outOf(1)),
        set(AT, add(get(AT), int(COLUMNS * BYTES))),
        set(COLUMN, add(get(COLUMN + 3), get(STRIDE))),
      ),
      set(ROW_OUT, add(add(get(ROW_OUT), get(OUT_STRIDE)), get(OUT_STRIDE))),
      set(ROW, add(get(ROW + 1), get(STRIDE))),
    ),
  ];
}

/** Return the four sums of four vectors, as one. */
function sumLanes([x, y, z, w]: readonly Code[]): Code {
  const halves = (a: Code, b: Code) => addFloats(pick(a, b, [0, 1, 4, 5]), pick(a, b, [2, 3, 6, 7]));
  const [low, high] = [halves(x, y), halves(z, w)];
  return addFloats(pick(low, high, [0, 2, 4, 6]), pick(low, high, [1, 3, 5, 7]));
}

/** Return the product of arrays that lie elsewhere: they are copied in, with rows of whole vectors, and out again. */
function withCopies(run: (...addresses: number[]) => void, memory: WebAssembly.Memory): Multiply {
  let floats = new Float32Array(memory.buffer);
  return (a, b, out, m, n, k) => {
    const stride = roundUp(k, LANES);
    const outStride = roundUp(n, COLUMNS);
    const bStart = roundUp(m, ROWS) * stride;
    const outStart = bStart + outStride * stride;
    const length = outStart + roundUp(m, ROWS) * outStride;
    if (length > floats.length) {
      memory.grow(Math.ceil((length * BYTES) / PAGE) - memory.buffer.byteLength / PAGE);
      floats = new Float32Array(memory.buffer);
    }
    copyRows(a, k, floats, 0, stride, m);
    copyRows(b, k, floats, bStart, stride, n);
    run(bStart * BYTES, outStart * BYTES, stride * BYTES, outStride * BYTES);
    for (let row = 0; row < m; row++) {
      const start = outStart + row * outStride;
      out.set(floats.subarray(start, start + n), row * n);
    }
  };
}

function copyRows(from: Float32Array, width: number, to: Float32Array, start: number, stride: number, rows: number): void {
  if (width === stride) {
    to.set(from.subarray(0, rows * width), start);
    return;
  }
  to.fill(0, start, start + rows * stride);
  for (let row = 0; row < rows; row++) to.set(from.subarray(row * width, (row + 1) * width), start + row * stride);
}

function roundUp(number: number, unit: number): number {
  return Math.ceil(number / unit) * unit;
}
