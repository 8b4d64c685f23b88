/** The one rounding from binary32 to the types of the known answers, to nearest even. */

export const CASTS: Record<string, (values: Float32Array) => ArrayBufferView> = {
  float32: (values) => values,
  float64: (values) => new Float64Array(values),
  bfloat16: (values) => new Uint16Array(new Uint32Array(values.buffer).map(bfloat16Bits)),
  float16: (values) => new Uint16Array(values.map(float16Bits)),
};

function bfloat16Bits(bits: number): number {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  const steps = roundToEven(magnitude / 2 ** (exponent - 10)); // 1024 to an octave; fewer below 2⁻¹⁴
  return sign + (exponent + 14) * 1024 + steps;
}

function roundToEven(number: number): number {
  const floor = Math.floor(number);
  const rest = number - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
}
