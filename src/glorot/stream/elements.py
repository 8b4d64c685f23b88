"""The types that weights are stored in, and the one rounding from binary32 to them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # NumPy has no bfloat16 of its own: the bits, under its name
LARGEST = {
    "float32": float(np.finfo(np.float32).max),
    "bfloat16": 2.0**127 * (2 - 2.0**-7),
    "float16": float(np.finfo(np.float16).max),
    "float64": float(np.finfo(np.float32).max),  # values are computed in binary32
}
ELEMENTS = tuple(LARGEST)  # in the order of the native kernel
KNOWN = {np.dtype(name): name for name in ELEMENTS if name != "bfloat16"} | {BFLOAT16: "bfloat16"}


def element_of(dtype: np.dtype[Any]) -> str:
    """Return the name of an array's element type.

    Raises:
        GlorotError: if the stream does not write it.
    """
    element = KNOWN.get(dtype)
    if element is None and dtype.name == "bfloat16":  # that of ml_dtypes
        element = "bfloat16"
    if element is None:
        raise GlorotError(
            "dtype must be float16, float32, float64 or the bfloat16 of ml_dtypes, in native byte order, "
            f"got {dtype}; for another one fill float32 and cast it once"
        )
    return element


def bits_or_values(out: NDArray[Any], element: str) -> NDArray[Any]:
    """Return an array as NumPy can fill it: a bfloat16 one as its bits."""
    return out.view(np.uint16) if element == "bfloat16" else out


def rounded(values: NDArray[np.float32], element: str) -> NDArray[Any]:
    """Round binary32 values once, to nearest even; those of bfloat16 come back as bits."""
    if element == "bfloat16":
        bits = values.view(np.uint32)
        return ((bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)
    return values.astype(element, copy=False)
