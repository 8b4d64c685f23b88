"""The half-normal quantile and the laws built on it, against SciPy."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from glorot.distributions import Normal, TruncatedNormal, Uniform
from glorot.stream import spec
from glorot.stream.spec import (
    ERROR_BOUND,
    FARTHEST_NORMAL,
    FARTHEST_TRUNCATED,
    SPLIT,
    half_normal_quantile,
    law_of,
    probabilities,
    probability_window,
    reach_of,
)

TOP = 2**31 - 1


def random_magnitudes(count: int) -> Callable[[], np.ndarray]:
    return lambda: np.random.default_rng(0).integers(0, TOP, count, endpoint=True)


def every_octave_of(end: int) -> Callable[[], np.ndarray]:
    def magnitudes() -> np.ndarray:
        offset = np.floor(2 ** np.random.default_rng(1).uniform(0, 31, 10**6)).astype(np.int64) - 1
        return np.abs(end - offset)

    return magnitudes


SAMPLES = {
    "lowest": lambda: np.arange(2**20),
    "highest": lambda: TOP - np.arange(2**20),
    "octaves of u": every_octave_of(0),
    "octaves of t": every_octave_of(TOP),
    "random": random_magnitudes(10**6),
}


def true_quantile(m: np.ndarray) -> np.ndarray:
    u, t = (m + 0.5) / 2**31, (TOP - m + 0.5) / 2**31
    return math.sqrt(2) * np.where(u < 0.5, special.erfinv(u), special.erfcinv(t))


def computed_quantile(m: np.ndarray) -> np.ndarray:
    _, u, t = probabilities(m.astype(np.uint32))
    return half_normal_quantile(u, t)


LONG = pytest.param(random_magnitudes(10**7), id="random at length", marks=pytest.mark.slow)


@pytest.mark.parametrize("sample", [*(pytest.param(sample, id=name) for name, sample in SAMPLES.items()), LONG])
def test_quantile_keeps_the_published_bound(sample: Callable[[], np.ndarray]):
    m = sample()
    truth = true_quantile(m)
    assert (np.abs(computed_quantile(m) - truth) <= ERROR_BOUND * np.maximum(1, truth)).all()


def test_quantile_keeps_its_relative_accuracy_near_zero():
    m = np.arange(10**5)
    np.testing.assert_allclose(computed_quantile(m), true_quantile(m), rtol=2e-6)


def test_quantile_is_accurate_in_the_tail_that_only_cut_laws_reach():
    truth = np.linspace(6, 9.01, 10**5)
    t = special.erfc(truth / math.sqrt(2)).astype(np.float32)
    np.testing.assert_allclose(half_normal_quantile(np.float32(1) - t, t), truth, rtol=ERROR_BOUND)


def test_quantile_rises_up_to_the_published_bound():
    z = computed_quantile(np.unique(np.r_[SAMPLES["octaves of u"](), SAMPLES["octaves of t"]()]))
    assert (np.diff(z) >= -ERROR_BOUND * np.maximum(1, z[1:])).all()


def test_both_branches_agree_at_the_split():
    t = np.float32(special.erfc(3.08 / math.sqrt(2))) * np.linspace(0.999, 1.001, 10**5).astype(np.float32)
    z = half_normal_quantile(np.float32(1) - t, t)
    assert SPLIT > 0
    np.testing.assert_allclose(z, math.sqrt(2) * special.erfcinv(t.astype(np.float64)), rtol=ERROR_BOUND)


def test_extremes():
    lowest, highest = computed_quantile(np.array([0, TOP]))
    assert lowest == pytest.approx(math.sqrt(math.pi / 2) / 2**32, rel=1e-6)
    assert highest == pytest.approx(stats.norm.isf(2.0**-33), rel=2e-6)
    assert highest < FARTHEST_NORMAL


@pytest.mark.parametrize("std", [1.0, 0.02, 2.0**-64, 2.0**64])
def test_normal_mirrors_the_complement_of_a_word(std: float):
    words = np.random.default_rng(2).integers(0, 2**32, 10**6, np.uint32)
    words[:4] = 0, 1, 2**31 - 1, 2**24 + 1
    law = law_of(Normal(std=std))
    assert np.array_equal(law(~words), -law(words))
    assert np.isfinite(law(words)).all()


def test_uniform_is_exactly_the_scaled_word():
    words = np.random.default_rng(3).integers(0, 2**32, 10**6, np.uint32)
    expected = words.view(np.int32).astype(np.float32) * np.float32(0.3 * 2.0**-31)
    assert np.array_equal(law_of(Uniform.symmetric(0.3))(words), expected)


@pytest.mark.parametrize("law", [Uniform.symmetric(0.1), Uniform(-1, 3), Uniform(0.1, 0.7), Uniform(5, 5.001)])
def test_uniform_stays_within_its_bounds(law: Uniform):
    values = law_of(law)(np.array([0, 2**31 - 1, 2**31, 2**32 - 1], np.uint32))
    assert values.min() >= np.float32(law.low)
    assert values.max() <= np.float32(law.high)
    assert values[2] == pytest.approx(law.low, rel=1e-6)
    assert values[1] == pytest.approx(law.high, rel=1e-6)


CUT_LAWS = [
    TruncatedNormal(0, 1, -2, 2),
    TruncatedNormal(0, 0.02, -0.06, 0.01),
    TruncatedNormal(1, 1, 1, 4),
    TruncatedNormal(0, 1, -0.001, 0.002),
    TruncatedNormal(0, 1, 3, 100),
    TruncatedNormal(0, 1, 6, 7),
    TruncatedNormal(0, 1, -30, -6),
    TruncatedNormal(0, 1, -1e300, 5),
]


@pytest.mark.parametrize("law", CUT_LAWS)
def test_truncated_normal_is_the_inverse_of_its_cdf(law: TruncatedNormal):
    words = np.random.default_rng(4).integers(0, 2**32, 10**5, np.uint32)
    words[:4] = 0, 2**31 - 1, 2**31, 2**32 - 1
    x = words.view(np.int32).astype(np.float64) + 0.5
    truth = stats.truncnorm(*law.cuts).ppf((x / 2**31 + 1) / 2)
    values = law_of(law)(words)
    error = np.abs(values - (law.center + law.sigma * truth)) / law.sigma
    # The probability itself is rounded to binary32, hence the second term.
    assert (error <= 1.5 * ERROR_BOUND * np.maximum(1, np.abs(truth)) + 2e-7).all()
    assert values.min() >= np.float32(law.low) if law.low > -1e38 else True
    assert values.max() <= np.float32(law.high)
    assert np.abs(values).max() <= reach_of(law)


def test_a_symmetric_cut_mirrors_the_complement_of_a_word():
    words = np.random.default_rng(5).integers(0, 2**32, 10**6, np.uint32)
    law = law_of(TruncatedNormal(0, 0.02, -0.04, 0.04))
    assert np.array_equal(law(~words), -law(words))


def test_the_farthest_draw_of_a_cut_law():
    values = law_of(TruncatedNormal(0, 1, 6, 100))(np.array([2**31 - 1], np.uint32))
    assert values[0] == pytest.approx(stats.norm.isf(stats.norm.sf(6) / 2**33), rel=2e-6)
    assert values[0] < FARTHEST_TRUNCATED


@pytest.mark.parametrize("cuts", [(-2, 2), (-1, 3), (0.5, 6), (-6, -5), (-20, 11.9), (5.9, 300)])
def test_probability_window_matches_scipy(cuts: tuple[float, float]):
    low, high = (special.erf(cut / math.sqrt(2)) for cut in cuts)
    upper, lower = special.erfc(cuts[1] / math.sqrt(2)), special.erfc(-cuts[0] / math.sqrt(2))
    half = stats.norm.sf(cuts[0]) - stats.norm.sf(cuts[1]) if cuts[0] > 0 else (high - low) / 2
    half = stats.norm.cdf(cuts[1]) - stats.norm.cdf(cuts[0]) if cuts[1] < 0 else half
    truth = ((low + high) / 2, half, upper, lower)
    np.testing.assert_allclose(probability_window(*cuts), truth, rtol=1e-7, atol=1e-32)


def test_the_page_of_the_specification_has_the_coefficients():
    page = (Path(__file__).parents[2] / "docs" / "stream.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([A-Z][^|]*) \| ([-0-9][^|]*) \|$", page, re.MULTILINE))
    written = {name: [np.float32(number) for number in numbers.split(", ")] for name, numbers in rows.items()}
    assert written == {
        "OCTAVE": [spec.OCTAVE],
        "LOG, after m⁶": list(spec.LOG),
        "BEND of the centre": [spec.CENTRAL_BEND],
        "CENTRAL": list(spec.CENTRAL),
        "SPLIT": [spec.SPLIT],
        "SHIFT, and BEND of the tail": [spec.TAIL_SHIFT, spec.TAIL_BEND],
        "TAIL": list(spec.TAIL),
    }
