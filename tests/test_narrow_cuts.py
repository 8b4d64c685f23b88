"""A normal law between two near cuts: its moments are right, in the formula and in the draw, or it is refused."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate

from glorot import stream
from glorot.distributions import TruncatedNormal
from glorot.errors import GlorotError
from glorot.schemes import truncated_normal
from glorot.stream.spec import law_of
from glorot.truncation import NARROW, truncated_moments

EVEN_WORDS = ((2 * np.arange(2**16, dtype=np.uint64) + 1) << np.uint64(15)).astype(np.uint32)
"""One word from the middle of each of 65,536 equal parts: their mean is an integral, not a sample."""


def moments(alpha: float, beta: float) -> tuple[float, float]:
    """Return mean and standard deviation by quadrature, counted from the cut that is nearer to the center."""
    near = 0.0 if alpha <= 0 <= beta else min(alpha, beta, key=abs)
    width = min(beta, near + 12) - max(alpha, near - 12)
    start = max(alpha, near - 12)

    def integral(power: int, shift: float = 0.0) -> float:
        def density(share: float) -> float:
            x = start + width * share
            return math.exp((near - x) * (near + x) / 2) * (share - shift) ** power

        return float(integrate.quad(density, 0, 1, epsabs=0, epsrel=1e-13, limit=200)[0])

    mass = integral(0)
    shift = integral(1) / mass
    return start + width * shift, width * math.sqrt(integral(2, shift) / mass)


CUTS = [
    (-1e-3, 1e-3), (-1e-8, 1e-8), (-1e-15, 3e-15), (0.0, 1e-3), (0.0, 1e-12), (-1e-3, 0.0), (1e-3, 2e-3), (0.999, 1.0),
    (1.0, 1.001), (5.0, 5.005), (5.99, 6.0), (-6.0, -5.99), (-0.05, 0.05), (-2.0, 2.0), (0.0, 1e9), (-1e9, 0.0), (-1e9, 1e9),
    (3.0, 100.0), (6.0, 9.0), (-1e300, -6.0), (-1.0, 1e300),
]  # fmt: skip


@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize("sigma", [1.0, 0.02])
def test_moments_are_those_of_the_integral(cuts: tuple[float, float], sigma: float) -> None:
    law = TruncatedNormal(0.0, sigma, cuts[0] * sigma, cuts[1] * sigma)
    mean, std = moments(*cuts)
    assert law.mean / sigma == pytest.approx(mean, abs=1e-9 * std)
    assert law.std / sigma == pytest.approx(std, rel=1e-9)


@given(st.floats(-6, 6), st.floats(1e-9, 0.5))
def test_moments_of_any_narrow_cut_are_those_of_the_integral(alpha: float, width: float) -> None:
    beta = alpha + width
    assume(beta - alpha > 0.99 * width)
    mean, variance = truncated_moments(alpha, beta)
    expected, std = moments(alpha, beta)
    assert mean == pytest.approx(expected, abs=1e-9 * std + 1e-15)
    assert math.sqrt(variance) == pytest.approx(std, rel=1e-9)


def test_the_two_ways_to_moments_meet() -> None:
    for alpha in (-6.0, -1.0, -NARROW / 2, 0.0, 2.0, 5.9):
        narrow, wide = (truncated_moments(alpha, alpha + NARROW * factor) for factor in (1 - 1e-12, 1 + 1e-12))
        assert wide == pytest.approx(narrow, rel=1e-8)


@given(st.floats(-3, 3), st.floats(-4, 3), st.floats(-6, 0.5), st.floats(-6, 6), st.booleans())
def test_what_is_drawn_has_the_moments_that_the_law_tells(
    center: float, sigma: float, width: float, place: float, is_far: bool
) -> None:
    center, sigma = 10**center, 10**sigma
    half, middle = sigma * 10**width / 2, center + sigma * place * is_far
    try:
        law = TruncatedNormal(center, sigma, middle - half, middle + half)
    except GlorotError:
        assume(False)
    drawn = law_of(law)(EVEN_WORDS).astype(np.float64)
    assert drawn.mean() == pytest.approx(law.mean, abs=0.015 * law.std)
    assert drawn.std() == pytest.approx(law.std, rel=0.01)


@pytest.mark.parametrize("cut", [1e-3, 1e-6, 1e-12])
def test_a_scheme_with_a_narrow_cut_has_the_width_asked_for(cut: float) -> None:
    law = truncated_normal(0.02, cut)(None)
    drawn = stream.draw(stream.key_of(0, "w"), law, (100_000,)).astype(np.float64)
    assert law.std == pytest.approx(0.02, rel=1e-12)
    assert law.high == pytest.approx(0.02 * math.sqrt(3), rel=1e-6), "nearly uniform"
    assert drawn.std() == pytest.approx(0.02, rel=0.01)


REFUSED = [
    ((0, 1, 1, 1.0001), r"cuts 1 sigma from the center must be at least 0\.000976562 sigma apart, got 0\.0001, which the "
     r"stream cannot resolve; use Uniform\(1\.0, 1\.0001\), which is nearly the same law$"),
    ((0, 1, -5.001, -5), r"cuts 5 sigma from the center must be at least 0\.00488281 sigma apart, got 0\.001, "),
    ((1000, 1, 999.99, 1000.01), r"high - low must be at least 2\^-15 of the largest of \|low\|, \|high\| and \|center\|, "
     r"0\.0305179, got 0\.02, within which float32 has too few numbers; for all-equal values use Constant$"),
    ((0, 1, 8, 9), r"\[8, 9\] lies more than 6 sigma from the center 0, where a normal law has no mass to cut$"),
    ((0, 1, -math.inf, 0), "low must be a finite number, got -inf$"),
]  # fmt: skip


@pytest.mark.parametrize(("numbers", "words"), REFUSED, ids=[str(numbers) for numbers, _ in REFUSED])
def test_cuts_that_cannot_be_drawn_are_refused(numbers: tuple[float, float, float, float], words: str) -> None:
    with pytest.raises(GlorotError, match=f"^TruncatedNormal: {words}"):
        TruncatedNormal(*numbers)
