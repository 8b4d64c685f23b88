"""Pieces: the parts of a fill that are written one by one, by any kernel and on any thread."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from glorot.stream.philox import Key
from glorot.stream.spec import Law

Shape = tuple[int, ...]
Box = tuple[tuple[int, int], ...]


class Piece(NamedTuple):
    """A box of a part: where it is written, and the index of each of its elements."""

    out: NDArray[Any]
    element: str
    key: Key
    law: Law
    first: int  # the row-major index, in the part, of the box's first element
    steps: Shape  # by how much the index grows along each axis

    def in_memory_order(self) -> "Piece":
        """Order the axes as the memory does, so that what is cut from the first lies in one place."""
        return self if self.out.flags.c_contiguous else self._ordered([abs(stride) for stride in self.out.strides])

    def in_index_order(self) -> "Piece":
        """Order the axes as the stream does, so that indices ascend."""
        return self._ordered(self.steps)

    def _ordered(self, sizes: Sequence[int]) -> "Piece":
        order = sorted(range(len(sizes)), key=lambda axis: -sizes[axis])
        return self._replace(out=self.out.transpose(order), steps=tuple([self.steps[axis] for axis in order]))

    def cut(self, size: int) -> Iterator["Piece"]:
        """Cut into pieces of at most `size` elements."""
        if self.out.size <= size:
            yield self
            return
        for tile in tiles(self.out.shape, size):
            first = self.first + sum(cut.start * step for cut, step in zip(tile, self.steps, strict=True))
            yield self._replace(out=self.out[tile], first=first)


def tiles(extents: Shape, size: int) -> Iterator[tuple[slice, ...]]:
    """Cut a box into tiles of at most `size` elements: trailing axes whole, a slab of the axis before them."""
    axis, rest = len(extents), 1
    while axis and rest * extents[axis - 1] <= size:
        axis -= 1
        rest *= extents[axis]
    widths = [1] * len(extents)
    widths[axis:] = extents[axis:]
    if axis:
        widths[axis - 1] = size // rest
    cuts = [
        [slice(start, min(start + width, extent)) for start in range(0, extent, width)]
        for extent, width in zip(extents, widths, strict=True)
    ]
    yield from itertools.product(*cuts)


@functools.lru_cache(maxsize=1024)
def row_major_steps(shape: Shape) -> Shape:
    """Return by how much the row-major index grows along each axis of a shape."""
    steps = [1] * len(shape)
    for axis in range(len(shape) - 1, 0, -1):
        steps[axis - 1] = steps[axis] * shape[axis]
    return tuple(steps)
