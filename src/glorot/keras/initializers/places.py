"""Shapes: what of a tensor is asked for, which axis is which, and the fans that Keras reads off."""

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from glorot.errors import GlorotError
from glorot.fans import Fans

Shape = tuple[int, ...]
Box = tuple[tuple[int, int], ...]
ORDER = "boik"  # of the axes in the stream


class Place(NamedTuple):
    """A box of a whole tensor: all of it, or a shard of a partitioned variable."""

    whole: Shape
    box: Box

    @property
    def extents(self) -> Shape:
        """The shape of the box."""
        return tuple(stop - start for start, stop in self.box)

    @property
    def begins(self) -> bool:
        """Whether the box holds the first element of the tensor."""
        return not any(start for start, _ in self.box)


def placed(owner: str, shape: Any, partition_info: Any = None) -> Place:
    """Return the place that a call asks for.

    Args:
        owner: who is called, for messages.
        shape: the shape of the tensor, or of the shard.
        partition_info: of a shard, TensorFlow's (full_shape, var_offset).
    """
    extents = checked_shape(owner, shape)
    if partition_info is None:
        return Place(extents, tuple((0, extent) for extent in extents))
    whole = checked_shape(owner, partition_info.full_shape)
    starts = checked_shape(owner, partition_info.var_offset)
    fits = len(whole) == len(starts) == len(extents)
    if not fits or any(a + n > full for a, n, full in zip(starts, extents, whole, strict=True)):
        raise GlorotError(f"{owner}: a shard of shape {extents} at {starts} does not lie in a tensor of shape {whole}")
    return Place(whole, tuple((a, a + n) for a, n in zip(starts, extents, strict=True)))


def checked_shape(owner: str, shape: Any) -> Shape:
    """Return a shape as a tuple of sizes."""
    try:
        sizes = tuple(map(operator.index, shape))
    except (TypeError, ValueError):
        sizes = (-1,)
    if min(sizes, default=0) < 0:
        raise GlorotError(
            f"{owner}: shape must be a sequence of sizes from 0 upwards, such as (300, 100), got {shape!r}; "
            "every size must be known when weights are drawn"
        )
    return sizes


def checked_axes(owner: str, input_axes: Any, output_axes: Any) -> tuple[Shape | None, Shape | None]:
    """Return both axes arguments as tuples, or None for both."""
    if input_axes is None and output_axes is None:
        return None, None
    if input_axes is None or output_axes is None:
        raise GlorotError(
            f"{owner}: input_axes and output_axes go together, got input_axes={input_axes!r}, "
            f"output_axes={output_axes!r}; give both, or none to read the fans off the last two axes"
        )
    return _whole_numbers(owner, "input_axes", input_axes), _whole_numbers(owner, "output_axes", output_axes)


def labels(owner: str, shape: Shape, input_axes: Shape | None = None, output_axes: Shape | None = None) -> str:
    """Return a letter for each axis: (kernel…, in, out), or what the two arguments name.

    Axes that neither of them names hold independent matrices; one axis alone has no label to bear and is a kernel's.
    """
    rank = len(shape)
    if input_axes is None or output_axes is None:
        return "k" * rank if rank < 2 else "k" * (rank - 2) + "io"
    letters = ["b"] * rank
    for letter, axes in (("i", input_axes), ("o", output_axes)):
        for axis in axes:
            if not -rank <= axis < rank or letters[axis] != "b":
                raise GlorotError(
                    f"{owner}: input_axes={list(input_axes)} and output_axes={list(output_axes)} must name axes of the "
                    f"shape {shape}, each at most once"
                )
            letters[axis] = letter
    return "".join(letters)


def keras_fans(shape: Shape, input_axes: Shape | None = None, output_axes: Shape | None = None) -> Fans:
    """Return the fans that Keras reads off a shape, 1 at least."""
    if input_axes is not None and output_axes is not None:
        counts = math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    elif len(shape) < 2:
        counts = math.prod(shape), math.prod(shape)
    else:
        kernel = math.prod(shape[:-2])
        counts = shape[-2] * kernel, shape[-1] * kernel
    return Fans(float(max(1, counts[0])), float(max(1, counts[1])))


def _whole_numbers(owner: str, name: str, axes: Sequence[int]) -> Shape:
    try:
        return tuple(map(operator.index, axes))
    except TypeError:
        raise GlorotError(f"{owner}: {name} must be a sequence of axes such as [0, 1], got {axes!r}") from None
