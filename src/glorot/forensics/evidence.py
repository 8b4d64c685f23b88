"""What is measured of a tensor, in constant memory: extremes of all elements, moments, a sample, a panel."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glorot.forensics.formats import Bits, Format, Numbers
from glorot.forensics.stored import Stored, blocks, scattered

MOST_SUMMED = 2**20
"""Elements that moments are taken over: of a larger tensor a sample, in blocks evenly from start to end."""

SAMPLE = 2**13
"""Elements that are sorted, to compare a whole law with."""

PANEL = 2**16
"""Elements of the panel, the rows and columns that structure is looked for in."""

HUGE = 1e8
"""A magnitude that no weight has."""


@dataclass(frozen=True)
class Evidence:
    """What a tensor's values show.

    Attributes:
        size: its elements.
        summed: how many of them the moments are taken over; `low` and `high` are those of all.
        low: the least; NaN where one is.
        high: the largest; NaN where one is.
        mean: the mean.
        std: the standard deviation.
        zeros: the share of zeros, in the sample.
        denormal: the share of magnitudes below the normal numbers of float32, zeros aside, in the sample.
        digits: bits of the fraction that the values use; fewer than the dtype has where they were rounded before.
        sample: some of the elements, in ascending order.
        panels: the tensor as a matrix, thinned to some rows and columns: by its first axis, and by its last.
    """

    size: int
    summed: int
    low: float
    high: float
    mean: float = math.nan
    std: float = math.nan
    zeros: float = 0.0
    denormal: float = 0.0
    digits: int = 0
    sample: Numbers = field(default_factory=lambda: np.empty(0), repr=False)
    panels: tuple[NDArray[np.float32], ...] = field(default=(), repr=False)

    @property
    def is_sane(self) -> bool:
        """Whether all elements are finite and of a size that weights have."""
        return max(abs(self.low), abs(self.high)) < HUGE  # False for NaN


def gather(tensor: Stored, form: Format, bits: Bits) -> Evidence:
    """Measure a tensor.

    Args:
        tensor: where it is stored.
        form: its dtype.
        bits: its elements, flat.

    Returns:
        What its values show; of one that is not sane the extremes alone.

    Example:
        >>> tensor = Stored.of_array("w", np.arange(4, dtype=np.float32))
        >>> gather(tensor, tensor.format, tensor.load())
        Evidence(size=4, summed=4, low=0.0, high=3.0, mean=1.5, std=1.118033988749895, zeros=0.25, denormal=0.0, \
digits=1)
    """
    low, high = _extremes(bits, form)
    if not (abs(low) < HUGE and abs(high) < HUGE):
        return Evidence(bits.size, 0, low, high)
    sample = scattered(bits, form, SAMPLE)
    low, high = min(low, float(sample.min())), max(high, float(sample.max()))
    summed, mean, std = _moments(bits, form, float(np.median(sample)))
    return Evidence(
        bits.size,
        summed,
        low,
        high,
        mean,
        std,
        zeros=float(np.mean(sample == 0)),
        denormal=float(np.mean((sample != 0) & (np.abs(sample) < 2.0**-126))) if form.digits < 52 else 0.0,
        digits=_digits(bits, form),
        sample=np.sort(sample),
        panels=tuple(panel(bits, form, tensor.shape, by_last) for by_last in _unfoldings(tensor.shape)),
    )


def _extremes(bits: Bits, form: Format) -> tuple[float, float]:
    """Return the least and the largest number, found in the bits, which order by magnitude; NaN lies farthest out."""
    signed = np.dtype(f"i{form.bits.itemsize}")
    whole = list(blocks(bits, bits.size + 1))
    top = max(int(block.view(signed).max()) for block in whole)  # the largest of what is not negative, if there is any
    last = max(int(block.max()) for block in whole)  # the farthest negative one, if there is any
    if top >= 0 and last >> (8 * form.bits.itemsize - 1):
        ends = last, top
    else:
        first = min(int(block.min()) for block in whole)
        ends = (first, last) if top >= 0 else (last, first)
    low, high = (float(end) for end in form.decode(np.array(ends, form.bits)))
    return (math.nan, math.nan) if math.isnan(low + high) and math.isfinite(low) + math.isfinite(high) else (low, high)


def _moments(bits: Bits, form: Format, center: float) -> tuple[int, float, float]:
    """Return over how many elements mean and standard deviation are taken, and both."""
    most = bits.size + 1 if bits.size <= 2 * MOST_SUMMED else MOST_SUMMED
    count, total, squares = 0, 0.0, 0.0
    for block in blocks(bits, most):
        numbers = form.decode(block)
        numbers = numbers - numbers.dtype.type(center) if center else numbers
        count += numbers.size
        total += float(numbers.sum())
        squares += float(np.einsum("n,n->", numbers, numbers))  # on one thread, unlike a product of BLAS
    mean = total / count
    return count, center + mean, math.sqrt(max(0.0, squares / count - mean * mean))


def _digits(bits: Bits, form: Format) -> int:
    """Return how many bits of the fraction are used, by the common zeros at the end of some elements."""
    used = int(np.bitwise_or.reduce(bits[:4096])) & ((1 << form.digits) - 1)
    return form.digits - ((used & -used).bit_length() - 1) if used else 0


def _unfoldings(shape: tuple[int, ...]) -> tuple[bool, ...]:
    lengths = [length for length in shape if length > 1]
    return () if len(lengths) < 2 else (False,) if len(lengths) == 2 else (False, True)


def as_matrix(bits: Bits, shape: tuple[int, ...], by_last: bool) -> Bits:
    """Return a tensor's elements as a matrix: the first axis against the others, or the others against the last."""
    lengths = [length for length in shape if length > 1]
    return bits.reshape((-1, lengths[-1]) if by_last else (lengths[0], -1))


def panel(bits: Bits, form: Format, shape: tuple[int, ...], by_last: bool) -> NDArray[np.float32]:
    """Return some rows and columns of a tensor as a matrix, evenly chosen, no more rows than columns."""
    matrix = as_matrix(bits, shape, by_last)
    rows, columns = len(matrix), matrix[0].size
    side = math.isqrt(PANEL)
    kept = min(rows, max(side, PANEL // columns)), min(columns, max(side, PANEL // rows))
    steps = rows // kept[0], columns // kept[1]
    thin = np.ascontiguousarray(matrix[:: steps[0], :: steps[1]][: kept[0], : kept[1]])
    numbers = form.decode(thin.reshape(-1)).astype(np.float32).reshape(thin.shape)
    return numbers if kept[0] <= kept[1] else np.ascontiguousarray(numbers.T)
