"""Which kernel writes: the native one made for this processor, or the NumPy reference where there is none."""

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from glorot.errors import GlorotError
from glorot.stream.elements import NATIVE, bits_or_values
from glorot.stream.pieces import Piece
from glorot.stream.reference import TILE, fill_piece
from glorot.stream.sparse import thin
from glorot.stream.spec import KINDS

if TYPE_CHECKING:
    from glorot.stream._native import NativePiece

try:
    import glorot.stream._native as _native  # noqa: PLR0402 (from … import raises another error where it is missing)
except ModuleNotFoundError:  # installed without a C++ compiler
    _native = None  # type: ignore[assignment]

FASTEST_FIRST = ("avx512", "avx2", "portable", "numpy")
CHOICE = "GLOROT_KERNEL"  # the environment variable that forces one
SLOW = 2**22  # elements, from which on the reference is slow enough to be spoken of
ELEMENT_CODES = {element: code for code, element in enumerate(NATIVE)}
KIND_CODES = {kind: code for code, kind in enumerate(KINDS)}

_forced: list[str] = []


@functools.cache
def available() -> tuple[str, ...]:
    """Return the kernels that this machine can run, the fastest first."""
    native = _native.kernels() if _native else []
    return tuple(kernel for kernel in FASTEST_FIRST if kernel in native or kernel == "numpy")


def chosen() -> str:
    """Return the kernel that writes: the fastest, unless one is forced.

    Raises:
        GlorotError: if the environment variable GLOROT_KERNEL names one that this machine can't run.
    """
    return _forced[-1] if _forced else _default()


@functools.cache
def _default() -> str:
    wanted = os.environ.get(CHOICE)
    return _checked(wanted, f"{CHOICE} in the environment") if wanted else available()[0]


@contextlib.contextmanager
def using(kernel: str) -> Iterator[None]:
    """Force a kernel inside a with block, for all threads of the process.

    Raises:
        GlorotError: if this machine can't run it.
    """
    _forced.append(_checked(kernel, "kernel"))
    try:
        yield
    finally:
        _forced.pop()


def _checked(kernel: str, what: str) -> str:
    if kernel not in available():
        raise GlorotError(f"{what} must be one of {', '.join(available())} on this machine, got {kernel!r}")
    return kernel


def fill_pieces(pieces: Sequence[Piece], kernel: str) -> None:
    """Write pieces, one after the other; a native kernel does so without the GIL."""
    if kernel == "numpy":
        for piece in pieces:
            fill_piece(piece)
    else:
        _native.fill([_native_piece(piece) for piece in pieces if piece.element in NATIVE], kernel)
        for piece in pieces:
            if piece.element not in NATIVE:
                _fill_and_cast(piece, kernel)
    for piece in pieces:
        if piece.law.is_sparse:
            thin(piece)


def _fill_and_cast(piece: Piece, kernel: str) -> None:
    """Write a piece of a type that native kernels do not know, by way of float32."""
    for tile in piece.in_memory_order().cut(TILE):
        values = np.empty(tile.out.shape, np.float32)
        _native.fill([_native_piece(tile._replace(out=values, element="float32"))], kernel)
        tile.out[...] = values


def _native_piece(piece: Piece) -> "NativePiece":
    out, element, (k0, k1), law, first, steps = piece
    kind = KIND_CODES[law.kind]
    return bits_or_values(out, element), ELEMENT_CODES[element], first, steps, k0, k1, kind, law.numbers


def warn_if_slow(elements: int) -> None:
    """Say once that there is no native kernel, where it would be missed."""
    if _native is None and elements >= SLOW:
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
