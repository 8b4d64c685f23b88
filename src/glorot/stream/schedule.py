"""Filling arrays: checked arguments, and tiles that keep memory bounded."""

import contextlib
import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glorot.distributions import Constant, Distribution, Identity, Normal, Orthogonal
from glorot.errors import GlorotError
from glorot.stream.matrix import Box, Shape, check_axes, fill_identity, fill_orthogonal
from glorot.stream.philox import Indices, Key, words_at, words_of_run
from glorot.stream.spec import Law, law_of, reach_of

TILE = 2**16  # elements; the scratch of one tile stays in the second-level cache
DTYPES = tuple(np.dtype(kind) for kind in (np.float16, np.float32, np.float64))


def fill(
    out: NDArray[Any],
    key: Key,
    distribution: Distribution,
    shape: Sequence[int],
    box: Sequence[tuple[int, int]] | None = None,
    axes: str | None = None,
) -> None:
    """Write the values of a box of a part into an array.

    out[j] = cast(law(word(i))), where i is the row-major index of element j in the *global* shape: a shard
    or a slice holds what the whole would hold there.

    Args:
        out: a writable float16, float32 or float64 array with the extents of the box, of any strides.
        key: the key of the part's stream, from `key_of`.
        distribution: the law to draw from.
        shape: the global shape of the part.
        box: (start, stop) along each axis of the shape; None is the whole.
        axes: a letter for each axis: b (batch), o (out), i (in), k (kernel). Only the whole-matrix laws,
            `Orthogonal` and `Identity`, need it.

    Raises:
        GlorotError: if an argument does not fit; nothing has been written then.

    Example:
        >>> import numpy as np
        >>> from glorot.distributions import Uniform
        >>> from glorot.stream import draw, fill, key_of
        >>> key, law = key_of(0, "w"), Uniform.symmetric(0.1)
        >>> row = np.empty((1, 3), np.float32)
        >>> fill(row, key, law, (4, 3), box=((2, 3), (0, 3)))
        >>> bool((row == draw(key, law, (4, 3))[2]).all())
        True
    """
    shape = _checked_shape(shape)
    box = _checked_box(box, shape)
    _check_out(out, box)
    key = _checked_key(key)
    if not isinstance(distribution, Distribution):
        raise GlorotError(f"distribution must be one of glorot.distributions, got {distribution!r}")
    _check_reach(distribution, out.dtype)
    if isinstance(distribution, Orthogonal | Identity):
        check_axes(distribution, shape, axes)
    if out.size == 0:
        return
    if isinstance(distribution, Orthogonal):
        normals = functools.partial(_fill_elements, key=key, law=law_of(Normal()), shape=shape)
        fill_orthogonal(out, distribution.gain, str(axes), shape, box, fill_normals=normals)
    elif isinstance(distribution, Identity):
        fill_identity(out, distribution.gain, str(axes), shape, box)
    elif isinstance(distribution, Constant):
        out[...] = np.float32(distribution.value)
    else:
        _fill_elements(out, box, key=key, law=law_of(distribution), shape=shape)


def draw(
    key: Key,
    distribution: Distribution,
    shape: Sequence[int],
    axes: str | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Return a whole part as a new array.

    w[j] = cast(law(word(i))), i the row-major index of element j.

    Args:
        key: the key of the part's stream, from `key_of`.
        distribution: the law to draw from.
        shape: the shape of the part.
        axes: a letter for each axis, as in `fill`.
        dtype: float16, float32 or float64.

    Returns:
        A C-contiguous array.

    Raises:
        GlorotError: if an argument does not fit.

    Example:
        >>> from glorot.distributions import Normal
        >>> from glorot.stream import draw, key_of
        >>> draw(key_of(0, "layers.0.weight"), Normal(std=0.02), (2, 3)).shape
        (2, 3)
    """
    out = np.empty(_checked_shape(shape), _checked_dtype(dtype))
    fill(out, key, distribution, shape, axes=axes)
    return out


def _fill_elements(out: NDArray[Any], box: Box, *, key: Key, law: Law, shape: Shape) -> None:
    for tile in _tiles(out.shape):
        ranges = [range(lo + cut.start, lo + cut.stop) for cut, (lo, _) in zip(tile, box, strict=True)]
        count = math.prod(map(len, ranges))
        first, last = (_row_major([along[end] for along in ranges], shape) for end in (0, -1))
        is_run = last - first == count - 1
        words = words_of_run(key, first, count) if is_run else words_at(key, _indices(ranges, shape))
        out[tile] = law(words).reshape(tuple(map(len, ranges)))


def _tiles(extents: Shape) -> Iterator[tuple[slice, ...]]:
    """Cut a box into tiles of at most TILE elements: trailing axes whole, a slab of the axis before them."""
    axis, rest = len(extents), 1
    while axis and rest * extents[axis - 1] <= TILE:
        axis -= 1
        rest *= extents[axis]
    steps = [1] * len(extents)
    steps[axis:] = extents[axis:]
    if axis:
        steps[axis - 1] = TILE // rest
    cuts = [
        [slice(start, min(start + step, extent)) for start in range(0, extent, step)]
        for extent, step in zip(extents, steps, strict=True)
    ]
    yield from itertools.product(*cuts)


def _row_major(point: Sequence[int], shape: Shape) -> int:
    return functools.reduce(lambda index, step: index * step[1] + step[0], zip(point, shape, strict=True), 0)


def _indices(ranges: Sequence[range], shape: Shape) -> Indices:
    """Return the row-major indices of the points of a tile, ascending."""
    index = np.zeros(1, np.uint64)
    for along, extent in zip(ranges, shape, strict=True):
        steps = np.arange(along.start, along.stop, dtype=np.uint64)
        index = (index[:, np.newaxis] * np.uint64(extent) + steps).reshape(-1)
    return index


def _checked_shape(shape: Sequence[int]) -> Shape:
    extents = _whole_numbers(shape)
    if extents is None or any(extent < 0 for extent in extents):
        raise GlorotError(f"shape must be a sequence of whole numbers from 0 upwards, got {shape!r}")
    if math.prod(extents) >= 2**64:
        raise GlorotError(f"shape {extents} has 2**64 elements or more, beyond the 64-bit index of the stream")
    return extents


def _checked_box(box: Sequence[tuple[int, int]] | None, shape: Shape) -> Box:
    if box is None:
        return tuple((0, extent) for extent in shape)
    bounds = [_whole_numbers(pair) for pair in box]
    pairs = [(pair[0], pair[1]) for pair in bounds if pair is not None and len(pair) == 2]
    fits = len(pairs) == len(bounds) == len(shape)
    if not fits or any(not 0 <= lo <= hi <= n for (lo, hi), n in zip(pairs, shape, strict=True)):
        raise GlorotError(f"box must give 0 <= start <= stop <= extent for each axis of the shape {shape}, got {box!r}")
    return tuple(pairs)


def _whole_numbers(values: Sequence[int]) -> Shape | None:
    try:
        return tuple(operator.index(value) for value in values)
    except TypeError:
        return None


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    for known in DTYPES:
        with contextlib.suppress(TypeError):
            if np.dtype(dtype) == known:
                return known
    raise GlorotError(
        f"dtype must be float16, float32 or float64 in native byte order, got {dtype}; "
        "for another one fill float32 and cast it once"
    )


def _check_out(out: NDArray[Any], box: Box) -> None:
    if not isinstance(out, np.ndarray):
        raise GlorotError(f"out must be a NumPy array, got {type(out).__name__}")
    _checked_dtype(out.dtype)
    extents = tuple(stop - start for start, stop in box)
    if out.shape != extents:
        raise GlorotError(f"out has shape {out.shape}, but the box has extents {extents}; they must be equal")
    if not out.flags.writeable:
        raise GlorotError("out is read-only; pass an array that can be written")
    if out.size and _overlaps_itself(out):
        raise GlorotError(f"out has elements that share memory (strides {out.strides}); pass a copy")


def _overlaps_itself(out: NDArray[Any]) -> bool:
    """Tell whether some axis steps less far than the axes inside it reach; no view of a whole array does."""
    reach = out.itemsize
    for stride, extent in sorted((abs(s), n) for s, n in zip(out.strides, out.shape, strict=True) if n > 1):
        if stride < reach:
            return True
        reach += stride * (extent - 1)
    return False


def _checked_key(key: Key) -> Key:
    words = _whole_numbers(key)
    if words is None or len(words) != 2 or any(not 0 <= word < 2**32 for word in words):
        raise GlorotError(f"key must be two whole numbers below 2**32, as key_of returns them, got {key!r}")
    return Key(*words)


def _check_reach(distribution: Distribution, dtype: np.dtype[Any]) -> None:
    reach, largest = reach_of(distribution), float(np.finfo(min(dtype, np.dtype(np.float32))).max)
    if reach > largest:
        raise GlorotError(
            f"{distribution} reaches {reach:g}, but values are computed in float32 and stored as {dtype}, "
            f"which hold at most {largest:g}; choose a smaller scale or a wider dtype"
        )
