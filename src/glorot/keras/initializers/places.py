"""Shapes: what of a tensor is asked for, and which axis is which."""

import operator
from typing import Any, NamedTuple

from glorot.dropins.arguments import letters
from glorot.errors import GlorotError

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


def placed(shape: Any, partition_info: Any = None) -> Place:
    """Return the place that a call asks for.

    Args:
        shape: the shape of the tensor, or of the shard.
        partition_info: of a shard, TensorFlow's (full_shape, var_offset).
    """
    extents = checked_shape(shape)
    if partition_info is None:
        return Place(extents, tuple((0, extent) for extent in extents))
    whole = checked_shape(partition_info.full_shape)
    starts = checked_shape(partition_info.var_offset)
    fits = len(whole) == len(starts) == len(extents)
    if not fits or any(a + n > full for a, n, full in zip(starts, extents, whole, strict=True)):
        raise GlorotError(f"a shard of shape {extents} at {starts} does not lie in a tensor of shape {whole}")
    return Place(whole, tuple((a, a + n) for a, n in zip(starts, extents, strict=True)))


def checked_shape(shape: Any) -> Shape:
    """Return a shape as a tuple of sizes."""
    try:
        sizes = tuple(map(operator.index, shape))
    except (TypeError, ValueError):
        sizes = (-1,)
    if min(sizes, default=0) < 0:
        raise GlorotError(
            f"shape must be a sequence of sizes from 0 upwards, such as (300, 100), got {shape!r}; "
            "every size must be known when weights are drawn"
        )
    return sizes


def labels(shape: Shape, input_axes: Shape | None = None, output_axes: Shape | None = None) -> str:
    """Return a letter for each axis: (kernel…, in, out), or what the two arguments name.

    Axes that neither of them names hold independent matrices; one axis alone counts as kernel.
    """
    if input_axes is None or output_axes is None:
        return "k" * len(shape) if len(shape) < 2 else "k" * (len(shape) - 2) + "io"
    return letters(shape, {"input_axes": ("i", input_axes), "output_axes": ("o", output_axes)}, rest="b")
