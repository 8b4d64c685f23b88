"""What is measured of a tensor, in constant memory: extremes of all elements, moments, a sample, a panel."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glorot.forensics.formats import Bits, Format, Numbers
from glorot.forensics.stored import BLOCK, WINDOW, Stored, evenly, skim_all
from glorot.native import Skimmed, sums_of

MOST_SUMMED = 2**20
"""Elements that moments are taken over: of a larger tensor a sample, in blocks evenly from start to end."""

SAMPLE = 2**13
"""Elements that are sorted, to compare a whole law with."""

LINE = 512
"""Elements whose squares are added up in their own precision, before those of others."""

PANEL = 2**16
"""Elements of the panel, the rows and columns that structure is looked for in."""

DENORMAL = 2.0**-126 - 2.0**-149
"""The largest magnitude below the normal numbers of float32."""

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
    skimmed = skim_all(tensor, bits, form, SAMPLE, is_summed=bits.size <= 2 * MOST_SUMMED)
    sample = skimmed.picked
    low, high = _ends(skimmed, form)
    if not (abs(low) < HUGE and abs(high) < HUGE):
        return Evidence(bits.size, 0, low, high)
    summed, mean, std = _moments(tensor, bits, form, skimmed)
    zeros = _share(sample, 0.0)
    return Evidence(
        bits.size,
        summed,
        low,
        high,
        mean,
        std,
        zeros=zeros,
        denormal=_share(sample, DENORMAL) - zeros if form.digits < 52 else 0.0,
        digits=_digits(bits, form),
        sample=sample,
        panels=tuple(panel(tensor, bits, form, by_last) for by_last in _unfoldings(tensor.shape)),
    )


def _ends(skimmed: Skimmed, form: Format) -> tuple[float, float]:
    """Return the least and the largest number from the ends of bits, with nothing decoded; NaN lies farthest out."""
    first, last, top = skimmed[:3]
    sign = 1 << (8 * form.bits.itemsize - 1)
    is_of_both_signs = top >= 0 and last & sign
    outer = (last, top if is_of_both_signs else first)  # the largest bits are of the least number
    low, high = form.decode(np.array(outer if last & sign else (first, last), form.bits)).tolist()
    return (math.nan, math.nan) if math.isnan(low + high) and math.isfinite(low) + math.isfinite(high) else (low, high)


def _share(sample: Numbers, most: float) -> float:
    """Return the share of a sorted sample whose magnitude is at most this."""
    first, last = sample.searchsorted(-most, "left"), sample.searchsorted(most, "right")
    return int(last - first) / len(sample)


def _center(sample: Numbers) -> float:
    """Return what squares are to be taken around: the middle of a sorted sample, or 0 where that is as near."""
    quarter, middle, other = (float(sample[len(sample) * n // 4]) for n in (1, 2, 3))
    return middle if other - quarter < abs(middle) < HUGE else 0.0


def _moments(tensor: Stored, bits: Bits, form: Format, skimmed: Skimmed) -> tuple[int, float, float]:
    """Return of how many numbers the mean and the standard deviation are taken, and both."""
    center = _center(skimmed.picked)
    if skimmed.sums is not None and not center:
        sums = [(bits.size, *skimmed.sums)]
    elif bits.size <= 2 * MOST_SUMMED:
        sums = [_sums(bits, form, center)]
    else:
        whole = tensor.load if tensor.is_windowed else lambda: bits  # no name keeps pages of a large file mapped
        sums = [_sums(whole()[start : start + BLOCK], form, center) for start in evenly(bits.size, MOST_SUMMED)]
    count, total, squares = (sum(some) for some in zip(*sums, strict=True))
    mean = total / count
    return count, center + mean, math.sqrt(max(0.0, squares / count - mean * mean))


def _sums(block: Bits, form: Format, center: float) -> tuple[int, float, float]:
    """Return how many numbers there are, the sum of them less a center, and that of the squares."""
    found = sums_of(block[np.newaxis], form.name, center=center)
    if found is not None:
        return block.size, found.total, found.squares
    parts = (form.decode(block[n : n + BLOCK]) for n in range(0, block.size, BLOCK))
    totals, squares = zip(*(_sums_by_numpy(part, center) for part in parts), strict=True)
    return block.size, sum(totals), sum(squares)


def _sums_by_numpy(numbers: Numbers, center: float) -> tuple[float, float]:
    """Return the two sums, made some hundred numbers at a time."""
    with np.errstate(over="ignore", invalid="ignore"):  # of what is not sane the extremes alone are told
        numbers = numbers - numbers.dtype.type(center) if center else numbers
        lines = numbers[: len(numbers) // LINE * LINE].reshape(-1, 1, LINE)
        rest = numbers[lines.size :]
        total = float(np.einsum("n->", numbers))
        products = lines @ lines.swapaxes(1, 2)  # short ones, for which BLAS wakes no threads
        squares = float(products.sum(dtype=np.float64)) + float(np.einsum("n,n->", rest, rest))
    return total, squares


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


def lines_of(tensor: Stored, bits: Bits, by_last: bool, rows: range, columns: slice) -> Bits:
    """Return some rows and columns of a tensor as a matrix; of a large one, band by band of what is mapped."""
    width = as_matrix(bits, tensor.shape, by_last).shape[1]
    band = max(1, WINDOW // (width * rows.step)) if tensor.is_windowed else len(rows)
    taken = []
    for n in range(0, len(rows), band):
        some = rows[n : n + band]
        matrix = as_matrix(bits if band == len(rows) else tensor.load(), tensor.shape, by_last)
        taken.append(np.ascontiguousarray(matrix[some.start : some.stop : some.step, columns]))
    return taken[0] if len(taken) == 1 else np.concatenate(taken)


def panel(tensor: Stored, bits: Bits, form: Format, by_last: bool) -> NDArray[np.float32]:
    """Return some rows and columns of a tensor as a matrix, evenly chosen, no more rows than columns."""
    rows, columns = as_matrix(bits, tensor.shape, by_last).shape
    side = math.isqrt(PANEL)
    kept = min(rows, max(side, PANEL // columns)), min(columns, max(side, PANEL // rows))
    steps = rows // kept[0], columns // kept[1]
    chosen = range(0, steps[0] * kept[0], steps[0]), slice(0, steps[1] * kept[1], steps[1])
    thin = lines_of(tensor, bits, by_last, *chosen)
    numbers = form.decode(thin.reshape(-1)).astype(np.float32, copy=False).reshape(thin.shape)
    return numbers if kept[0] <= kept[1] else np.ascontiguousarray(numbers.T)
