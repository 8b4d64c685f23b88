"""Statistical tests with fixed seeds: a wrong law fails them, a right one passes for good.

From 10⁶ draws Kolmogorov and Smirnov see a std that is 1.6 % off, a mean that is 0.013 std off and a cut at 2.6 std; from
the 10⁷ of the slow tier 0.5 %, 0.004 std and a cut at 3 std.
"""

import math

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy import stats
from scipy.special import ndtr

from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform
from glorot.stream import draw, key_of
from glorot.stream.philox import words_of_run

COUNTS = [10**6, pytest.param(10**7, marks=pytest.mark.slow)]
LIMIT = 4.5  # standard errors: one chance in 150,000
KS_LIMIT = stats.kstwobign.isf(1e-4)
KEY = key_of(2010, "layers.0.weight")

LAWS = {
    "uniform": (Uniform.symmetric(0.1), stats.uniform(-0.1, 0.2)),
    "uniform off centre": (Uniform(-1, 3), stats.uniform(-1, 4)),
    "normal": (Normal(std=0.02), stats.norm(0, 0.02)),
    "cut at 2 sigma": (TruncatedNormal(0, 0.5, -1, 1), stats.truncnorm(-2, 2, 0, 0.5)),
    "cut lopsidedly": (TruncatedNormal(1, 2, 0, 6), stats.truncnorm(-0.5, 2.5, 1, 2)),
    "cut beyond 4 sigma": (TruncatedNormal(0, 1, 4, 30), stats.truncnorm(4, 30)),
}


def cdf(law: Distribution, x: np.ndarray) -> np.ndarray:
    match law:
        case Uniform(low, high):
            return (x - low) / (high - low)
        case Normal(mean, std):
            return ndtr((x - mean) / std)
        case TruncatedNormal(center, sigma):
            low, high = ndtr(-np.array(law.cuts))  # of upper tails, which keep their digits
            return (low - ndtr((center - x) / sigma)) / (low - high)
    raise AssertionError(law)


def ks_statistic(values: np.ndarray, law: Distribution) -> float:
    """Return √n sup |F_n - F|."""
    at_values = cdf(law, np.sort(values).astype(np.float64))
    below = np.arange(len(values)) / len(values)
    gap = max((at_values - below).max(), (below - at_values).max() + 1 / len(values))
    return math.sqrt(len(values)) * float(gap)


def moments(truth: stats.rv_continuous) -> np.ndarray:
    """Return E y⁰ … E y⁸ of the standardised law, by quadrature over all that 10⁷ draws can see."""
    low, high = truth.ppf(1e-17), truth.isf(1e-17)
    nodes, weights = leggauss(400)
    x = (low + high) / 2 + (high - low) / 2 * nodes
    mass = weights * truth.pdf(x) * (high - low) / 2
    y = (x - truth.mean()) / truth.std()
    return np.array([(mass * y**k).sum() for k in range(9)])


@pytest.fixture(scope="module", params=COUNTS, ids="{:.0e}".format)
def count(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module", params=LAWS)
def sample(request: pytest.FixtureRequest, count: int) -> tuple[Distribution, stats.rv_continuous, np.ndarray]:
    law, truth = LAWS[request.param]
    return law, truth, draw(KEY, law, (count,))


def test_kolmogorov_smirnov(sample):
    law, _, values = sample
    assert ks_statistic(values, law) < KS_LIMIT


def test_first_four_moments(sample, count):
    law, truth, values = sample
    assert law.mean == pytest.approx(truth.mean(), abs=1e-9)
    assert law.std == pytest.approx(truth.std(), rel=1e-6)
    expected = moments(truth)
    center, scale, found = truth.mean(), truth.std(), np.zeros(5)
    for piece in np.split(values, 500):
        y = (piece.astype(np.float64) - center) / scale
        square = y * y
        found += [len(y), y.sum(), square.sum(), (square * y).sum(), (square * square).sum()]
    found /= count
    for k in range(1, 5):
        standard_error = math.sqrt((expected[2 * k] - expected[k] ** 2) / count)
        assert abs(found[k] - expected[k]) < LIMIT * standard_error, f"moment {k}"


def test_neighbouring_elements_are_uncorrelated(sample, count):
    _, _, values = sample
    y = (values - values.mean(dtype=np.float64)).astype(np.float32)
    for lag in range(1, 5):
        assert abs(correlation(y[lag:], y[:-lag])) < LIMIT / math.sqrt(count), f"lag {lag}"


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.dot(a, b) / math.sqrt(float(np.dot(a, a)) * float(np.dot(b, b))))


FLAT = Uniform.symmetric(math.sqrt(3))
WRONG = [(10**6, law) for law in (Normal(std=1.016), Normal(mean=0.013), TruncatedNormal(0, 1, -2.6, 2.6), FLAT)]
WRONG += [
    pytest.param(10**7, law, marks=pytest.mark.slow)
    for law in (Normal(std=1.005), Normal(mean=0.004), TruncatedNormal(0, 1, -3, 3), FLAT)
]


@pytest.mark.parametrize(("size", "wrong"), WRONG)
def test_kolmogorov_smirnov_can_fail(size: int, wrong: Distribution):
    assert ks_statistic(draw(KEY, wrong, (size // 2,)), Normal()) > KS_LIMIT


def test_neighbouring_names_and_seeds_are_uncorrelated():
    count = 2 * 10**6
    keys = [key_of(0, "w.0"), key_of(0, "w.1"), key_of(1, "w.0"), key_of(2**63, "w.0"), key_of(0, "w.0[q]")]
    streams = [draw(key, Normal(), (count,)) for key in keys]
    table = np.corrcoef(streams) - np.eye(len(keys))
    assert np.abs(table).max() < LIMIT / math.sqrt(count)


def test_each_bit_of_the_words_is_balanced(count: int):
    words = words_of_run(KEY, 0, count)
    bits = np.unpackbits(words.view(np.uint8).reshape(-1, 4), axis=1)
    ones = bits.sum(axis=0, dtype=np.int64)
    assert len(ones) == 32
    assert np.abs(ones - count / 2).max() < LIMIT * math.sqrt(count) / 2
    octets = np.bincount(words.view(np.uint8), minlength=256)
    assert stats.chisquare(octets).pvalue > 1e-4
