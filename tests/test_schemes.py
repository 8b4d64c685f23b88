"""Every scheme of the catalogue: its formula against exact values, its text, its draw, its refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glorot
from glorot import schemes
from glorot.distributions import (
    Bilinear,
    Constant,
    Identity,
    Normal,
    Orthogonal,
    PositiveUnitball,
    SparseNormal,
    TruncatedNormal,
    Uniform,
)
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.schemes import SCHEMES, as_scheme

FANS = Fans(300.0, 100.0)
CUT = 0.87962566103423978
"""Standard deviation of a standard normal cut at ±2."""

# text, the law it gives a layer of 300 → 100
ROWS = [
    ("zeros", Constant(0.0)),
    ("ones", Constant(1.0)),
    ("constant(0.1)", Constant(0.1)),
    ("uniform(-0.05, 0.05)", Uniform(-0.05, 0.05)),
    ("normal(std=0.02)", Normal(0.0, 0.02)),
    ("normal(0.02, 0.5)", Normal(0.5, 0.02)),
    ("truncated_normal(0.02)", TruncatedNormal(0.0, 0.02 / CUT, -0.04 / CUT, 0.04 / CUT)),
    ("xavier_uniform", Uniform.symmetric(math.sqrt(6 / 400))),
    ("glorot_uniform", Uniform.symmetric(math.sqrt(6 / 400))),
    ("xavier_uniform(gain=2)", Uniform.symmetric(2 * math.sqrt(6 / 400))),
    ("xavier_normal", Normal(0.0, math.sqrt(2 / 400))),
    ("glorot_normal(gain=0.5)", Normal(0.0, 0.5 * math.sqrt(2 / 400))),
    ("he_uniform", Uniform.symmetric(math.sqrt(6 / 300))),
    ("kaiming_uniform(mode='fan_out')", Uniform.symmetric(math.sqrt(6 / 100))),
    ("he_normal", Normal(0.0, math.sqrt(2 / 300))),
    ("kaiming_normal(negative_slope=0.2)", Normal(0.0, math.sqrt(2 / (1.04 * 300)))),
    ("lecun_uniform", Uniform.symmetric(math.sqrt(3 / 300))),
    ("lecun_normal", Normal(0.0, math.sqrt(1 / 300))),
    ("variance_scaling(2.0, 'fan_out', 'normal')", Normal(0.0, math.sqrt(2 / 100))),
    ("variance_scaling(1.0, 'fan_avg', 'uniform')", Uniform.symmetric(math.sqrt(3 / 200))),
    ("variance_scaling", TruncatedNormal(0.0, *(f * math.sqrt(1 / 300) / CUT for f in (1, -2, 2)))),
    ("balanced", Uniform.symmetric(math.sqrt(6 / 400))),
    ("balanced('relu')", Uniform.symmetric(math.sqrt(12 / 400))),
    ("balanced('sigmoid', 'normal')", Normal(0.0, 4 * math.sqrt(2 / 400))),
    ("balanced('relu', branches=24)", Uniform.symmetric(math.sqrt(12 / 400 / 24))),
    ("balanced('tanh', 'normal')", Normal(0.0, math.sqrt(2 / (300 * 0.3942944904 + 100 * 0.4644029024)))),
    ("orthogonal(gain=2)", Orthogonal(2.0)),
    ("identity", Identity(1.0)),
    ("dirac(gain=0.5)", Identity(0.5)),
    ("caffe_xavier", Uniform.symmetric(math.sqrt(3 / 300))),
    ("caffe_xavier('FAN_OUT')", Uniform.symmetric(math.sqrt(3 / 100))),
    ("caffe_xavier('AVERAGE')", Uniform.symmetric(math.sqrt(3 / 200))),
    ("caffe_msra", Normal(0.0, math.sqrt(2 / 300))),
    ("caffe_msra('FAN_OUT')", Normal(0.0, math.sqrt(2 / 100))),
    ("caffe_msra(variance_norm='AVERAGE')", Normal(0.0, math.sqrt(2 / 200))),
    ("sparse_normal(0.5, 0.1)", SparseNormal(0.0, 0.5, 0.1)),
    ("sparse_normal(1.0, 0.015, mean=2.0)", SparseNormal(2.0, 1.0, 0.015)),
    ("positive_unitball", PositiveUnitball("bo")),
    ("positive_unitball('bi')", PositiveUnitball("bi")),
    ("bilinear", Bilinear()),
]


def test_the_table_has_every_scheme():
    named = {as_scheme(text).text.partition("(")[0] for text, _ in ROWS}
    assert named == set(SCHEMES)


@pytest.mark.parametrize(("text", "law"), ROWS, ids=[text for text, _ in ROWS])
def test_a_scheme_gives_the_law_of_its_formula(text, law):
    made = as_scheme(text)(FANS, (100, 300, 1, 1), "oikk")
    assert type(made) is type(law)
    for name, expected in law.to_json().items():
        assert getattr(made, name) == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-9))


@pytest.mark.parametrize("text", [text for text, _ in ROWS])
def test_the_text_of_a_scheme_makes_it_again(text):
    scheme = as_scheme(text)
    assert as_scheme(scheme.text) == scheme
    assert as_scheme(scheme) is scheme


def test_schemes_are_attributes_of_their_package():
    assert schemes.xavier_uniform(gain=2) == as_scheme("xavier_uniform(gain=2)")
    assert set(SCHEMES) <= set(dir(schemes))
    with pytest.raises(AttributeError, match="'glorot.schemes' has no attribute 'xavier_unifrm'"):
        _ = schemes.xavier_unifrm


@given(st.integers(1, 400), st.integers(1, 400))
def test_uniform_and_normal_forms_have_one_variance(fan_in, fan_out):
    fans = Fans(float(fan_in), float(fan_out))
    for family in ("xavier", "he", "lecun"):
        uniform, normal = (as_scheme(f"{family}_{kind}")(fans) for kind in ("uniform", "normal"))
        assert uniform.std == pytest.approx(normal.std)
    assert as_scheme("xavier_normal")(fans).std ** 2 == pytest.approx(2 / (fan_in + fan_out))


def test_draws_have_the_variance_and_bounds_of_the_paper():
    uniform = glorot.draw("xavier_uniform", (600, 400), seed=1)
    normal = glorot.draw("xavier_normal", (600, 400), seed=1)
    bound = np.float32(math.sqrt(6 / 1000))
    assert float(np.abs(uniform).max()) <= bound
    assert float(np.abs(uniform).max()) > 0.9999 * bound
    for drawn in (uniform, normal):
        assert drawn.astype(np.float64).var() == pytest.approx(2 / 1000, rel=0.01)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("xavier_unifrom", "unknown scheme 'xavier_unifrom' \\(did you mean 'xavier_uniform'"),
        ("he", "unknown scheme 'he' \\(did you mean 'he_normal' or 'he_uniform'\\?\\)"),
        ("normal", "'normal': missing a required argument: 'std'; the scheme is normal\\(std: float"),
        ("normal(sigma=1)", "'normal\\(sigma=1\\)': there is no argument 'sigma'; the scheme is normal"),
        ("normal(std=x)", "cannot read 'normal\\(std=x\\)': write a name, or a call with numbers"),
        ("__import__('os')", "unknown scheme '__import__'"),
        ("xavier_uniform; zeros", "cannot read"),
        ("normal(0)", "normal: std must be a positive number, got 0"),
        ("xavier_uniform(gain=-1)", "xavier_uniform: gain must be a positive number, got -1"),
        ("truncated_normal(0.1, cut=0)", "truncated_normal: cut must be a positive number, got 0"),
        ("variance_scaling(mode='fan_avrg')", "variance_scaling: mode must be one of fan_in, fan_out, fan_avg, got 'fan_avrg'"),
        ("variance_scaling(distribution='gauss')", "distribution must be one of uniform, normal, truncated_normal, got 'gauss'"),
        ("balanced(branches=0)", "balanced: branches must be a whole number from 1 on, got 0"),
        ("balanced(branches=2.5)", "balanced: branches must be a whole number from 1 on, got 2.5"),
        ("balanced('rellu')", "unknown activation 'rellu' \\(did you mean 'relu'"),
        ("he_normal(mode='in')", "he_normal: mode must be one of"),
    ],
)  # fmt: skip
def test_refusals_of_text_say_what_was_expected(text, words):
    with pytest.raises(GlorotError, match=words):
        as_scheme(text)


def test_a_scheme_without_fans_is_refused_where_it_needs_them():
    with pytest.raises(GlorotError, match=r"scheme 'xavier_uniform' needs fans, and none are known for shape \(5,\)"):
        as_scheme("xavier_uniform")(None, (5,))
    with pytest.raises(GlorotError, match="orthogonal draws a whole matrix and must know which axes"):
        as_scheme("orthogonal")(None, (5,))
    with pytest.raises(GlorotError, match="a scheme is text such as 'xavier_uniform' or a glorot scheme, got int"):
        as_scheme(3)
