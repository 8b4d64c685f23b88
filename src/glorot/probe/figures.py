"""How the figures of a step are computed from what was read of it."""

import math

import numpy as np

from glorot.graph.readings import Reading
from glorot.probe.layers import ALIKE_WITHIN, Array, distinct_units

MOST_ROWS = 4096
"""Rows of a sample by which units are compared."""

MOST_POSITIONS = 64
"""Positions of an example that are compared with each other."""

FEW = 16
"""One element in so many shows about where a percentile lies."""


def std_of(reading: Reading) -> float:
    """Return the standard deviation of all that was read, pooled."""
    if reading.sample is not None and reading.sample.size == math.prod(reading.sizes):
        with np.errstate(all="ignore"):
            return float(reading.sample.astype(np.float64).std())
    variance = reading.second_moment - reading.mean**2
    return math.sqrt(variance) if variance >= 0 else math.nan


def percentile(reading: Reading, share: float) -> float:
    """Return a percentile of the sample of a reading, between its elements in a straight line; NaN where it has none.

    Example:
        >>> from glorot.graph.readings import whole_reading
        >>> percentile(whole_reading(np.arange(5.0).reshape(5, 1, 1)), 90)
        3.6
    """
    if reading.sample is None or not reading.sample.size:
        return math.nan
    values = reading.sample.ravel()
    if np.isnan(values.max()):
        return math.nan
    at = (len(values) - 1) * (share / 100)
    below = int(at)
    low, high = _two_of_rank(values, below)
    return low + (high - low) * (at - below) if at - below < 0.5 else high - (high - low) * (below + 1 - at)


def _two_of_rank(values: Array, rank: int) -> tuple[float, float]:
    """Return the element of a rank, counted from the least, and the next one; the last of them twice."""
    some = np.sort(values[::FEW])
    upper = values[values >= some[max(0, len(some) * rank // len(values) - len(some) // FEW)]]
    skipped = len(values) - len(upper)
    if skipped > rank:  # the few were no fair sample
        upper, skipped = values, 0
    upper = np.partition(upper, rank - skipped)[rank - skipped :]
    return float(upper[0]), float(upper[1:].min(initial=math.inf)) if len(upper) > 1 else float(upper[0])


def dead_share(sample: Array) -> float:
    """Return the share of units that answer alike to every example of a sample; NaN for one example."""
    count = len(sample)
    if count < 2:
        return math.nan
    with np.errstate(all="ignore"):
        most = ALIKE_WITHIN * math.sqrt(float(np.mean(np.square(sample, dtype=np.float64))))
        # A spread is no less than what two examples alone make of it: most units are seen by these to be alive.
        apart = np.abs(sample[0] - sample[1]).max(axis=0, initial=0.0)
        doubted = np.flatnonzero(~(apart > 1.001 * math.sqrt(2 * count) * most))
        spread = sample[..., doubted].astype(np.float64).std(axis=0).max(axis=0, initial=0.0)
        return int(np.count_nonzero(spread <= most)) / int(sample.shape[-1])


def distinct_in(sample: Array) -> int:
    """Count the units of a sample that differ from one another."""
    return distinct_units(sample.reshape(-1, sample.shape[-1])[:MOST_ROWS])


def correlation(reading: Reading) -> float:
    """Return the correlation of two examples over all their elements; NaN for one example.

    mean over pairs of ⟨x, x′⟩, over the mean of ⟨x, x⟩: what the variance across examples leaves of the mean square

    Example:
        >>> from glorot.graph.readings import whole_reading
        >>> correlation(whole_reading(np.array([[[1.0, 0.0]], [[1.0, 1.0]]]))).__round__(4)
        0.6667
    """
    examples = reading.sizes[0]
    if examples < 2 or not reading.second_moment > 0:
        return math.nan
    return 1 - examples / (examples - 1) * reading.std_across**2 / reading.second_moment


def position_correlation(sample: Array) -> float:
    """Return the mean product of two positions of an example, over the mean square; NaN for one position.

    Example:
        >>> position_correlation(np.array([[[1.0, 2.0], [1.0, 2.0]]]))
        1.0
    """
    step = max(1, sample.shape[1] // MOST_POSITIONS)
    rows = sample[:LEAST_EXAMPLES, ::step].astype(np.float64)
    positions = rows.shape[1]
    if positions < 2 or not rows.size:
        return math.nan
    with np.errstate(all="ignore"):
        own = np.sum(rows * rows, axis=(1, 2))
        all_pairs = np.sum(rows.sum(axis=1) ** 2, axis=1)  # of the positions of an example, and each with itself
        return float(np.mean(all_pairs - own) / ((positions - 1) * np.mean(own)))


LEAST_EXAMPLES = 16
"""Examples whose positions are compared."""
