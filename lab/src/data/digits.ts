/** The handwritten digits: `lab/data/digits.json`, which `lab/data/lab_digits.py` writes. */

/** What the file holds: one text of 64 pixels an image, each a digit of base 17, and the labels in one text. */
export interface DigitsFile {
  readonly origin: string;
  readonly licence: string;
  /** Mean and standard deviation over all pixels of all images, by which the inputs are scaled. */
  readonly mean: number;
  readonly std: number;
  /** How many of the images, from the first on, are learned from; the rest judges. */
  readonly train: number;
  readonly labels: string;
  readonly images: readonly string[];
}

/** Inputs of unit variance, count × 64, and what they are. */
export interface Examples {
  readonly inputs: Float32Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

/** The digits to learn from and those to judge by. */
export interface Digits {
  readonly train: Examples;
  readonly test: Examples;
}

const LEVELS = 17;

/** Return the digits of the file, scaled as `glorot compare` scales them. */
export function readDigits(file: DigitsFile): Digits {
  const levels = Float32Array.from({ length: LEVELS }, (_, level) => (level - file.mean) / file.std);
  const read = (from: number, to: number): Examples => ({
    inputs: Float32Array.from(file.images.slice(from, to).join(""), (pixel) => levels[parseInt(pixel, LEVELS)]),
    labels: Uint8Array.from(file.labels.slice(from, to), Number),
    count: to - from,
  });
  return { train: read(0, file.train), test: read(file.train, file.images.length) };
}

/** Return the examples from one number up to another; they share their memory. */
export function sliceOf({ inputs, labels, count }: Examples, from: number, to: number): Examples {
  const size = inputs.length / count;
  return { inputs: inputs.subarray(from * size, to * size), labels: labels.subarray(from, to), count: to - from };
}
