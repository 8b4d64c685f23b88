"""Whether values follow a planned law: exactly, where it leaves nothing to chance, or by statistical tests."""

import math
from collections.abc import Iterator
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
from glorot.forensics.formats import FORMATS
from glorot.plans import Assignment
from glorot.stream.elements import BFLOAT16

SAMPLE = 1 << 16
"""Values that are compared with the distribution function of a law: a distance of 0.01 is seen in so many."""

ENOUGH = 100
"""Values from which on a variance is tested by its normal approximation."""

BLOCK = 1 << 20
"""Values of a large tensor that are looked at together."""

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
    flat = values.reshape(-1)
    std = math.sqrt(_mean_square(flat, law.mean))
    off = abs(std / law.std - 1)
    chances = [_chance_of_variance(std, flat.size, law)] if flat.size >= ENOUGH else []
    if not isinstance(law, SparseNormal):
        sample = np.sort(flat[:: max(1, flat.size // SAMPLE)].astype(np.float64))
        expected = _shares_below(sample, law)
        steps = np.arange(sample.size + 1) / sample.size
        distance = float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))
        chances.append(chance_of_distance(max(distance - rounding, 0.0), sample.size))
        off = max(off, distance)
    return Fit(min([1.0, *(len(chances) * chance for chance in chances)]), off, std)


def largest_difference(values: Array, assignment: Assignment, dtype: str) -> float:
    """Return the largest difference between values and what is written for their part; 0 where they are the same."""
    largest = 0.0
    for some, expected in _beside_expected(values, assignment, _stored_type(dtype)):
        with np.errstate(invalid="ignore"):
            different = np.abs(some.astype(np.float64) - expected.astype(np.float64))
        largest = max(largest, float(np.nan_to_num(different, nan=math.inf).max(initial=0.0)))
    return largest


def _beside_expected(values: Array, assignment: Assignment, kind: str) -> Iterator[tuple[Array, Array]]:
    """Yield values with what is written for them, rounded as it is stored; of a large part some rows at a time."""
    part, law, key = assignment
    dtype = BFLOAT16 if kind == "bfloat16" else kind
    if type(law) in stream.MATRIX_LAWS or values.size <= BLOCK or not part.shape:
        yield values, _wide(stream.draw(key, law, part.shape, part.axes or None, dtype))
        return
    rows = max(1, BLOCK // math.prod(part.shape[1:]))
    for start in range(0, part.shape[0], rows):
        some = values[start : start + rows]
        out = np.empty(some.shape, dtype)
        box = ((start, start + len(some)), *((0, size) for size in part.shape[1:]))
        stream.fill(out, key, law, part.shape, box)
        yield some, _wide(out)


def _wide(drawn: Array) -> Array:
    """Return what was drawn as numbers that NumPy reckons with, to the bit."""
    if drawn.dtype == BFLOAT16:
        return FORMATS["bfloat16"].decode(drawn.view(np.uint16))
    return drawn.astype(np.float64 if drawn.dtype == np.float64 else np.float32)


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


def _mean_square(flat: Array, mean: float) -> float:
    """Return the mean of the squares around a mean, in float64, block by block."""
    squares = 0.0
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK].astype(np.float64) - mean
        squares += float(np.sum(block * block))
    return squares / flat.size


def _chance_of_variance(std: float, count: int, law: Distribution) -> float:
    """Return the probability of a mean square as far off, by Wilson and Hilferty's cube root of a χ²."""
    ratio = std**2 / law.std**2
    freedom = 2 * count / (_kurtosis(law) - 1)
    z = (ratio ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return math.erfc(abs(z) / math.sqrt(2))


def _kurtosis(law: Distribution) -> float:
    """Return the fourth central moment over the squared variance; a cut normal law has less than 3."""
    if isinstance(law, Uniform):
        return 1.8
    if isinstance(law, SparseNormal):
        return 3.0 / max(law.density, 1e-6)
    return 3.0


def chance_of_distance(distance: float, count: int) -> float:
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
