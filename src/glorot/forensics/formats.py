"""How numbers lie in a file: the bits of each dtype, and the numbers that they stand for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.stream.elements import BFLOAT16

Bits = NDArray[Any]
Numbers = NDArray[Any]


class Format(NamedTuple):
    """A floating dtype.

    Attributes:
        name: its name, as PyTorch and ml_dtypes write it.
        bits: the unsigned integers that hold its bits.
        digits: the bits of its fraction.
        least: the exponent below which its numbers lie equally spaced.
        decode: bits → numbers, float64 for float64 and float32 for all others.
    """

    name: str
    bits: np.dtype[Any]
    digits: int
    least: int
    decode: Callable[[Bits], Numbers]


def _bfloat16(bits: Bits) -> Numbers:
    wide = bits.astype(np.uint32)
    wide <<= np.uint32(16)
    return wide.view(np.float32)


def _e5m2(bits: Bits) -> Numbers:
    return (bits.astype(np.uint16) << 8).view(np.float16).astype(np.float32)


def _e4m3fn_table() -> Numbers:
    """Return the number of each of the 256 bytes."""
    exponent, fraction = np.divmod(np.arange(128), 8)
    size = np.where(exponent == 0, fraction * 2.0**-9, np.ldexp(1 + fraction / 8, exponent - 7))
    size[127] = np.nan
    return np.concatenate([size, -size]).astype(np.float32)


_E4M3FN = _e4m3fn_table()

FORMATS = {
    one.name: one
    for one in (
        Format("float64", np.dtype(np.uint64), 52, -1022, lambda bits: bits.view(np.float64)),
        Format("float32", np.dtype(np.uint32), 23, -126, lambda bits: bits.view(np.float32)),
        Format("float16", np.dtype(np.uint16), 10, -14, lambda bits: bits.view(np.float16).astype(np.float32)),
        Format("bfloat16", np.dtype(np.uint16), 7, -126, _bfloat16),
        Format("float8_e4m3fn", np.dtype(np.uint8), 3, -6, lambda bits: _E4M3FN[bits]),
        Format("float8_e5m2", np.dtype(np.uint8), 2, -14, _e5m2),
    )
}
"""The floating dtypes that are read."""


def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the name of the dtype of an array; bfloat16 may be glorot's own or that of ml_dtypes.

    Example:
        >>> dtype_name(BFLOAT16), dtype_name(np.dtype(">f4"))
        ('bfloat16', 'float32')
    """
    return "bfloat16" if dtype == BFLOAT16 else dtype.name
