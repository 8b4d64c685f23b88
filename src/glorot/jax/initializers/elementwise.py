"""The laws that are given by their numbers: uniform, normal and truncated normal."""

from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike

from glorot.jax.initializers.base import one_law


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
    return one_law("uniform", dtype, scale)


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
    return one_law("normal", dtype, stddev)


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
    return one_law("truncated_normal", dtype, stddev, lower, upper)
