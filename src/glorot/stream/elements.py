"""The types that weights are stored in, and the one rounding from binary32 to them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # NumPy has no bfloat16 of its own: the bits, under its name


class Element(NamedTuple):
    """What an element type can hold.

    Attributes:
        largest: the largest number.
        least: the least magnitude that is not rounded to 0; 0 where whatever binary32 holds is held.
    """

    largest: float
    least: float


def _narrow(largest: float, step: float) -> Element:
    """Return a type whose numbers lie this far apart next to 0; half a step is rounded to 0."""
    return Element(largest, float(np.nextafter(np.float32(step / 2), np.float32(1))))


NATIVE = {
    "float32": Element(float(np.finfo(np.float32).max), 0),
    "bfloat16": Element(2.0**127 * (2 - 2.0**-7), 0),
    "float16": _narrow(float(np.finfo(np.float16).max), 2.0**-24),
    "float64": Element(float(np.finfo(np.float32).max), 0),
}
"""The types that the native kernel writes."""

ELEMENTS = NATIVE | {
    "float8_e4m3fn": _narrow(448, 2.0**-9),
    "float8_e5m2": _narrow(57344, 2.0**-16),
    "float8_e4m3fnuz": _narrow(240, 2.0**-10),
    "float8_e5m2fnuz": _narrow(57344, 2.0**-17),
    "float8_e3m4": _narrow(15.5, 2.0**-6),
    "float8_e4m3": _narrow(240, 2.0**-9),
    "float8_e4m3b11fnuz": _narrow(30, 2.0**-13),
}
"""The types that weights are drawn in, as PyTorch and ml_dtypes name them."""

KNOWN = {np.dtype(name): name for name in NATIVE if name != "bfloat16"} | {BFLOAT16: "bfloat16"}
OF_PACKAGES = ELEMENTS.keys() - KNOWN.values() | {"bfloat16"}
"""The types that NumPy has from packages such as ml_dtypes."""

EXPECTED = "float32, bfloat16, float16, float64 or a float8 that has a sign and a zero"


def check_element(name: str) -> None:
    """Raise unless weights are drawn in a type, in the same words for every framework.

    Args:
        name: what PyTorch or ml_dtypes calls the type, such as "float8_e4m3fn".

    Raises:
        GlorotError: if it cannot hold the numbers of the stream.

    Example:
        >>> check_element("float8_e8m0fnu")
        Traceback (most recent call last):
        glorot.errors.GlorotError: dtype float8_e8m0fnu holds no weights that are drawn, for it has neither sign nor \
zero; expected float32, bfloat16, float16, float64 or a float8 that has a sign and a zero
    """
    if name in ELEMENTS:
        return
    reason = ", for the stream has real numbers alone" if name.startswith("complex") else ""
    reason = ", for it has neither sign nor zero" if name == "float8_e8m0fnu" else reason
    raise GlorotError(f"dtype {name} holds no weights that are drawn{reason}; expected {EXPECTED}")


def element_of(dtype: np.dtype[Any]) -> str:
    """Return the name of an array's element type.

    Raises:
        GlorotError: if the stream does not write it.
    """
    if dtype in KNOWN:
        return KNOWN[dtype]
    if not dtype.isnative:
        raise GlorotError(f"dtype {dtype} is not in native byte order; fill an array that is, and convert it once")
    if dtype.name not in OF_PACKAGES:
        check_element(dtype.name)
    return dtype.name


def bits_or_values(out: NDArray[Any], element: str) -> NDArray[Any]:
    """Return an array as NumPy can fill it: a bfloat16 one as its bits."""
    return out.view(np.uint16) if element == "bfloat16" else out


def rounded(values: NDArray[np.float32], element: str) -> NDArray[Any]:
    """Round binary32 values once, to nearest even; those of bfloat16 come back as bits."""
    if element == "bfloat16":
        bits = values.view(np.uint32)
        return ((bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)
    return values.astype(element, copy=False)
