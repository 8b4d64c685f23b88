"""Drawing: one array from a scheme."""

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot import fans, stream
from glorot.errors import GlorotError
from glorot.schemes import Scheme, as_scheme
from glorot.stream.checks import MOST_AXES, checked_dtype
from glorot.text import quoted, shape_text


def draw(
    scheme: str | Scheme,
    shape: Sequence[int],
    *,
    seed: int,
    name: str = "weight",
    in_axis: int = -2,
    out_axis: int = -1,
    dtype: Any = np.float32,
) -> NDArray[Any]:
    """Draw one array straight from a scheme.

    W ~ scheme(fans(shape)), from the stream of (seed, name)

    Args:
        scheme: the name of a scheme, a call such as "normal(std=0.02)", or a scheme.
        shape: the shape of the array.
        seed: 0 ≤ seed < 2**64.
        name: the name in the stream; a parameter of a model has its path.
        in_axis: the axis of the inputs, -2 by default as in JAX and Keras.
        out_axis: the axis of the outputs, -1 by default; all other axes are those of a kernel.
        dtype: float32 (default), float16, float64, or of ml_dtypes bfloat16 or a float8 that has a sign and a zero.

    Returns:
        The array. The same numbers as in a parameter of that name, whatever its layout.

    Raises:
        GlorotError: if the scheme is unknown, the seed is no seed, the dtype is another one, or a scheme that needs
            fans gets a shape with one axis.

    Example:
        >>> import glorot
        >>> w = glorot.draw("xavier_uniform", (300, 100), seed=0)
        >>> w.shape, round(float(w.std()), 3), bool(abs(w).max() <= (6 / 400) ** 0.5)
        ((300, 100), 0.071, True)

    References:
        Glorot & Bengio (2010), equation 16.
    """
    rule = as_scheme(scheme)
    shape = _check_shape(shape)
    key = stream.key_of(seed, name)
    if 0 in shape:
        return np.zeros(shape, checked_dtype(dtype))
    if len(shape) < 2:
        return stream.draw(key, rule(None, shape), shape, dtype=dtype)
    axes = _label(len(shape), in_axis, out_axis)
    order = sorted(range(len(shape)), key=lambda axis: "oik".index(axes[axis]))
    sorted_shape = tuple(shape[axis] for axis in order)
    sorted_axes = "".join(axes[axis] for axis in order)
    law = rule(fans.from_axes(shape, axes), sorted_shape, sorted_axes)
    drawn = stream.draw(key, law, sorted_shape, axes=sorted_axes, dtype=dtype)
    return drawn.transpose(np.argsort(order))


def _check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Sequence) else (None,)
    if not all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0 for size in sizes):
        raise GlorotError(f"shape must be a sequence of sizes such as (300, 100), got {quoted(shape)}")
    if len(sizes) > MOST_AXES:
        raise GlorotError(f"a shape must have {MOST_AXES} axes at most, got {len(sizes)}")
    whole = tuple(int(size) for size in sizes)
    if 8 * math.prod(max(size, 1) for size in whole) > sys.maxsize:
        raise GlorotError(f"{shape_text(whole)} are more numbers than a computer can address; ask for smaller sizes")
    return whole


def _label(rank: int, in_axis: int, out_axis: int) -> str:
    for what, axis in (("in_axis", in_axis), ("out_axis", out_axis)):
        if not -rank <= axis < rank:
            raise GlorotError(f"{what}={axis} is no axis of a shape with {rank} axes")
    if in_axis % rank == out_axis % rank:
        raise GlorotError(f"in_axis={in_axis} and out_axis={out_axis} name the same axis")
    return "".join("i" if n == in_axis % rank else "o" if n == out_axis % rank else "k" for n in range(rank))
