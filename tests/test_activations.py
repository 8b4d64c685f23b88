import csv
import functools
import inspect
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from glorot.activations import ACTIVATIONS, Activation, activation
from glorot.errors import GlorotError

LINES = (Path(__file__).parent / "data" / "activation_moments.csv").read_text(encoding="utf-8").splitlines()
REFERENCE = list(csv.DictReader(line for line in LINES if not line.startswith("#")))
NAMES = sorted(ACTIVATIONS)

variances = st.floats(1e-6, 1e4)


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: row["activation"])
def test_moments_agree_with_the_reference(row: dict[str, str]) -> None:
    a = activation(row["activation"])
    m = a.moments()
    assert activation(a.name).name == a.name
    assert m.mean == pytest.approx(float(row["mean"]), abs=1e-8)
    assert m.second_moment == pytest.approx(float(row["second_moment"]), abs=1e-8)
    assert m.derivative_second_moment == pytest.approx(float(row["derivative_second_moment"]), abs=1e-8)
    assert a.gain == pytest.approx(float(row["gain"]), abs=1e-8)


def test_the_reference_covers_the_catalogue() -> None:
    assert {row["activation"].split("(")[0] for row in REFERENCE} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_the_slope_of_the_function(name: str) -> None:
    a = activation(name)
    z = np.linspace(-9.97, 9.93, 1999)
    z = z[np.min([np.abs(z - kink) for kink in (*a.kinks, math.inf)], axis=0) > 2e-5]
    h = 1e-5
    np.testing.assert_allclose(a.derivative(z), (a.function(z + h) - a.function(z - h)) / (2 * h), atol=2e-8)


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_the_slope_jumps(name: str) -> None:
    a = activation(name)
    for kink in a.kinks:
        left, right = a.derivative(np.array([kink - 1e-9, kink + 1e-9]))
        assert abs(right - left) > 1e-3
    assert activation(a.function).kinks == pytest.approx(a.kinks, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_gets_the_moments_of_its_entry(name: str) -> None:
    a = activation(name)
    found, known = activation(a.function).moments(), a.moments()
    assert found.second_moment == pytest.approx(known.second_moment, abs=1e-12)
    assert found.derivative_second_moment == pytest.approx(known.derivative_second_moment, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overflows_and_results_are_float64(name: str) -> None:
    a = activation(name)
    z = np.concatenate([-np.geomspace(1e4, 1e-30, 200), [0.0], np.geomspace(1e-30, 1e4, 200)])
    for function in (a.function, a.derivative):
        for given_z in (z, z.astype(np.float32), z.astype(int)):
            result = function(given_z)
            assert result.dtype == np.float64
            assert np.all(np.isfinite(result))


@pytest.mark.parametrize("name", NAMES)
def test_a_dead_signal_is_exact(name: str) -> None:
    a = activation(name)
    at_zero = float(a.function(np.zeros(1))[0])
    m = a.moments(0.0)
    assert (m.mean, m.second_moment) == (at_zero, at_zero**2)
    assert m.derivative_second_moment == pytest.approx(a.moments(1e-12).derivative_second_moment, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_array_of_variances_is_one_call_each(name: str) -> None:
    a = activation(name)
    q = np.geomspace(1e-3, 50, 1500).reshape(2, 750)  # more than one chunk
    m = a.moments(q)
    assert m.mean.shape == m.second_moment.shape == m.derivative_second_moment.shape == q.shape
    assert m.second_moment[1, 700] == pytest.approx(a.moments(float(q[1, 700])).second_moment, rel=1e-13)


@given(variances)
def test_relu_scales(q: float) -> None:
    m = activation("relu").moments(q)
    assert m.mean == pytest.approx(math.sqrt(q / (2 * math.pi)), rel=1e-12)
    assert m.second_moment == pytest.approx(q / 2, rel=1e-12)
    assert m.derivative_second_moment == pytest.approx(0.5, rel=1e-12)


@given(variances)
def test_erf_has_a_closed_form(q: float) -> None:
    m = activation("erf").moments(q)
    assert m.second_moment == pytest.approx(2 / math.pi * math.asin(2 * q / (1 + 2 * q)), rel=1e-12)
    assert m.derivative_second_moment == pytest.approx(4 / math.pi / math.sqrt(1 + 4 * q), rel=1e-12)


@given(st.floats(1e-6, 100))
def test_sin_has_a_closed_form(q: float) -> None:
    m = activation("sin").moments(q)
    assert m.second_moment == pytest.approx(-math.expm1(-2 * q) / 2, rel=1e-8)


@given(variances, st.floats(1.001, 10))
@pytest.mark.parametrize("name", ["tanh", "softsign", "hardtanh", "erf"])
def test_squashing_loses_more_of_a_stronger_signal(name: str, q: float, factor: float) -> None:
    weak, strong = activation(name).moments(q), activation(name).moments(q * factor)
    assert weak.second_moment < strong.second_moment < factor * weak.second_moment * (1 + 1e-12)
    assert strong.derivative_second_moment <= weak.derivative_second_moment * (1 + 1e-12)


@given(variances)
@pytest.mark.parametrize("name", NAMES)
def test_second_moment_is_at_least_the_mean_squared(name: str, q: float) -> None:
    m = activation(name).moments(min(q, 50.0))
    assert m.second_moment >= m.mean**2 * (1 - 1e-12)


@given(st.floats(-3, 3))
def test_a_leak_follows_hes_law(slope: float) -> None:
    assert activation(f"leaky_relu({slope!r})").gain == pytest.approx(math.sqrt(2 / (1 + slope**2)), rel=1e-11)


def test_gains_do_not_depend_on_how_a_processor_adds_up() -> None:
    assert (activation("identity").gain, activation("identity").scale_gains()) == (1.0, (1.0, 1.0))
    assert (activation("relu").gain, activation("relu").scale_gains()) == (1.41421356237, (1.41421356237,) * 2)
    assert activation("sigmoid").scale_gains() == (4.0, 4.0)


def test_erf_is_accurate() -> None:
    z = np.concatenate([np.linspace(-7, 7, 100_001), [-1e4, 1e4]])
    np.testing.assert_allclose(activation("erf").function(z), special.erf(z), rtol=0, atol=1e-15)
    tiny = np.geomspace(1e-300, 1e-3, 500)
    np.testing.assert_allclose(activation("erf").function(tiny), special.erf(tiny), rtol=1e-14)


@pytest.mark.parametrize("alias", ["swish", "linear", "hard_swish", "hard_sigmoid", "gelu_new", "relu2"])
def test_aliases_lead_to_canonical_names(alias: str) -> None:
    assert activation(alias).name in NAMES
    assert activation(alias).name != alias


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("leaky_relu", "leaky_relu"),
        ("leaky_relu(0.01)", "leaky_relu"),
        ("leaky_relu( 0.2 )", "leaky_relu(negative_slope=0.2)"),
        ("elu(alpha=2)", "elu(alpha=2)"),
        ("softshrink(lambd=0.5)", "softshrink"),
    ],
)
def test_names_are_canonical(text: str, name: str) -> None:
    assert activation(text).name == name
    assert activation(name).name == name


def test_an_activation_passes_through() -> None:
    tanh = activation("tanh")
    assert activation(tanh) is tanh


@pytest.mark.parametrize(("name", "gain"), [("sigmoid", 4.0), ("hardsigmoid", 6.0)])
def test_squashing_off_zero_restores_unit_slope(name: str, gain: float) -> None:
    a = activation(name)
    assert a.squashes_off_zero
    assert a.scale_gains() == pytest.approx((gain, gain))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"sigmoid", "hardsigmoid"}))
def test_all_others_scale_by_their_moments(name: str) -> None:
    a = activation(name)
    m = a.moments()
    assert not a.squashes_off_zero
    assert a.scale_gains() == pytest.approx((m.second_moment**-0.5, m.derivative_second_moment**-0.5))


@pytest.mark.parametrize(
    ("function", "expected"),
    [(np.cos, True), (np.arctan, False), (np.exp, False), (lambda z: np.log1p(np.abs(z)) + 1, False)],
)
def test_squashes_off_zero_of_functions(function: object, expected: bool) -> None:
    assert activation(function).squashes_off_zero is expected


def test_a_flat_top_at_zero_falls_back_on_the_moments() -> None:
    bump = Activation("bump", lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z))
    assert bump.squashes_off_zero
    assert bump.slope_at_zero == 0
    assert bump.scale_gains()[0] == pytest.approx(bump.gain)


@pytest.mark.parametrize(
    ("name", "steepest"),
    [("tanh", 1), ("sigmoid", 0.25), ("gelu", 1.128904), ("hardswish", 1.5), ("selu", 1.7580993)],
)
def test_steepest(name: str, steepest: float) -> None:
    assert activation(name).steepest == pytest.approx(steepest, abs=1e-6)


def test_kinks_and_jumps_of_a_function_are_found() -> None:
    bent = activation(lambda z: np.abs(z - 0.3) + np.maximum(z, -2))
    assert bent.kinks == pytest.approx((-2.0, 0.3), abs=1e-9)
    hardshrink = activation(lambda z: np.where(np.abs(z) > 0.5, z, 0.0))
    assert hardshrink.kinks == pytest.approx((-0.5, 0.5), abs=1e-9)
    assert hardshrink.moments().derivative_second_moment == pytest.approx(math.erfc(0.5 / math.sqrt(2)), abs=1e-9)
    assert activation(lambda z: np.tanh(30 * z)).kinks == ()


def test_a_function_is_called_by_its_name() -> None:
    assert activation(np.tanh).name == "tanh"
    assert activation(functools.partial(np.clip, a_min=-1, a_max=1)).name == "partial"


def test_a_step_has_no_backward_gain() -> None:
    step = activation(lambda z: (z > 0.7) * 1.0)
    assert step.kinks == pytest.approx((0.7,), abs=1e-9)
    assert step.moments().derivative_second_moment == 0
    with pytest.raises(GlorotError, match=r"<lambda>: no backward gain, for E φ′\(z\)² is 0: no gradient passes"):
        step.scale_gains()


def test_zero_has_no_gain() -> None:
    with pytest.raises(GlorotError, match=r"no gain, for E φ\(z\)² is 0: it lets no signal through"):
        _ = activation(lambda z: 0 * z).gain


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tahn", r"unknown activation 'tahn' \(did you mean 'tanh'"),
        ("leaky_relu(slope=1)", r"the activation is leaky_relu\(negative_slope: float = 0.01\)"),
        ("leaky_relu(1e999)", "leaky_relu: negative_slope must be a finite number, got inf"),
        ("leaky_relu('x')", "leaky_relu: negative_slope must be a finite number, got 'x'"),
        ("elu(alpha=True)", "elu: alpha must be a finite number, got True"),
        ("softshrink(-1)", "softshrink: lambd must not be negative, got -1"),
        ("leaky_relu(nan)", "cannot read 'leaky_relu"),
        (3, "an activation is a name, an Activation or a function on arrays, got 3"),
        (math.tanh, "tanh: calling it on a float64 array of shape"),
        (lambda z: z[:-1], r"<lambda>: must keep the shape, but made \(96,\) from \(97,\)"),
        (lambda z: 0.0, r"<lambda>: must keep the shape, but made \(\) from \(97,\)"),
        (lambda z: z + 1j, "<lambda>: must return real numbers, returned dtype complex128"),
        (np.log, "log: must be finite, but is not at z = -12"),
    ],
)
def test_what_is_no_activation_is_refused(spec: object, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        activation(spec)


def test_a_nan_parameter_is_refused() -> None:
    with pytest.raises(GlorotError, match="leaky_relu: negative_slope must be a finite number, got nan"):
        ACTIVATIONS.factory("leaky_relu")(negative_slope=math.nan)


@pytest.mark.parametrize("q", [-1.0, math.nan, math.inf, np.array([1.0, -0.1])])
def test_a_senseless_variance_is_refused(q: object) -> None:
    with pytest.raises(GlorotError, match="tanh: the variance q must be finite and not negative, got"):
        activation("tanh").moments(q)


@pytest.mark.parametrize("mean", [math.nan, np.array([0.0, math.inf])])
def test_a_senseless_mean_is_refused(mean: object) -> None:
    with pytest.raises(GlorotError, match="tanh: the mean must be finite, got"):
        activation("tanh").moments(1.0, mean)


@given(variances, st.floats(-3, 3))
def test_erf_of_shifted_signals_has_a_closed_form(q: float, mean: float) -> None:
    found = activation("erf").moments(q, mean).mean
    assert found == pytest.approx(math.erf(mean / math.sqrt(1 + 2 * q)), rel=1e-10, abs=1e-12)


def test_variances_and_means_broadcast() -> None:
    q, mean = np.array([[0.0], [1.0]]), np.array([-1.0, 0.0, 2.0])
    m = activation("relu").moments(q, mean)
    assert m.second_moment.shape == (2, 3)
    assert m.mean[0] == pytest.approx([0, 0, 2])
    assert m.mean[1, 2] == pytest.approx(activation("relu").moments(1.0, 2.0).mean)


def test_an_overflow_is_refused() -> None:
    with pytest.raises(GlorotError, match="relu_squared: a moment overflows at variance 1e\\+200"):
        activation("relu_squared").moments(1e200)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_whole(name: str) -> None:
    page = inspect.getdoc(ACTIVATIONS.factory(name)) or ""
    assert "φ(z) = " in page.splitlines()[0]
    for section in ("When to use:", "Example:\n    >>>", "References:\n"):
        assert section in page
