"""Sparse laws: the second word of an element says whether it keeps the value that the first one gave."""

import numpy as np

from glorot.stream.elements import bits_or_values
from glorot.stream.pieces import Piece
from glorot.stream.reference import TILE, words_of


def thin(piece: Piece) -> None:
    """Write 0 over those values of a piece that its law does not keep."""
    for tile in piece.in_index_order().cut(TILE):
        out = bits_or_values(tile.out, tile.element)
        is_dropped = words_of(tile, r=1) >= np.uint32(tile.law.kept)
        np.copyto(out, 0, where=is_dropped.reshape(out.shape))
