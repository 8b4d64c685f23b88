"""The laws that are given by their numbers: uniform, normal and truncated normal."""

import math
from dataclasses import dataclass

from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike

from glorot.distributions import MOST_EXTREME_CUT, Constant, Distribution, Normal, TruncatedNormal, Uniform
from glorot.errors import GlorotError
from glorot.jax.initializers.base import RandomInitializer, number, told_by
from glorot.stream.pieces import Shape

FARTHEST_CUT = 16.0  # std; the stream takes what lies beyond 12 for infinite


@dataclass(frozen=True, kw_only=True)
class OneLaw(RandomInitializer):
    """An initializer that draws arrays of every shape from the same law."""

    distribution: Distribution

    def law(self, shape: Shape) -> Distribution:
        """Return the law."""
        return self.distribution


def uniform(scale: ArrayLike = 1e-2, dtype: DTypeLike | None = None) -> Initializer:
    """Build an initializer that draws uniform numbers from 0 up to a scale.

    W ~ U(0, scale), mean scale/2, Var(W) = scale²/12

    As in JAX the law is one-sided: its mean is not 0. For weights around 0 there are `variance_scaling` and the
    functions named after it.

    Args:
        scale: the far end, 0.01 by default; it may be negative, and 0 makes zeros. Both ends can occur; JAX's own
            excludes the far one.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: if |scale|/2 is neither 0 nor in [2⁻⁶⁴, 2⁶⁴]; on the call, if a dtype cannot hold the values.

    Example:
        >>> import jax
        >>> w = uniform(0.1)(jax.random.key(0), (300, 100))
        >>> round(float(w.mean()), 2), round(float(w.min()), 3), round(float(w.max()), 3)
        (0.05, 0.0, 0.1)

    References:
        `jax.nn.initializers.uniform`.
    """
    with told_by("uniform"):
        end = number("scale", scale)
        law = Constant(end) if end == 0 else Uniform(min(end, 0.0), max(end, 0.0))
    return OneLaw(name="uniform", dtype=dtype, distribution=law)


def normal(stddev: ArrayLike = 1e-2, dtype: DTypeLike | None = None) -> Initializer:
    """Build an initializer that draws normal numbers.

    W ~ N(0, stddev²)

    Args:
        stddev: the standard deviation, 0.01 by default; 0 makes zeros.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: if stddev is neither 0 nor in [2⁻⁶⁴, 2⁶⁴]; on the call, if a dtype cannot hold the values.

    Example:
        The table of an embedding, where every word has the same law however many there are:

        >>> import jax
        >>> table = normal(0.02)(jax.random.key(0), (1000, 64))
        >>> round(float(table.std()), 3)
        0.02

    References:
        `jax.nn.initializers.normal`. Radford et al. (2018), "Improving Language Understanding by Generative
        Pre-Training", section 4.1, for std = 0.02.
    """
    with told_by("normal"):
        std = _checked_std(stddev)
        law = Normal(0.0, std) if std else Constant(0.0)
    return OneLaw(name="normal", dtype=dtype, distribution=law)


def truncated_normal(
    stddev: ArrayLike = 1e-2, dtype: DTypeLike | None = None, lower: ArrayLike = -2.0, upper: ArrayLike = 2.0
) -> Initializer:
    """Build an initializer that draws normal numbers which stay within two cuts.

    W = stddev·z, z ~ N(0, 1) given lower ≤ z ≤ upper

    The cuts are multiples of stddev; PyTorch's `trunc_normal_` takes values. And stddev is that of the normal
    *before* the cut: cut at ±2, the numbers drawn have 0.88 of it. `variance_scaling` makes up for that, this
    function does not.

    Args:
        stddev: the standard deviation before the cut, 0.01 by default; 0 makes zeros.
        dtype: float32, bfloat16, float16, float8, or under x64 float64, where a call names none; None is JAX's default.
        lower: lower cut in units of stddev, -2 by default; may be -inf.
        upper: upper cut in units of stddev, 2 by default; may be inf.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: if stddev is neither 0 nor in [2⁻⁶⁴, 2⁶⁴], lower is above upper, or both are above 6 or below
            -6; on the call, if a dtype cannot hold the values.

    Example:
        >>> import jax
        >>> w = truncated_normal(0.02)(jax.random.key(0), (300, 300))
        >>> bool(abs(w).max() <= 0.04), round(float(w.std() / 0.02), 2)
        (True, 0.88)

    References:
        `jax.nn.initializers.truncated_normal`. Burkardt (2014), "The Truncated Normal Distribution", section 3.
    """
    with told_by("truncated_normal"):
        law = _truncated(_checked_std(stddev), number("lower", lower), number("upper", upper))
    return OneLaw(name="truncated_normal", dtype=dtype, distribution=law)


def _truncated(std: float, lower: float, upper: float) -> Distribution:
    if not lower <= upper:
        raise GlorotError(f"lower must not be above upper, got lower={lower:g}, upper={upper:g}")
    if lower > MOST_EXTREME_CUT or upper < -MOST_EXTREME_CUT:
        raise GlorotError(
            f"from lower={lower:g} to upper={upper:g}, more than {MOST_EXTREME_CUT:g} stddev from the mean, the normal "
            "law has next to nothing; lower and upper are multiples of stddev"
        )
    low, high = std * max(lower, -FARTHEST_CUT), std * min(upper, FARTHEST_CUT)
    return Constant(low) if low == high else TruncatedNormal(0.0, std, low, high)


def _checked_std(stddev: ArrayLike) -> float:
    std = number("stddev", stddev)
    if not 0 <= std < math.inf:
        raise GlorotError(f"stddev must be a finite number from 0 upwards, got {std:g}")
    return std
