"""Writing pieces by the native kernel made for this processor, or by the NumPy reference where there is none."""

import functools
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glorot import native
from glorot.native import available, chosen, using
from glorot.stream.elements import NATIVE, bits_or_values
from glorot.stream.pieces import Piece
from glorot.stream.reference import TILE, fill_piece
from glorot.stream.sparse import thin
from glorot.stream.spec import KINDS

if TYPE_CHECKING:
    from glorot._native import NativePiece

__all__ = ["available", "chosen", "fill_pieces", "fill_simple", "is_simple", "using", "warn_if_slow"]

SLOW = 2**22  # elements, from which on the reference is slow enough to be spoken of
ELEMENT_CODES = {element: code for code, element in enumerate(native.ELEMENTS)}
KIND_CODES = {kind: code for code, kind in enumerate(KINDS)}


def fill_pieces(pieces: Sequence[Piece], kernel: str) -> None:
    """Write pieces, one after the other; a native kernel does so without the GIL."""
    if kernel == "numpy":
        for piece in pieces:
            fill_piece(piece)
    else:
        fill_simple([piece for piece in pieces if piece.element in NATIVE], kernel, threads=1)
        for piece in pieces:
            if piece.element not in NATIVE:
                _fill_and_cast(piece, kernel)
    for piece in pieces:
        if piece.law.is_sparse:
            thin(piece)


def is_simple(piece: Piece) -> bool:
    """Tell whether a native kernel writes a piece by itself: its type, and each element from one word."""
    return piece.element in NATIVE and not piece.law.is_sparse


def fill_simple(pieces: Sequence[Piece], kernel: str, threads: int) -> None:
    """Write the first words of pieces of types that native kernels know, which share them out among threads."""
    native.fill([_native_piece(piece) for piece in pieces], kernel, threads)


def _fill_and_cast(piece: Piece, kernel: str) -> None:
    """Write a piece of a type that native kernels do not know, by way of float32."""
    for tile in piece.in_memory_order().cut(TILE):
        values = np.empty(tile.out.shape, np.float32)
        fill_simple([tile._replace(out=values, element="float32")], kernel, threads=1)
        tile.out[...] = values


def _native_piece(piece: Piece) -> "NativePiece":
    out, element, (k0, k1), law, first, steps = piece
    kind = KIND_CODES[law.kind]
    return bits_or_values(out, element), ELEMENT_CODES[element], first, steps, k0, k1, kind, law.numbers


def warn_if_slow(elements: int) -> None:
    """Say once that there is no native kernel, where it would be missed."""
    if available() == ("numpy",) and elements >= SLOW:
        _warn_once()


@functools.cache
def _warn_once() -> None:
    warnings.warn(
        "glorot's native kernel is not installed, so weights are drawn by NumPy: the same bits, some 30 times slower. "
        "To build it, install a C++17 compiler and then glorot once more: pip install --force-reinstall --no-deps "
        "--no-binary glorot glorot",
        RuntimeWarning,
        stacklevel=6,
    )
