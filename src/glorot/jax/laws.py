"""The laws in `jax.numpy`, bit for bit those of `glorot.stream.spec`.

XLA computes `a*b + c` by one fused multiply-add, and `(a + c1) + c2` as `a + (c1 + c2)`; both round once
where the stream rounds twice. `exact` stands wherever a sum follows: the smaller of a value and the largest
number is that value, but no compiler may know it, so nothing crosses. It costs one instruction.
"""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from glorot.stream import spec

LARGEST = np.finfo(np.float32).max
Number = Array | np.float32


def exact(value: Array) -> Array:
    """Return the value, rounded before anything is done with it."""
    return lax.min(value, jnp.full_like(value, LARGEST))


def constant(words: Array, value: Number) -> Array:
    """Return the value for every word; none of them is computed then."""
    return jnp.full(words.shape, value, jnp.float32)


def uniform(words: Array, center: Number, scale: Number, low: Number, high: Number) -> Array:
    """Return the uniform law of the words."""
    return _clipped(center + exact(_signed(words).astype(jnp.float32) * scale), low, high)


def normal(words: Array, mean: Number, std: Number) -> Array:
    """Return the normal law of the words."""
    negative, u, t = probabilities(words)
    return exact(mean + exact(std * _with_sign(half_normal_quantile(u, t), negative)))


def truncated_normal(
    words: Array,
    middle: Number,
    half: Number,
    upper_tail: Number,
    lower_tail: Number,
    center: Number,
    sigma: Number,
    low: Number,
    high: Number,
) -> Array:
    """Return the truncated normal law of the words."""
    negative, u, t = probabilities(words)
    v = middle + exact(half * _with_sign(u, negative))
    below = v < 0
    gap = jnp.where(below == negative, t, spec.ONE + u)
    t = jnp.where(below, lower_tail, upper_tail) + exact(half * gap)
    z = _with_sign(half_normal_quantile(jnp.abs(v), t), below)
    return _clipped(center + exact(sigma * z), low, high)


def probabilities(words: Array) -> tuple[Array, Array, Array]:
    """Return the sign of each word, u = (m + ½)/2³¹ of its magnitude m, and t = 1 - u."""
    x = _signed(words)
    m = x ^ (x >> 31)
    u = (m.astype(jnp.float32) + spec.HALF) * spec.UNIT
    t = ((spec.LARGEST_MAGNITUDE - m).astype(jnp.float32) + spec.HALF) * spec.UNIT
    return x < 0, u, t


def half_normal_quantile(u: Array, t: Array) -> Array:
    """Return z ≥ 0 with P(|N| ≤ z) = u, given t = 1 - u."""
    q = t * (spec.ONE + u)
    bits = lax.bitcast_convert_type(q, jnp.int32)
    m = lax.bitcast_convert_type((bits & spec.MANTISSA_BITS) | spec.HALF_BITS, jnp.float32)
    octaves = exact((bits - spec.ONE_BITS).astype(jnp.float32) * spec.OCTAVE)
    v = exact(octaves + _polynomial(m, m + spec.LOG[0], spec.LOG[1:]))
    shifted = exact(v + spec.TAIL_SHIFT)
    central = _bent_polynomial(v, spec.CENTRAL_BEND, spec.CENTRAL)
    tail = _bent_polynomial(shifted, spec.TAIL_BEND, spec.TAIL)
    return jnp.where(v >= spec.SPLIT, tail, central) * u


def _bent_polynomial(v: Array, bend: np.float32, coefficients: Sequence[np.float32]) -> Array:
    x = (v + bend) * v
    return _polynomial(x, exact(x * coefficients[0]) + coefficients[1], coefficients[2:])


def _polynomial(x: Array, value: Array, coefficients: Sequence[np.float32]) -> Array:
    """Go on with Horner's rule from a first value."""
    for coefficient in coefficients:
        value = exact(value * x) + coefficient
    return value


def _signed(words: Array) -> Array:
    return lax.bitcast_convert_type(words, jnp.int32)


def _with_sign(magnitude: Array, negative: Array) -> Array:
    return jnp.where(negative, -magnitude, magnitude)


def _clipped(value: Array, low: Number, high: Number) -> Array:
    value = jnp.where(value < low, low, value)
    return jnp.where(value > high, high, value)


def sparse_normal(words: Array, second: Array, mean: Number, std: Number, kept: Array | np.uint32) -> Array:
    """Return the normal law of the words, and 0 where the second word is not below a number."""
    return jnp.where(second < kept, normal(words, mean, std), np.float32(0))


LAWS: dict[str, Callable[..., Array]] = {  # the kinds of `spec.law_of`, whose numbers come in this order
    "constant": constant,
    "uniform": uniform,
    "normal": normal,
    "truncated_normal": truncated_normal,
}
TWO_WORDS: dict[str, Callable[..., Array]] = {"sparse_normal": sparse_normal}


def values_of(kind: str, words: Callable[[int], Array], numbers: Sequence[Number | np.uint32]) -> Array:
    """Return the values of a law, given the first words of the elements for 0 and the second ones for 1."""
    if kind in TWO_WORDS:
        return TWO_WORDS[kind](words(0), words(1), *numbers)
    return LAWS[kind](words(0), *numbers)
