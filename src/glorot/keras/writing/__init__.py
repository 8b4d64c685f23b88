"""Memory of Keras variables, written and seen without a copy, by the means of the backend."""

import importlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

import keras
import numpy as np
from numpy.typing import NDArray

from glorot.arrays import is_whole
from glorot.plans import Assignment
from glorot.stream.elements import NATIVE

ALIGNMENT = 64  # bytes, at which XLA and TensorFlow take memory as it is

EXCHANGED = frozenset({"float16", "float32", "float64"})
"""The types of weights that NumPy takes by DLPack."""


class Writing(Protocol):
    """What a backend can do with the memory of a variable."""

    def write(self, variable: Any, assignments: Sequence[Assignment], dtype: str) -> bool:
        """Give a variable new values, and tell whether that could be done."""
        ...

    def tensor_of(self, variable: Any) -> Any:
        """Return what a variable holds, as a tensor that DLPack takes."""
        ...


def write_whole(variable: Any, assignments: Sequence[Assignment]) -> bool:
    """Write all of a variable where its memory lies, or into memory that it then keeps, and tell whether that was done.

    Args:
        variable: the variable.
        assignments: what its parts are written from.
    """
    dtype = keras.backend.standardize_dtype(variable.dtype)
    if dtype not in NATIVE or not is_whole(variable.shape, assignments):
        return False
    return _backend().write(variable, assignments, dtype)


def seen(variable: Any) -> NDArray[Any] | None:
    """Return what a variable holds as an array of its own memory, only to be looked at; None where there is no way."""
    if keras.backend.standardize_dtype(variable.dtype) not in EXCHANGED:
        return None
    try:
        return np.from_dlpack(_backend().tensor_of(variable))
    except (BufferError, RuntimeError, TypeError, ValueError):  # a device that NumPy has not
        return None


def aligned(shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return memory for an array that a backend takes over as it is.

    Example:
        >>> aligned((2, 3), np.dtype(np.float32)).ctypes.data % ALIGNMENT
        0
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(tuple(shape))


def _backend() -> Writing:
    return cast(Writing, importlib.import_module(f"glorot.keras.writing.on_{keras.backend.backend()}"))
