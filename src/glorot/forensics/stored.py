"""A tensor where it is stored: its name, shape and dtype, and its bits, of which as little as needed is read."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError
from glorot.forensics.formats import FORMATS, Bits, Format, dtype_name
from glorot.native import Skimmed, skim

BLOCK = 2**17
"""Elements that are looked at together: their bits stay in the processor's cache."""

WINDOW = 2**7 * BLOCK
"""Elements of a large tensor that are mapped into memory together."""


@dataclass(frozen=True)
class Stored:
    """A tensor of a file, or of a mapping.

    Attributes:
        name: its name.
        shape: its shape.
        dtype: the name of its dtype.
        load: returns its elements as a flat array of bits, of a memory-mapped file without reading them.
        is_mapped: whether it lies in a file as it is, mapped into memory whenever it is loaded.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], Bits] = field(repr=False, compare=False)
    is_mapped: bool = field(default=False, repr=False, compare=False)

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

    @property
    def is_windowed(self) -> bool:
        """Whether it is so large a part of a file that no more than a window of it is mapped at a time."""
        return self.is_mapped and self.size > WINDOW

    def windows(self, bits: Bits) -> Iterator[tuple[int, Bits]]:
        """Yield where each window of its elements starts, and the window; of a file no other one is mapped meanwhile.

        Args:
            bits: its elements, as `load` returned them.
        """
        if not self.is_windowed:
            yield 0, bits
            return
        for first in range(0, self.size, WINDOW):
            yield first, self.load()[first : first + WINDOW]

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


def evenly(size: int, most: int) -> Iterator[int]:
    """Yield where blocks of a flat array start: of all of it, or of about `most` elements, evenly from start to end.

    Example:
        >>> list(evenly(4 * BLOCK, 4 * BLOCK)) == [0, BLOCK, 2 * BLOCK, 3 * BLOCK]
        True
        >>> list(evenly(4 * BLOCK, 2 * BLOCK)) == [0, 2 * BLOCK]
        True
    """
    count = -(-size // BLOCK)
    kept = min(count, max(1, -(-most // BLOCK)))
    for n in range(kept):
        yield (n * count // kept) * BLOCK


def skim_all(tensor: Stored, bits: Bits, form: Format, most: int, is_summed: bool) -> Skimmed:
    """Return the ends of a tensor's bits and their sums, and up to `most` elements as numbers in ascending order.

    These are taken at a step that meets every column of a matrix alike.
    """
    step = max(1, bits.size // most)
    while math.gcd(step, bits.size) > 1:
        step -= 1
    summed_as = form.name if is_summed else ""
    found = [skim(window, -first % step, step, summed_as) for first, window in tensor.windows(bits)]
    first, last, top, picked, _ = zip(*found, strict=True)
    sums = [one.sums for one in found if one.sums is not None]
    some = picked[0] if len(picked) == 1 else np.concatenate(picked)
    with np.errstate(invalid="ignore"):  # NaN that signals
        numbers = form.decode(some[:most])
        numbers.sort()
        numbers = numbers.astype(np.float64)
    total = (sum(one for one, _ in sums), sum(one for _, one in sums)) if sums else None
    return Skimmed(min(first), max(last), max(top), numbers, total)
