"""The laws of the stream: from words to binary32 values, the reference that every kernel meets bit for bit.

The half-normal quantile z(u), with t = 1 - u and q = t (1 + u) = 1 - u², takes three steps:

    v = OCTAVE·(bits(q) - bits(1)) + LOG(m)    a multiple of log q, from its bits and its mantissa m in [½, 1)
    x = (v + BEND)·v                           a bent axis, on which low degrees suffice
    z = u·CENTRAL(x)                           and where v ≥ SPLIT, u·TAIL(x) with a shifted v and its own BEND

| where           | operations | largest error/max(1, z) |
|-----------------|------------|-------------------------|
| z < 3.08        | 32         | 1.4e-6                  |
| 3.08 ≤ z ≤ 9.02 | 25 more    | 1.3e-6                  |

Published bound: ERROR_BOUND. A word crosses the split with probability 0.0021. The coefficients come from
benchmarks/fit_inverse_cdf.py, highest power first; LOG is monic, its first number belongs to m⁵.
"""

import decimal
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import (
    Bilinear,
    Constant,
    Distribution,
    Identity,
    Normal,
    Orthogonal,
    PositiveUnitball,
    SparseNormal,
    TruncatedNormal,
    Uniform,
)
from glorot.errors import GlorotError
from glorot.stream.philox import Words

Floats = NDArray[np.float32]
Signs = NDArray[np.bool_]

F32 = np.float32
HALF, ONE, UNIT = F32(0.5), F32(1), F32(2.0**-31)
LARGEST_MAGNITUDE = np.int32(2**31 - 1)
ONE_BITS, HALF_BITS, MANTISSA_BITS = np.int32(0x3F800000), np.int32(0x3F000000), np.int32(0x007FFFFF)


def _coefficients(*numbers: float) -> tuple[np.float32, ...]:
    return tuple(F32(number) for number in numbers)


ERROR_BOUND = 2e-6
OCTAVE = F32(-7.40895771e-08)
LOG = _coefficients(-5.38078308, 12.4419689, -16.2006721, 13.2110767, -6.3376112, -1.4239198)
SPLIT = F32(2.231)
CENTRAL_BEND = F32(-19.6903706)
CENTRAL = _coefficients(-1.2880824e-11, 1.97220396e-09, 9.26747319e-08, 2.38815737e-05, -0.0193551313, 2.29603553)
TAIL_SHIFT, TAIL_BEND = F32(-15.243001), F32(-80.6982422)
TAIL = _coefficients(
    2.37934365e-33, -1.32141138e-30, -4.23817293e-27, -2.26344724e-24, 5.30170306e-21, -1.82632149e-17,
    -1.33701864e-15, -1.16097347e-10, -4.09162304e-08, -0.00220750598, 6.10459614,
)  # fmt: skip
FARTHEST_NORMAL = 6.5  # above |z| at t = 2⁻³², the last word
FARTHEST_TRUNCATED = 9.1  # above |z| at the last word of a law cut at 6 sigma
NEGLIGIBLE_CUT = 12.0  # what lies beyond is too little for any sum here to notice
EVERY_WORD = 2**32  # above every word


@dataclass(frozen=True)
class Law:
    """A law with its numbers rounded to binary32: a function from the words of elements to their values.

    Attributes:
        kind: the name of its function.
        numbers: what that takes beside the words.
        kept: what a second word must be below for its element to keep the value; the others are 0.
    """

    kind: str
    numbers: tuple[float, ...]
    kept: int = EVERY_WORD

    @property
    def is_sparse(self) -> bool:
        """Whether elements have a second word to be asked."""
        return self.kept < EVERY_WORD

    def __call__(self, words: Words) -> Floats:
        """Return the values of first words, before any of them is dropped."""
        return KINDS[self.kind](words, *map(F32, self.numbers))


@functools.lru_cache(maxsize=1024)
def law_of(distribution: Distribution) -> Law:
    """Return the law of a distribution, with its numbers in the order of the function of its kind."""
    match distribution:
        case Constant(value):
            law = _law("constant", value)
            return law if value else replace(law, numbers=(value,))  # -0 keeps its sign
        case Uniform(low, high):
            return _law("uniform", (low + high) / 2, (high - low) / 2 * 2.0**-31, low, high)
        case Normal(mean, std):
            return _law("normal", mean, std)
        case TruncatedNormal(center, sigma, low, high):
            window = map(float, probability_window(*distribution.cuts))
            return _law("truncated_normal", *window, center, sigma, low, high)
        case SparseNormal(center, sigma, density):
            return replace(_law("normal", center, sigma), kept=math.floor(density * EVERY_WORD))
    raise GlorotError(f"the stream has no law for {type(distribution).__name__}")


def _law(kind: str, *numbers: float) -> Law:
    """Round the numbers to binary32: beyond its range to the largest, below its normal range to 0."""
    limits = np.finfo(np.float32)
    cut = [min(max(number, float(limits.min)), float(limits.max)) for number in numbers]
    return Law(kind, tuple([float(F32(number)) if abs(number) >= float(limits.tiny) else 0.0 for number in cut]))


def reach_of(distribution: Distribution) -> float:
    """Return a bound on the magnitude of what a law draws."""
    match distribution:
        case Constant(value):
            return abs(value)
        case Uniform(low, high):
            return max(abs(low), abs(high))
        case Normal(mean, std) | SparseNormal(mean, std):
            return abs(mean) + FARTHEST_NORMAL * std
        case TruncatedNormal(center, sigma, low, high):
            return min(max(abs(low), abs(high)), abs(center) + FARTHEST_TRUNCATED * sigma)
        case Orthogonal(gain) | Identity(gain) | PositiveUnitball(_, gain) | Bilinear(gain):
            return abs(gain)
    raise GlorotError(f"the stream has no law for {type(distribution).__name__}")


def size_of(distribution: Distribution) -> float:
    """Return the magnitude that a law typically draws: the root of the mean square, for a matrix its gain."""
    match distribution:
        case SparseNormal(center, sigma):
            return math.hypot(center, sigma)
        case Orthogonal() | Identity() | PositiveUnitball() | Bilinear():
            return reach_of(distribution)
    return math.hypot(distribution.mean, distribution.std)


def _constant(words: Words, value: np.float32) -> Floats:
    return np.full(words.shape, value)


def _uniform(words: Words, center: np.float32, scale: np.float32, low: np.float32, high: np.float32) -> Floats:
    values: Floats = center + words.view(np.int32).astype(np.float32) * scale
    return values.clip(low, high)


def _normal(words: Words, mean: np.float32, std: np.float32) -> Floats:
    negative, u, t = probabilities(words)
    values: Floats = mean + std * _with_sign(half_normal_quantile(u, t), negative)
    return values


def _truncated_normal(
    words: Words,
    middle: np.float32,
    half: np.float32,
    upper_tail: np.float32,
    lower_tail: np.float32,
    center: np.float32,
    sigma: np.float32,
    low: np.float32,
    high: np.float32,
) -> Floats:
    negative, u, t = probabilities(words)
    v = middle + half * _with_sign(u, negative)
    below = v < 0
    # 1 - |v| without cancellation: what the cut takes, and what lies between it and the draw.
    gap = np.where(below == negative, t, ONE + u)
    t = np.where(below, lower_tail, upper_tail) + half * gap
    values: Floats = center + sigma * _with_sign(half_normal_quantile(np.abs(v), t), below)
    return values.clip(low, high)


KINDS: dict[str, Callable[..., Floats]] = {  # in the order of the native kernel
    "constant": _constant,
    "uniform": _uniform,
    "normal": _normal,
    "truncated_normal": _truncated_normal,
}


def probabilities(words: Words) -> tuple[Signs, Floats, Floats]:
    """Return the sign of each word, u = (m + ½)/2³¹ of its magnitude m, and t = 1 - u, exact in the tail."""
    x = words.view(np.int32)
    m = x ^ (x >> np.int32(31))
    u = (m.astype(np.float32) + HALF) * UNIT
    t = ((LARGEST_MAGNITUDE - m).astype(np.float32) + HALF) * UNIT
    return x < 0, u, t


def half_normal_quantile(u: Floats, t: Floats) -> Floats:
    """Return z ≥ 0 with P(|N| ≤ z) = u, given u in (0, 1] and t = 1 - u in [2e-19, 1]."""
    q = t * (ONE + u)
    bits = q.view(np.int32)
    m = ((bits & MANTISSA_BITS) | HALF_BITS).view(np.float32)
    v = (bits - ONE_BITS).astype(np.float32) * OCTAVE + _polynomial(m, m + LOG[0], LOG[1:])
    x = (v + CENTRAL_BEND) * v
    z = _polynomial(x, x * CENTRAL[0] + CENTRAL[1], CENTRAL[2:])
    far = np.flatnonzero(v >= SPLIT)
    v = v[far] + TAIL_SHIFT
    x = (v + TAIL_BEND) * v
    z[far] = _polynomial(x, x * TAIL[0] + TAIL[1], TAIL[2:])
    z *= u
    return z


def _polynomial(x: Floats, value: Floats, coefficients: Sequence[np.float32]) -> Floats:
    """Go on with Horner's rule, in place, from a first value."""
    for coefficient in coefficients:
        value *= x
        value += coefficient
    return value


def _with_sign(magnitude: Floats, negative: Signs) -> Floats:
    return np.where(negative, -magnitude, magnitude)


TWO_OVER_ROOT_PI = Decimal("1.1283791670955125738961589031215451716881012586579977136881714434212849368829868")


@functools.lru_cache(maxsize=256)
def probability_window(alpha: float, beta: float) -> tuple[np.float32, ...]:
    """Return (v_lo + v_hi)/2, (v_hi - v_lo)/2, 1 - v_hi and 1 + v_lo, where v = erf(cut/√2).

    Computed in decimal arithmetic, so that every platform gets the same bits.
    """
    with decimal.localcontext(decimal.Context(prec=80)):
        low, high = _erf_of_cut(alpha), _erf_of_cut(beta)
        return F32((low + high) / 2), F32((high - low) / 2), F32(1 - high), F32(1 + low)


def _erf_of_cut(cut: float) -> Decimal:
    """Return erf(cut/√2) = 2/√π · exp(-x²) Σ 2ⁿ x²ⁿ⁺¹/(2n + 1)!!, whose terms have one sign."""
    if abs(cut) > NEGLIGIBLE_CUT:
        return Decimal(1).copy_sign(Decimal(cut))
    x = Decimal(cut) / Decimal(2).sqrt()
    term = total = x
    n = 0
    while abs(term) > abs(total) * Decimal("1e-78"):
        n += 1
        term *= 2 * x * x / (2 * n + 1)
        total += term
    return TWO_OVER_ROOT_PI * (-x * x).exp() * total
