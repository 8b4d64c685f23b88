"""Whether values follow a planned law: exactly, where it leaves nothing to chance, or by statistical tests."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot import stream
from glorot.checks.evidence import Array
from glorot.distributions import (
    Bilinear,
    Constant,
    Distribution,
    Identity,
    Normal,
    Orthogonal,
    SparseNormal,
    TruncatedNormal,
    Uniform,
)
from glorot.plans import Assignment

SAMPLE = 1 << 16
"""Values that are compared with the distribution function of a law: a distance of 0.01 is seen in so many."""

ENOUGH = 100
"""Values from which on a variance is tested by its normal approximation."""

NEAR = 1e-5
"""How far the product of an orthogonal matrix with itself may be from the identity, as all platforms keep to."""

ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-22, "float64": 2.0**-50}
"""The relative error of a stored number, by its dtype; of any other, that of the coarsest float8."""

COARSEST = 2.0**-3
"""The relative error of a number in a float8."""


class Fit(NamedTuple):
    """How values and a law agree.

    Attributes:
        p: the probability of values as far off if they were drawn from the law.
        distance: how far off they are: the relative error of the std, or the largest difference of the distribution
            functions, whichever is larger.
        std: the standard deviation that they have.
    """

    p: float
    distance: float
    std: float


def rounding_of(dtype: str) -> float:
    """Return the relative error of a number that is stored in a dtype."""
    return ROUNDING.get(dtype, COARSEST)


def is_drawn(law: Distribution) -> bool:
    """Tell whether values of a law are random one by one, so that they are tested as a sample."""
    return isinstance(law, Uniform | Normal | TruncatedNormal | SparseNormal)


def fit_of(values: Array, law: Distribution, rounding: float) -> Fit:
    """Return how well a sample fits a law.

    Args:
        values: the sample.
        law: a law whose values are random one by one.
        rounding: the relative error of the values.

    Returns:
        The smaller p of two tests, times two: of the variance around the planned mean, by its normal approximation,
        and of Kolmogorov and Smirnov.

    Example:
        >>> sample = np.linspace(-0.995, 0.995, 200)
        >>> fit_of(sample, Uniform(-1, 1), 0.0).p > 0.5, fit_of(sample, Uniform(-2, 2), 0.0).p < 1e-6
        (True, True)
    """
    exact = values.reshape(-1).astype(np.float64)
    std = math.sqrt(float(np.mean((exact - law.mean) ** 2)))
    off = abs(std / law.std - 1)
    chances = [_chance_of_variance(exact, law)] if exact.size >= ENOUGH else []
    if not isinstance(law, SparseNormal):
        sample = np.sort(exact[:: max(1, exact.size // SAMPLE)])
        expected = _shares_below(sample, law)
        steps = np.arange(sample.size + 1) / sample.size
        distance = float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))
        chances.append(_chance_of_distance(max(distance - rounding, 0.0), sample.size))
        off = max(off, distance)
    return Fit(min([1.0, *(len(chances) * chance for chance in chances)]), off, std)


def expected_of(assignment: Assignment, dtype: str) -> NDArray[np.float32]:
    """Return what is written for a part, rounded as it is stored."""
    part, law, key = assignment
    kind = _stored_type(dtype)
    return stream.draw(key, law, part.shape, part.axes or None, kind).astype(np.float32 if kind != "float64" else kind)


def largest_difference(values: Array, assignment: Assignment, dtype: str) -> float:
    """Return the largest difference between values and what is written for their part; 0 where they are the same."""
    expected = expected_of(assignment, dtype)
    with np.errstate(invalid="ignore"):
        different = np.abs(values.astype(np.float64) - expected.astype(np.float64))
    largest = float(different.max(initial=0.0))
    return math.inf if math.isnan(largest) else largest


def is_orthogonal(values: Array, law: Orthogonal, axes: str, rounding: float) -> bool:
    """Tell whether a part is (semi-)orthogonal with the planned gain, to 1e-5 or what its dtype can hold."""
    matrices = _matrices(values, axes)
    near = max(NEAR, 4 * rounding) * law.gain**2
    for matrix in matrices:
        small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        product = small.astype(np.float64) @ small.T.astype(np.float64)
        if np.abs(product - law.gain**2 * np.eye(len(product))).max() > near * max(1.0, math.sqrt(len(product)) / 8):
            return False
    return True


def is_set(law: Distribution) -> bool:
    """Tell whether a law leaves nothing to chance."""
    return isinstance(law, Constant | Identity | Bilinear)


def _matrices(values: Array, axes: str) -> NDArray[np.float64]:
    copies = values.shape[: axes.index("o")] if "o" in axes else ()
    count = int(np.prod(copies, dtype=int))
    rows = values.shape[len(copies)] if values.ndim > len(copies) else 1
    return values.reshape(count, rows, -1)


def _stored_type(dtype: str) -> str:
    known = dtype.startswith(("float", "bfloat"))
    return dtype if known else "float32"


def _chance_of_variance(values: NDArray[np.float64], law: Distribution) -> float:
    """Return the probability of a mean square as far off, by Wilson and Hilferty's cube root of a χ²."""
    ratio = float(np.mean((values - law.mean) ** 2)) / law.std**2
    freedom = 2 * values.size / (_kurtosis(law) - 1)
    z = (ratio ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return math.erfc(abs(z) / math.sqrt(2))


def _kurtosis(law: Distribution) -> float:
    """Return the fourth central moment over the squared variance; a cut normal law has less than 3."""
    if isinstance(law, Uniform):
        return 1.8
    if isinstance(law, SparseNormal):
        return 3.0 / max(law.density, 1e-6)
    return 3.0


def _chance_of_distance(distance: float, count: int) -> float:
    """Return the probability of so large a distance between a sample's distribution function and the true one.

    Q(λ) = 2 Σ (−1)^{k−1} e^{−2k²λ²}, λ = (√n + 0.12 + 0.11/√n)·D

    References:
        Stephens (1970), "Use of the Kolmogorov–Smirnov, Cramér–von Mises and Related Statistics Without Extensive
        Tables", Journal of the Royal Statistical Society B 32.
    """
    root = math.sqrt(count)
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0
    total = sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return float(min(1.0, max(0.0, 2 * total)))


def _shares_below(values: NDArray[np.float64], law: Distribution) -> NDArray[np.float64]:
    """Return the distribution function of a law at some values."""
    if isinstance(law, Uniform):
        return np.minimum(np.maximum((values - law.low) / (law.high - law.low), 0.0), 1.0)
    if isinstance(law, TruncatedNormal):
        low, high = (_normal_below(np.array([cut]))[0] for cut in law.cuts)
        inside: NDArray[np.float64] = (_normal_below((values - law.center) / law.sigma) - low) / (high - low)
        return np.minimum(np.maximum(inside, 0.0), 1.0)
    assert isinstance(law, Normal)
    return _normal_below((values - law.mean) / law.std)


def _normal_below(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fromiter((math.erfc(-value / math.sqrt(2)) / 2 for value in values), np.float64, len(values))
