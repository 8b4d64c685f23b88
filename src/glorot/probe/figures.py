"""How the figures of a step are computed from what was read of it."""

import math

import numpy as np
from numpy.typing import NDArray

from glorot.graph.readings import Reading
from glorot.probe.layers import ALIKE_WITHIN, Array, distinct_units

MOST_ROWS = 4096
"""Rows of a sample by which units are compared."""

MOST_POSITIONS = 64
"""Positions of an example that are compared with each other."""


def std_of(reading: Reading) -> float:
    """Return the standard deviation of all that was read, pooled."""
    if reading.sample is not None and reading.sample.size == math.prod(reading.sizes):
        with np.errstate(all="ignore"):
            return float(reading.sample.astype(np.float64).std())
    variance = reading.second_moment - reading.mean**2
    return math.sqrt(variance) if variance >= 0 else math.nan


def percentile(reading: Reading, share: float) -> float:
    """Return a percentile of the sample of a reading; NaN where it has none."""
    if reading.sample is None or not reading.sample.size:
        return math.nan
    with np.errstate(all="ignore"):
        return float(np.percentile(reading.sample, share))


def dead_share(sample: Array) -> float:
    """Return the share of units that answer alike to every example of a sample; NaN for one example."""
    if len(sample) < 2:
        return math.nan
    exact = sample.astype(np.float64)
    with np.errstate(all="ignore"):
        spread = exact.std(axis=0).max(axis=0, initial=0.0)
        return float(np.mean(spread <= ALIKE_WITHIN * math.sqrt(np.mean(exact**2))))


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
    with np.errstate(all="ignore"):
        products = np.einsum("epu,equ->epq", rows, rows) / rows.shape[2]
        means = [_mean_of_pairs(one) for one in products]
        return float(np.mean(means) / np.mean(rows**2)) if len(products) else math.nan


LEAST_EXAMPLES = 16
"""Examples whose positions are compared."""


def _mean_of_pairs(products: NDArray[np.float64]) -> float:
    """Return the mean of what is beside the diagonal of a square array; NaN where nothing is."""
    count = len(products)
    return float((products.sum() - np.trace(products)) / (count * (count - 1))) if count > 1 else math.nan
