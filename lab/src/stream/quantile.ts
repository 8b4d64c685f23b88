/** The half-normal quantile of version 1: products and sums of binary32, each rounded by itself. */

const f32 = Math.fround;

const LARGEST_MAGNITUDE = 0x7fffffff;
const UNIT = 2 ** -31;

const ONE_BITS = 0x3f800000;
const HALF_BITS = 0x3f000000;
const MANTISSA_BITS = 0x007fffff;

const OCTAVE = f32(-7.40895771e-8);
const SPLIT = f32(2.23099995);
const CENTRAL_BEND = f32(-19.6903706);
const TAIL_SHIFT = f32(-15.243001);
const TAIL_BEND = f32(-80.6982422);

// Highest power first; that of LOG is m⁶, and its coefficient is 1.
const LOG = Float32Array.of(-5.38078308, 12.4419689, -16.2006721, 13.2110767, -6.3376112, -1.4239198);
const CENTRAL = Float32Array.of(
  -1.2880824e-11, 1.97220396e-9, 9.26747319e-8, 2.38815737e-5, -0.0193551313, 2.29603553,
);
const TAIL = Float32Array.of(
  2.37934365e-33, -1.32141138e-30, -4.23817293e-27, -2.26344724e-24, 5.30170306e-21, -1.82632149e-17,
  -1.33701864e-15, -1.16097347e-10, -4.09162304e-8, -0.00220750598, 6.10459614,
);

/** One binary32 number, and its bits. */
const cast = new Float32Array(1);
const castBits = new Int32Array(cast.buffer);

/** Return the magnitude of a word, a signed integer whose mirror image is ~word. */
export function magnitudeOf(word: number): number {
  return word ^ (word >> 31);
}

/** Return u = (m + ½)/2³¹ of a magnitude m. */
export function probabilityOf(magnitude: number): number {
  return f32(f32(f32(magnitude) + 0.5) * UNIT);
}

/** Return t = 1 − u of a magnitude, exact in the tail. */
export function tailOf(magnitude: number): number {
  return probabilityOf(LARGEST_MAGNITUDE - magnitude);
}

/** Return z ≥ 0 with P(|N| ≤ z) = u, given u in (0, 1] and t = 1 − u in [2·10⁻¹⁹, 1]. */
export function halfNormalQuantile(u: number, t: number): number {
  const q = f32(t * f32(1 + u));
  cast[0] = q;
  const bits = castBits[0];
  castBits[0] = (bits & MANTISSA_BITS) | HALF_BITS;
  const m = cast[0];
  const v = f32(f32(f32(bits - ONE_BITS) * OCTAVE) + horner(LOG, f32(m + LOG[0]), m));
  const z = v < SPLIT ? bent(CENTRAL, v, CENTRAL_BEND) : bent(TAIL, f32(v + TAIL_SHIFT), TAIL_BEND);
  return f32(z * u);
}

/** Return a polynomial on the bent axis (v + bend)·v. */
function bent(coefficients: Float32Array, v: number, bend: number): number {
  return horner(coefficients, coefficients[0], f32(f32(v + bend) * v));
}

/** Go on with Horner's rule from a first value, which takes in the first coefficient. */
function horner(coefficients: Float32Array, value: number, x: number): number {
  for (let i = 1; i < coefficients.length; i++) value = f32(f32(value * x) + coefficients[i]);
  return value;
}
