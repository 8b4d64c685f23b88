"""Integrals over two correlated preactivations, against closed forms and draws."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from effort import examples
from glorot.activations import ACTIVATIONS, Function, activation, pair_moment
from glorot.errors import GlorotError

Array = NDArray[np.float64]
ZIGZAG = lambda z: np.where(z > 0.7, 1.0, -0.5 * z) + np.abs(z + 0.4)  # noqa: E731
CURVES: dict[str, tuple[Function, tuple[float, ...]]] = {
    **{name: (activation(name).function, activation(name).kinks) for name in sorted(ACTIVATIONS)},
    "a slope that jumps": (activation("hardtanh").derivative, (-1.0, 1.0)),
    "a jump between kinks": (ZIGZAG, (-0.4, 0.7)),
}
SMALL = sorted(set(CURVES) - {"relu_squared"})
C = np.concatenate([np.linspace(-1, 1, 21), 1 - 10.0 ** -np.arange(2, 14)])
variances = st.floats(1e-4, 1e4)
means = st.floats(-3, 3)


def arc_cosine(q1: float, q2: float, c: Array) -> Array:
    angle = np.arccos(c)
    return np.asarray(math.sqrt(q1 * q2) * (np.sin(angle) + (np.pi - angle) * c) / (2 * np.pi))


def arc_sine(q1: float, q2: float, c: Array) -> Array:
    return np.asarray(2 / np.pi * np.arcsin(2 * c * math.sqrt(q1 * q2 / ((1 + 2 * q1) * (1 + 2 * q2)))))


CLOSED: dict[str, tuple[Function, tuple[float, ...], Callable[[float, float, Array], Array]]] = {
    "relu": (activation("relu").function, (0.0,), arc_cosine),
    "slope of relu": (activation("relu").derivative, (0.0,), lambda q1, q2, c: (np.pi - np.arccos(c)) / (2 * np.pi)),
    "sign": (np.sign, (0.0,), lambda q1, q2, c: 2 / np.pi * np.arcsin(c)),
    "erf": (activation("erf").function, (), arc_sine),
    "identity": (activation("identity").function, (), lambda q1, q2, c: math.sqrt(q1 * q2) * c),
    "square": (np.square, (), lambda q1, q2, c: q1 * q2 * (1 + 2 * c**2)),
}


@examples(30)
@given(variances, variances)
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name: str, q1: float, q2: float) -> None:
    function, kinks, exact = CLOSED[name]
    expected = exact(q1, q2, C)
    found = pair_moment(function, q1, q2, C, kinks=kinks)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * np.max(np.abs(expected)))


@given(st.floats(1e-4, 5), st.floats(1e-4, 5))
def test_sin_in_closed_form(q1: float, q2: float) -> None:
    expected = np.exp(-(q1 + q2) / 2) * np.sinh(math.sqrt(q1 * q2) * C)
    np.testing.assert_allclose(pair_moment(np.sin, q1, q2, C), expected, rtol=0, atol=1e-8)


@given(variances, variances, means, means)
def test_means_in_closed_form(q1: float, q2: float, m1: float, m2: float) -> None:
    expected = math.sqrt(q1 * q2) * C + m1 * m2
    atol = 1e-8 * (math.sqrt(q1) + abs(m1)) * (math.sqrt(q2) + abs(m2))
    np.testing.assert_allclose(pair_moment(lambda z: z, q1, q2, C, m1, m2), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["relu", "hardtanh", "selu", "gelu", "softsign", "a jump between kinks"])
def test_draws_agree(name: str) -> None:
    function, kinks = CURVES[name]
    rng = np.random.default_rng(7)
    cases = [(1.0, 1.0, 0.9, 0.0, 0.0), (0.3, 2.0, 0.5, 0.4, -0.8), (4.0, 1.0, -0.7, 1.0, 0.2), (0.0, 1.0, 0.5, 0.3, 0)]
    for q1, q2, c, m1, m2 in cases:
        x, y = rng.standard_normal((2, 1_000_000))
        products = function(m1 + math.sqrt(q1) * x) * function(m2 + math.sqrt(q2) * (c * x + math.sqrt(1 - c * c) * y))
        error = float(pair_moment(function, q1, q2, c, m1, m2, kinks=kinks)) - products.mean()
        assert abs(error) < 4.5 * products.std() / 1000 + 1e-9


@examples(30)
@given(st.floats(1e-3, 50), st.floats(1e-3, 50), st.floats(-1, 1), means, means)
@pytest.mark.parametrize("name", SMALL)
def test_the_two_may_change_places(name: str, q1: float, q2: float, c: float, m1: float, m2: float) -> None:
    function, kinks = CURVES[name]
    there = float(pair_moment(function, q1, q2, c, m1, m2, kinks=kinks))
    back = float(pair_moment(function, q2, q1, c, m2, m1, kinks=kinks))
    assert back == pytest.approx(there, rel=1e-7, abs=1e-9)


@examples(30)
@given(st.floats(1e-3, 50), means, st.lists(st.floats(0, 1), min_size=2, max_size=6, unique=True))
@pytest.mark.parametrize("name", SMALL)
def test_alike_inputs_stay_more_alike(name: str, q: float, m: float, cs: list[float]) -> None:
    function, kinks = CURVES[name]
    found = pair_moment(function, q, q, np.sort(cs), m, m, kinks=kinks)
    assert np.all(np.diff(found) >= -1e-7 * found[-1] - 1e-12)


@examples(30)
@given(st.floats(1e-3, 50), means)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_ends_are_the_moments_of_one(name: str, q: float, m: float) -> None:
    act, q = activation(name), min(q, 5.0) if name == "sin" else q
    apart, together = pair_moment(act.function, q, q, [0.0, 1.0], m, m, kinks=act.kinks)
    slopes = float(pair_moment(act.derivative, q, q, 1.0, m, m, kinks=act.kinks))
    moments = act.moments(q, m)
    assert together == pytest.approx(moments.second_moment, rel=1e-6)
    assert apart == pytest.approx(moments.mean**2, rel=1e-6, abs=1e-6 * moments.second_moment)
    assert slopes == pytest.approx(moments.derivative_second_moment, rel=1e-6)


def test_numbers_and_arrays_broadcast() -> None:
    relu = activation("relu")
    q, c = np.linspace(0.1, 3, 200)[:, None], np.array([-0.5, 0.0, 0.9])
    found = pair_moment(relu.function, q, 1.0, c, kinks=relu.kinks)  # more than one chunk
    assert found.shape == (200, 3)
    np.testing.assert_allclose(found, np.sqrt(q) * arc_cosine(1.0, 1.0, c), rtol=1e-9)
    assert pair_moment(relu.function, 1.0, 1.0, 0.5).shape == ()
    assert pair_moment(relu.function, np.zeros((2, 0)), 1.0, 0.5).shape == (2, 0)


def test_a_variance_of_zero_is_the_limit() -> None:
    relu = activation("relu")
    assert pair_moment(relu.derivative, 0.0, 0.0, 0.5, kinks=relu.kinks) == pytest.approx(1 / 3)
    assert pair_moment(activation("sigmoid").function, 0.0, 1.0, 0.3) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((-1.0, 1.0, 0.5), r"^q1: variances must be finite and not negative, got -1.0$"),
        ((1.0, [1.0, math.inf], 0.5), r"^q2: variances must be finite and not negative, got \[1.0, inf\]$"),
        ((1.0, 1.0, 1.1), r"^c: correlations must lie in \[-1, 1\], got 1.1$"),
        ((1.0, 1.0, math.nan), r"^c: correlations must lie in \[-1, 1\], got nan$"),
        ((1.0, 1.0, 0.5, math.nan), "^m1, m2: means must be finite, got nan and 0.0$"),
    ],
)
def test_senseless_numbers_are_refused(numbers: tuple[float, ...], message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        pair_moment(np.tanh, *numbers)
