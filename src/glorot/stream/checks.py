"""What an argument of the stream must be, and what is said where it is not."""

import contextlib
import functools
import math
import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glorot.distributions import LAWS, Constant, Distribution
from glorot.errors import GlorotError
from glorot.stream.elements import ELEMENTS, EXPECTED, element_of
from glorot.stream.philox import Key
from glorot.stream.pieces import Box, Shape
from glorot.stream.spec import reach_of, size_of

MOST_AXES = 64
"""As many an array of NumPy may have."""

DISTRIBUTIONS = frozenset(LAWS.values())


def checked_shape(shape: Sequence[int]) -> Shape:
    """Return a global shape as a tuple of integers."""
    extents = _whole_numbers(shape)
    if extents is None:
        raise GlorotError(f"shape must be a sequence of whole numbers from 0 upwards, got {shape!r}")
    _check_extents(extents)
    return extents


@functools.lru_cache(maxsize=1024)
def _check_extents(shape: Shape) -> None:
    if min(shape, default=0) < 0:
        raise GlorotError(f"shape must be a sequence of whole numbers from 0 upwards, got {shape!r}")
    if len(shape) > MOST_AXES:
        raise GlorotError(f"a shape must have {MOST_AXES} axes at most, got {len(shape)}")
    if math.prod(shape) >= 2**64:
        raise GlorotError(f"shape {shape} has 2**64 elements or more, beyond the 64-bit index of the stream")


def checked_box(box: Sequence[tuple[int, int]] | None, shape: Shape) -> Box:
    """Return a box of a shape, (start, stop) along each axis; None is the whole."""
    if box is None:
        return tuple([(0, extent) for extent in shape])
    bounds = [_whole_numbers(pair) for pair in box] if isinstance(box, Sequence) else [None]
    pairs = [(pair[0], pair[1]) for pair in bounds if pair is not None and len(pair) == 2]
    fits = len(pairs) == len(bounds) == len(shape)
    if not fits or any(not 0 <= lo <= hi <= n for (lo, hi), n in zip(pairs, shape, strict=True)):
        raise GlorotError(f"box must give 0 <= start <= stop <= extent for each axis of the shape {shape}, got {box!r}")
    return tuple(pairs)


def _whole_numbers(values: Sequence[int]) -> Shape | None:
    try:
        return tuple(map(operator.index, values))
    except TypeError:
        return None


def checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a dtype that the stream can write."""
    known = None
    with contextlib.suppress(TypeError):
        known = None if dtype is None else np.dtype(dtype)
    if known is None:
        raise GlorotError(f"dtype must be {EXPECTED}, got {dtype}; is its package imported?")
    element_of(known)
    return known


def checked_out(out: NDArray[Any], extents: Shape) -> str:
    """Return the element type of an array that has some extents, and its own, writable memory for each element."""
    if not isinstance(out, np.ndarray):
        raise GlorotError(f"out must be a NumPy array, got {type(out).__name__}")
    element = element_of(out.dtype)
    if out.shape != extents:
        raise GlorotError(f"out has shape {out.shape}, but the box has extents {extents}; they must be equal")
    flags = out.flags
    if not flags.behaved:  # aligned and writable
        if not flags.writeable:
            raise GlorotError("out is read-only; pass an array that can be written")
        raise GlorotError(f"out does not begin at a multiple of {out.itemsize} bytes; pass a copy")
    if not flags.c_contiguous and out.size and overlap(out.strides, out.shape, out.itemsize):
        raise GlorotError(f"out has elements that share memory (strides {out.strides}); pass a copy")
    return element


def overlap(strides: Sequence[int], extents: Sequence[int], size: int) -> bool:
    """Tell whether some axis steps less far than the axes inside it reach; no view of a whole array does.

    Args:
        strides: the step along each axis.
        extents: the number of elements along each axis.
        size: the size of an element, in the unit of the strides.
    """
    reach = size
    for stride, extent in sorted((abs(s), n) for s, n in zip(strides, extents, strict=True) if n > 1):
        if stride < reach:
            return True
        reach += stride * (extent - 1)
    return False


def checked_key(key: Key) -> Key:
    """Return a key of two 32-bit words."""
    words = _whole_numbers(key)
    if words is None or len(words) != 2 or not (0 <= words[0] < 2**32 and 0 <= words[1] < 2**32):
        raise GlorotError(f"key must be two whole numbers below 2**32, as key_of returns them, got {key!r}")
    return Key(*words)


def check_constant(value: Any, element: str) -> None:
    """Raise if a number that a framework writes itself, in its own precision, would become infinite, NaN or 0."""
    if element in ELEMENTS and element != "float64" and isinstance(value, Real) and math.isfinite(value):
        check_law(Constant(float(value)), element)


def check_law(distribution: Distribution, element: str) -> None:
    """Raise unless a law is one, and an element type can hold what it draws, neither beyond its range nor all 0."""
    if type(distribution) not in DISTRIBUTIONS:
        raise GlorotError(f"distribution must be one of glorot.distributions, got {distribution!r}")
    reach, size, held = reach_of(distribution), size_of(distribution), ELEMENTS[element]
    if reach > held.largest:
        stored = "values are computed in float32, which" if element == "float64" else element
        wider = "" if element in ("float32", "float64") else " or a wider dtype"
        raise GlorotError(
            f"{distribution} reaches {reach:g}, but {stored} holds at most {held.largest:g}; "
            f"choose a smaller scale{wider}"
        )
    if 0 < size < held.least:
        raise GlorotError(
            f"{distribution} is of size {size:g}, but {element} rounds what is below {held.least:g} to 0; "
            "choose a larger scale or a wider dtype, or zeros where 0 is meant"
        )
