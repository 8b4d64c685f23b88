"""Blocks: stored tensors drawn piece by piece, each of a bounded size, in the order in which they lie in a file."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot import stream
from glorot.inventory.boxes import shares
from glorot.inventory.layouts import complete, place_in
from glorot.stream.elements import BFLOAT16
from glorot.stream.pieces import Box, tiles
from glorot.weights.tensors import WIDTHS, Piece, StoredTensor

BLOCK = 2**23
"""Bytes that are drawn before they are written: so few that they stay in the processor's cache."""


class Held(NamedTuple):
    """A box of a stored tensor that a block holds."""

    tensor: StoredTensor
    box: Box

    @property
    def extents(self) -> tuple[int, ...]:
        """How long it is along each axis."""
        return tuple(stop - start for start, stop in self.box)

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return math.prod(self.extents) * WIDTHS[self.tensor.dtype]


class Block(NamedTuple):
    """Boxes that lie one after the other in a file.

    Attributes:
        start: the first byte, counted from that of the first tensor.
        held: the boxes, each one piece of the file.
    """

    start: int
    held: tuple[Held, ...]

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return sum(one.size for one in self.held)


def blocks_of(tensors: Sequence[StoredTensor], limit: int = BLOCK) -> Iterator[Block]:
    """Cut tensors that lie one after the other into blocks.

    Args:
        tensors: the tensors.
        limit: how many bytes a block has at most; more only where a law needs its whole matrix.

    Example:
        >>> tensor = StoredTensor("w", (5, 4), "float32", ())
        >>> [(block.start, block.held[0].box) for block in blocks_of([tensor], 32)]
        [(0, ((0, 2), (0, 4))), (32, ((2, 4), (0, 4))), (64, ((4, 5), (0, 4)))]
    """
    start, size = 0, 0
    gathered: list[Held] = []
    for one in (held for tensor in tensors for held in cut(tensor, limit)):
        if gathered and size + one.size > limit:
            yield Block(start, tuple(gathered))
            start, size, gathered = start + size, 0, []
        gathered.append(one)
        size += one.size
    if gathered:
        yield Block(start, tuple(gathered))


def cut(tensor: StoredTensor, limit: int) -> Iterator[Held]:
    """Cut a tensor into boxes of at most some bytes, each of which is one piece of the file."""
    if tensor.size <= limit:
        yield Held(tensor, tuple((0, size) for size in tensor.shape))
        return
    most = limit // WIDTHS[tensor.dtype]
    if tensor.whole_laws:
        most = math.prod(tensor.shape[1:]) if all(map(_is_stack, tensor.pieces)) else math.prod(tensor.shape)
    for tile in tiles(tensor.shape, most):
        yield Held(tensor, tuple((one.start, one.stop) for one in tile))


def _is_stack(piece: Piece) -> bool:
    """Tell whether a part is a stack of whole matrices along its tensor's first axis."""
    entry = piece.entry
    return entry.view is None and entry.tensor_shape is None and entry.axes[0] == "b"


def draw_block(block: Block, buffer: NDArray[np.uint8], threads: int = 1) -> NDArray[np.uint8]:
    """Draw a block.

    Args:
        block: what is drawn.
        buffer: where to, if it is large enough.
        threads: how many threads draw.

    Returns:
        Its bytes, as they lie in the file.
    """
    out = buffer[: block.size] if buffer.size >= block.size else np.empty(block.size, np.uint8)
    fills: list[tuple[Held, NDArray[Any], Piece]] = []
    matrices: list[tuple[Held, NDArray[Any], Piece]] = []
    for one, array in arrays_in(block, out):
        for piece in one.tensor.pieces:
            is_whole = type(piece.entry.distribution) in stream.MATRIX_LAWS
            (matrices if is_whole else fills).append((one, array, piece))
        if not one.tensor.pieces:
            array[...] = 0
    stream.fill_all([fill for each in fills for fill in _fills(*each)], threads)
    for one, array, piece in matrices:
        _draw_matrix(one, array, piece, threads)
    return out


def arrays_in(block: Block, out: NDArray[np.uint8]) -> Iterator[tuple[Held, NDArray[Any]]]:
    """Yield the boxes of a block with their arrays within its bytes; those of bfloat16 as its bits under its name."""
    start = 0
    for one in block.held:
        dtype = BFLOAT16 if one.tensor.dtype == "bfloat16" else np.dtype(one.tensor.dtype)
        yield one, out[start : start + one.size].view(dtype).reshape(one.extents)
        start += one.size


def _fills(one: Held, array: NDArray[Any], piece: Piece) -> Iterator[stream.Fill]:
    entry, shape = piece.entry, one.tensor.shape
    assert entry.distribution is not None  # what is left alone is no part of a stored tensor
    extents = complete(entry.view, shape).extents
    for share in shares(entry.view, shape, one.box):
        yield stream.Fill(place_in(array, share.view), piece.key, entry.distribution, extents, share.box)


def _draw_matrix(one: Held, array: NDArray[Any], piece: Piece, threads: int) -> None:
    """Draw a part whose law needs whole matrices: all of it, or some of a stack."""
    entry = piece.entry
    assert entry.distribution is not None
    if _is_stack(piece):
        stream.fill(array, piece.key, entry.distribution, entry.shape, one.box, entry.axes, threads)
    else:
        place = place_in(array, entry.view)
        place[...] = stream.draw(piece.key, entry.distribution, entry.shape, entry.axes, array.dtype).reshape(
            place.shape
        )
