"""What needs no random numbers, and is JAX's own: constants, ones and zeros."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike, DTypeLike
from numpy.typing import NDArray

from glorot.dropins.arguments import name_errors
from glorot.jax.initializers.base import OutSharding
from glorot.stream.checks import check_constant


def constant(value: ArrayLike, dtype: DTypeLike | None = None) -> Initializer:
    """Build an initializer that fills an array with one value.

    W = value

    Weights that are all equal get equal gradients and never part; constants are for biases and scales. Nothing is
    drawn, so JAX fills the array: the key is not looked at, and every dtype is taken that JAX takes.

    Args:
        value: the value, or an array that is broadcast to the shape.
        dtype: the dtype where a call names none; None is JAX's default, float32, or float64 under x64.

    Returns:
        The initializer, `init(key, shape, dtype, out_sharding)`.

    Raises:
        GlorotError: on the call, if the dtype would turn the value into infinity, NaN or 0, as 1e5 in float16.
        ValueError: from JAX on the call, if the value cannot be broadcast to the shape.

    Example:
        A classifier of rare events, one in a hundred, starts by expecting as many of them; its first batches
        then teach it more than that they are rare:

        >>> import math
        >>> prior = constant(-math.log(99))
        >>> float(jax.nn.sigmoid(prior(jax.random.key(0), (1,)))[0])  # doctest: +ELLIPSIS
        0.0099...

    References:
        `jax.nn.initializers.constant`. Lin et al. (2017), "Focal Loss for Dense Object Detection", ICCV,
        section 4.1, for the example.
    """
    make = jax.nn.initializers.constant(value, dtype)

    def init(
        key: Array, shape: Sequence[int], dtype: DTypeLike | None = dtype, out_sharding: OutSharding = None
    ) -> Array:
        if not isinstance(value, jax.core.Tracer):
            with name_errors("constant"):
                _check_held(np.asarray(value), jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
        return make(key, shape, dtype, out_sharding)

    return init


def _check_held(values: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Raise if a dtype would turn numbers into infinity, NaN or 0."""
    if values.dtype.kind in "iuf":
        sizes = np.abs(values[np.isfinite(values) & (values != 0)], dtype=np.float64)
        for size in (sizes.min(initial=np.inf), sizes.max(initial=0.0)):
            check_constant(float(size), dtype.name)


def ones(key: Array, shape: Sequence[int], dtype: DTypeLike | None = None, out_sharding: OutSharding = None) -> Array:
    """Return an array full of ones.

    W = 1

    Args:
        key: a key, which is not looked at; None does as well.
        shape: the shape of the array.
        dtype: any dtype of JAX; None is its default, float32, or float64 under x64.
        out_sharding: where the array shall lie.

    Returns:
        The array.

    Raises:
        TypeError: from JAX, if shape or dtype is none.

    Example:
        The scale of a normalisation starts by changing nothing:

        >>> ones(jax.random.key(0), (3,)).tolist()
        [1.0, 1.0, 1.0]

    References:
        `jax.nn.initializers.ones`.
    """
    return jax.nn.initializers.ones(key, shape, dtype, out_sharding)


def zeros(key: Array, shape: Sequence[int], dtype: DTypeLike | None = None, out_sharding: OutSharding = None) -> Array:
    """Return an array full of zeros.

    W = 0

    Args:
        key: a key, which is not looked at; None does as well.
        shape: the shape of the array.
        dtype: any dtype of JAX; None is its default, float32, or float64 under x64.
        out_sharding: where the array shall lie.

    Returns:
        The array.

    Raises:
        TypeError: from JAX, if shape or dtype is none.

    Example:
        The last layer of a residual branch starts at zero, so that the block starts by passing its input on:

        >>> x, branch = ones(None, (4,)), zeros(None, (4, 4))
        >>> bool((x + x @ branch == x).all())
        True

    References:
        `jax.nn.initializers.zeros`. Goyal et al. (2017), "Accurate, Large Minibatch SGD", section 5.1, for the
        example, there with the scale of the last normalisation.
    """
    return jax.nn.initializers.zeros(key, shape, dtype, out_sharding)
