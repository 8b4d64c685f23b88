"""The NumPy reference: pieces filled tile by tile, which every kernel meets bit for bit."""

import numpy as np

from glorot.stream.elements import bits_or_values, rounded
from glorot.stream.philox import Indices, Words, words_at, words_of_run
from glorot.stream.pieces import Piece

TILE = 2**16  # elements; the scratch of one tile stays in the second-level cache


def fill_piece(piece: Piece) -> None:
    """Write the values of a piece."""
    for tile in piece.in_index_order().cut(TILE):
        out = bits_or_values(tile.out, tile.element)
        out[...] = rounded(tile.law(words_of(tile)), tile.element).reshape(out.shape)


def words_of(tile: Piece, r: int = 0) -> Words:
    """Return the words of a tile whose indices ascend: the first of each element where r is 0, the second for 1."""
    count = tile.out.size
    last = tile.first + sum((extent - 1) * step for extent, step in zip(tile.out.shape, tile.steps, strict=True))
    if last - tile.first == count - 1:
        return words_of_run(tile.key, tile.first, count, r)
    return words_at(tile.key, _indices(tile), r)


def _indices(tile: Piece) -> Indices:
    """Return the indices of the elements of a tile, ascending."""
    index = np.array([tile.first], np.uint64)
    for extent, step in zip(tile.out.shape, tile.steps, strict=True):
        along = np.arange(extent, dtype=np.uint64) * np.uint64(step)
        index = (index[:, np.newaxis] + along).reshape(-1)
    return index
