"""Jobs: what the native kernel writes of an array, or of the block of it that a device holds, as a table of numbers."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Sharding

from glorot import native
from glorot.inventory.boxes import shares
from glorot.inventory.layouts import place_in
from glorot.jax.patches import Patch
from glorot.stream.kernels import KIND_CODES
from glorot.stream.pieces import Box, Shape, row_major_steps

PATCH, PLACE, FIXED = 1, 4, 6  # columns of the table, and how many there are before those of axes
NO_JOB = np.uint64(2**64 - 1)  # in the place of a patch
Words = np.ndarray[Any, np.dtype[np.uint32]]
Numbers = np.ndarray[Any, np.dtype[np.uint64]]


def block_of(index: Sequence[slice], shape: Shape) -> Box:
    """Return the block of an array that an index of JAX means, (start, stop) along each axis."""
    cuts = zip(index, shape, strict=True)
    return tuple((cut.start or 0, size if cut.stop is None else cut.stop) for cut, size in cuts)


class Layout(NamedTuple):
    """How devices share the arrays of a batch.

    Attributes:
        batch: the shape of the batch, () for one array.
        shape: the shape of each array.
        blocks: what each device holds, (start, stop) along each axis of both.
        tile: the shape of what each holds; where an axis is not cut evenly, the last blocks are smaller or empty.
        devices: these devices; none where it is one that need not be known.
    """

    batch: Shape
    shape: Shape
    blocks: tuple[Box, ...]
    tile: Shape
    devices: tuple[jax.Device, ...] = ()


def on_one_device(batch: Shape, shape: Shape) -> Layout:
    """Return the layout of arrays that one device holds."""
    extents = (*batch, *shape)
    return Layout(batch, shape, (tuple((0, size) for size in extents),), extents)


def on_devices(sharding: Sharding, batch: Shape, shape: Shape) -> Layout:
    """Return the layout of arrays that a sharding cuts, evenly or not."""
    extents, count = (*batch, *shape), len(sharding.device_set)
    cuts = [count // size for size in sharding.shard_shape((count,) * len(extents))]
    tile = tuple(-(-size // cut) for size, cut in zip(extents, cuts, strict=True))
    padded = tuple(size * cut for size, cut in zip(tile, cuts, strict=True))
    indices = sharding.devices_indices_map(padded)
    blocks = [block_of(index, padded) for index in indices.values()]
    clipped = [tuple((min(lo, n), min(hi, n)) for (lo, hi), n in zip(block, extents, strict=True)) for block in blocks]
    return Layout(batch, shape, tuple(clipped), tile, tuple(indices))


def table_of(patches: Sequence[Patch], layout: Layout, itemsize: int, kernel: str) -> Words:
    """Return the jobs of each device, as native/ffi.cpp reads them: 64-bit numbers, in 32-bit words.

    Args:
        patches: the parts of each array.
        layout: how devices share the arrays.
        itemsize: the size of an element.
        kernel: the name of the kernel.
    """
    jobs = {block: _jobs(patches, layout, block, itemsize, kernel) for block in set(layout.blocks)}
    rows, columns = (max(some.shape[axis] for some in jobs.values()) for axis in (0, 1))
    table = np.zeros((len(layout.blocks), max(rows, 1), columns), np.uint64)
    table[..., PATCH] = NO_JOB
    for device, block in enumerate(layout.blocks):
        some = jobs[block]
        table[device, : some.shape[0], : some.shape[1]] = some
    return table.view(np.uint32)


def _jobs(patches: Sequence[Patch], layout: Layout, block: Box, itemsize: int, kernel: str) -> Numbers:
    """Return a row for each job of a device: the same ones for each array of the batch that it holds."""
    axes = len(layout.batch)
    tile, code = layout.tile[axes:], native.FASTEST_FIRST.index(kernel)
    found = [
        [code, *(number % 2**64 for number in row)]
        for n, patch in enumerate(patches)
        for row in _rows(n, patch, layout.shape, block[axes:], tile, itemsize)
    ]
    width = max(map(len, found), default=FIXED)
    rows = np.array([row + [0] * (width - len(row)) for row in found], np.uint64).reshape(-1, width)
    whole = np.arange(math.prod(layout.batch), dtype=np.uint64).reshape(layout.batch)
    copies = whole[tuple(slice(start, stop) for start, stop in block[:axes])].ravel()
    places = _places(block[:axes], layout.tile[:axes]).astype(np.uint64)
    all_rows = np.tile(rows, (len(copies), 1, 1))
    all_rows[..., PATCH] += copies[:, None] * np.uint64(len(patches))
    all_rows[..., PLACE] += places[:, None] * np.uint64(math.prod(tile) * itemsize)
    return all_rows.reshape(-1, width)


def _places(block: Box, tile: Shape) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return where in its memory a device holds each array of its block of a batch."""
    held = np.arange(math.prod(tile), dtype=np.int64).reshape(tile)
    return held[tuple(slice(0, stop - start) for start, stop in block)].ravel()


def _rows(number: int, patch: Patch, shape: Shape, block: Box, tile: Shape, itemsize: int) -> Iterator[list[int]]:
    """Yield a row for each box of a part: patch, law, first index, place, and three numbers for each axis."""
    for view, box in shares(patch.view, shape, block):
        place = place_in(_like(tile, itemsize), view)
        if place.size == 0:
            continue
        first = patch.first + sum(start * step for (start, _), step in zip(box, patch.steps, strict=True))
        axes = zip(place.shape, patch.steps, place.strides, strict=True)
        yield [number, KIND_CODES[patch.law], first, _offset(place), place.ndim, *itertools.chain(*axes)]


def _like(extents: Sequence[int], itemsize: int) -> np.ndarray[Any, np.dtype[np.void]]:
    """Return an array whose views lie as those of a row-major one do; it has no memory, and nothing is read of it."""
    element = _NOTHING[:itemsize].view(f"V{itemsize}")
    steps = tuple(itemsize * step for step in row_major_steps(tuple(extents)))
    return np.lib.stride_tricks.as_strided(element, extents, steps)


_NOTHING = np.zeros(8, np.uint8)


def _offset(view: np.ndarray[Any, Any]) -> int:
    """Return how far from the beginning of its array a view begins, in bytes."""
    return int(view.ctypes.data - _NOTHING.ctypes.data)
