"""Distributions: their numbers, their scaling, their way through JSON, and what they refuse."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glorot import stream
from glorot.distributions import (
    LAWS,
    Bilinear,
    Constant,
    Identity,
    Normal,
    Orthogonal,
    PositiveUnitball,
    SparseNormal,
    TruncatedNormal,
    Uniform,
    from_json,
)
from glorot.errors import GlorotError

ROWS = [
    Constant(0.5),
    Uniform(-0.1, 0.3),
    Uniform.symmetric(0.05),
    Normal(0.2, 0.02),
    TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    TruncatedNormal(0.3, 0.7, -0.1, 2.0),
    TruncatedNormal(0.0, 1.0, 3.0, 5.0),
    Orthogonal(1.5),
    Identity(2.0),
    SparseNormal(0.0, 1.0, 0.015),
    SparseNormal(-0.3, 0.2, 0.4),
    PositiveUnitball(),
    PositiveUnitball("bi", -2.0),
    Bilinear(0.5),
]
ELEMENTWISE = [law for law in ROWS if type(law) not in stream.MATRIX_LAWS]


def test_every_law_is_in_the_table():
    assert {type(law) for law in ROWS} == set(LAWS.values())


@pytest.mark.parametrize("law", ROWS, ids=str)
def test_json_brings_a_law_back(law):
    assert from_json(json.loads(json.dumps(law.to_json()))) == law


@pytest.mark.parametrize("law", ELEMENTWISE, ids=str)
def test_mean_and_std_are_those_of_the_draw(law):
    drawn = stream.draw(stream.key_of(3, "law"), law, (400_000,)).astype(np.float64)
    error = law.std / math.sqrt(drawn.size)
    assert abs(drawn.mean() - law.mean) <= 4 * error + 1e-7
    assert drawn.std() == pytest.approx(law.std, rel=0.006, abs=1e-7)


@pytest.mark.parametrize("law", ELEMENTWISE, ids=str)
@pytest.mark.parametrize("k", [2.0, -0.5])
def test_scaling_scales_mean_and_std(law, k):
    scaled = law.scaled(k)
    assert scaled.mean == pytest.approx(k * law.mean)
    assert scaled.std == pytest.approx(abs(k) * law.std)


def test_whole_matrix_laws_scale_too():
    assert Orthogonal(2.0).scaled(-3.0) == Orthogonal(6.0)
    assert Identity(2.0).scaled(-3.0) == Identity(-6.0)
    assert PositiveUnitball("bi", 2.0).scaled(-3.0) == PositiveUnitball("bi", -6.0)
    assert Bilinear(2.0).scaled(-3.0) == Bilinear(-6.0)


@pytest.mark.parametrize("law", [Identity(), PositiveUnitball(), Bilinear()], ids=str)
def test_moments_that_depend_on_the_shape_are_no_numbers(law):
    assert math.isnan(law.mean)
    assert math.isnan(law.std)


@given(st.floats(-5, 5), st.floats(0.05, 5), st.floats(0, 1))
def test_moments_of_a_sparse_normal_are_those_of_the_product(center, sigma, density):
    law = SparseNormal(center, sigma, density)
    assert law.mean == pytest.approx(density * center)
    expected = density * (sigma**2 + center**2) - density**2 * center**2
    assert law.std**2 == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_letters_of_a_unit_ball_have_no_order():
    assert PositiveUnitball("ob") == PositiveUnitball("bo")
    assert PositiveUnitball("").to_json() == {"law": "positive_unitball", "each": "", "gain": 1.0}


@given(st.floats(-5, 5), st.floats(0.05, 5))
def test_truncated_moments_agree_with_scipy(low, width):
    law = TruncatedNormal(0.0, 1.0, low, low + width)
    expected = stats.truncnorm(low, low + width)
    assert law.mean == pytest.approx(float(expected.mean()), rel=1e-6, abs=1e-6)
    assert law.std == pytest.approx(float(expected.std()), rel=1e-4)


def test_a_narrow_cut_keeps_its_digits():
    # between two close cuts the normal is nearly uniform: its std is the width over √12
    law = TruncatedNormal(0.0, 100.0, -2.0, 2.0)
    assert law.std == pytest.approx(4 / math.sqrt(12), rel=1e-4)


def test_the_usual_cut_has_the_usual_correction():
    assert TruncatedNormal(0.0, 1.0, -2.0, 2.0).std == pytest.approx(0.87962566103423978, abs=1e-15)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Normal(0.0, 0.0), r"Normal: std must lie between 2\^-64 and 2\^64, got 0; for all-equal values use Constant"),
        (lambda: Normal(0.0, math.nan), "Normal: std must be a finite number, got nan"),
        (lambda: Uniform(1.0, 1.0), "Uniform: low must be below high, got low=1, high=1"),
        (lambda: Uniform(0.0, 1e30), "Uniform: half of high - low must lie between"),
        (lambda: Uniform(1e25, 1.0000001e25), r"Uniform: bounds must lie within ±2\^64"),
        (lambda: TruncatedNormal(0.0, 1.0, 2.0, -2.0), "TruncatedNormal: low must be below high"),
        (
            lambda: TruncatedNormal(0.0, 1.0, -1e-25, 1e-25),
            r"TruncatedNormal: high - low must be at least 2\^-64, and 2\^-64 sigma, got 2e-25, which is 2e-25 sigma",
        ),
        (lambda: TruncatedNormal(0.0, 1.0, 7.0, 9.0), r"\[7, 9\] lies more than 6 sigma from the center 0"),
        (lambda: Constant("0.1"), "Constant: value must be a finite number, got '0.1'"),
        (lambda: Constant(True), "Constant: value must be a finite number, got True"),
        (lambda: Orthogonal(-1.0), "Orthogonal: gain must lie between"),
        (lambda: SparseNormal(0.0, 1.0, 1.5), "SparseNormal: density must lie between 0 and 1, got 1.5"),
        (lambda: SparseNormal(0.0, 1.0, -0.1), "SparseNormal: density must lie between 0 and 1, got -0.1"),
        (lambda: SparseNormal(0.0, 0.0, 0.5), "SparseNormal: sigma must lie between"),
        (lambda: SparseNormal(0.0, 1.0, math.nan), "SparseNormal: density must be a finite number, got nan"),
        (lambda: PositiveUnitball("bx"), "PositiveUnitball: each must hold letters of axes, .* as in 'bo'; got 'bx'"),
        (lambda: PositiveUnitball("oo"), "none of them twice, as in 'bo'; got 'oo'"),
        (lambda: PositiveUnitball(["b"]), r"PositiveUnitball: each must hold letters of axes, .*; got \['b'\]"),
        (lambda: PositiveUnitball("bo", math.inf), "PositiveUnitball: gain must be a finite number, got inf"),
        (lambda: Bilinear("1"), "Bilinear: gain must be a finite number, got '1'"),
        (lambda: from_json({"law": "cauchy", "scale": 1.0}), "unknown law 'cauchy'; known: constant, uniform"),
        (lambda: from_json({"law": "normal", "std": 1.0}), r"law 'normal' takes \['mean', 'std'\], got \['std'\]"),
    ],
)  # fmt: skip
def test_refusals_say_what_was_given(make, words):
    with pytest.raises(GlorotError, match=words):
        make()
