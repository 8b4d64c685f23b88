"""A tensor where it is stored: its name, shape and dtype, and its bits, of which as little as needed is read."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.forensics.formats import FORMATS, Bits, Format, Numbers, dtype_name

BLOCK = 2**18
"""Elements that are looked at together: their bits stay in the processor's cache."""


@dataclass(frozen=True)
class Stored:
    """A tensor of a file, or of a mapping.

    Attributes:
        name: its name.
        shape: its shape.
        dtype: the name of its dtype.
        load: returns its elements as a flat array of bits, of a memory-mapped file without reading them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], Bits] = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes it takes; 0 where its dtype is not read."""
        return 0 if self.format is None else self.size * self.format.bits.itemsize

    @property
    def format(self) -> Format | None:
        """How its bits are to be read; None where it holds no floating numbers."""
        return FORMATS.get(self.dtype)

    @classmethod
    def of_array(cls, name: str, array: NDArray[Any]) -> "Stored":
        """Return the tensor that an array holds.

        Example:
            >>> Stored.of_array("w", np.ones((2, 3), np.float32))
            Stored(name='w', shape=(2, 3), dtype='float32')
        """
        dtype = dtype_name(array.dtype)
        if array.dtype.hasobject:
            raise GlorotError(f"{name}: its array holds Python objects; expected numbers")
        known = FORMATS.get(dtype)

        def load() -> Bits:
            ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<") if array.dtype.kind in "fiu" else None)
            flat = ordered.reshape(-1)
            return flat if known is None else flat.view(known.bits)

        return cls(name, array.shape, dtype, load)


def blocks(bits: Bits, most: int) -> Iterator[Bits]:
    """Yield the elements of a flat array in blocks: all of them, or about `most`, evenly from start to end.

    Example:
        >>> [len(block) for block in blocks(np.zeros(4 * BLOCK), 2 * BLOCK)]
        [262144, 262144]
    """
    count = -(-bits.size // BLOCK)
    kept = min(count, max(1, most // BLOCK))
    for n in range(kept):
        start = (n * count // kept) * BLOCK
        yield bits[start : start + BLOCK]


def scattered(bits: Bits, form: Format, most: int) -> Numbers:
    """Return up to `most` elements as float64, taken at a step that meets every column of every matrix alike."""
    if bits.size <= most:
        return form.decode(bits).astype(np.float64)
    step = bits.size // most
    while math.gcd(step, bits.size) > 1:
        step -= 1
    return form.decode(np.ascontiguousarray(bits[: step * most : step])).astype(np.float64)
