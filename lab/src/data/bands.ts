/** The map of depths and scales: `lab/data/bands.json`, which `lab/data/lab_bands.py` writes. */

import bandsFile from "../../data/bands.json";
import type { Activation } from "../net/types";

/** Log10 of ratios in tenths, a signed byte each, or whole per cent; depth × scale, as base64. */
interface BandFile {
  readonly signal: string;
  readonly gradient: string;
  readonly theory_signal: string;
  readonly theory_gradient: string;
  readonly accuracy: string;
}

interface BandsFile {
  readonly width: number;
  readonly depths: readonly number[];
  /** σ·√width. */
  readonly scales: readonly number[];
  readonly activations: Readonly<Record<Activation, BandFile>>;
}

/** The map of one activation, depth × scale. */
export interface Band {
  /** log10 of what signal × gradient change by: the last layer's spread and the first layer's gradient, each over its start. */
  readonly product: Float32Array;
  /** The same by theory. */
  readonly theory: Float32Array;
  /** The share of new digits recognised after one epoch. */
  readonly accuracy: Float32Array;
}

const FILE: BandsFile = bandsFile;

export const DEPTHS = FILE.depths;
export const SCALES = FILE.scales;

/** Return the map of an activation. */
export function bandOf(activation: Activation): Band {
  const file = FILE.activations[activation];
  const sum = (one: string, other: string): Float32Array => {
    const [left, right] = [bytesOf(one), bytesOf(other)];
    return Float32Array.from(left, (value, index) => (signed(value) + signed(right[index])) / 10);
  };
  return {
    product: sum(file.signal, file.gradient),
    theory: sum(file.theory_signal, file.theory_gradient),
    accuracy: Float32Array.from(bytesOf(file.accuracy), (value) => value / 100),
  };
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function signed(byte: number): number {
  return byte < 128 ? byte : byte - 256;
}
