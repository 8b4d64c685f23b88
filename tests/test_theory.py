import csv
import math
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from effort import examples
from glorot.activations import ACTIVATIONS, activation, pair_moment
from glorot.errors import GlorotError
from glorot.theory import Layer, Prediction, chi, critical_weight_variance, fixed_point, phase, predict

LINES = (Path(__file__).parent / "data" / "glorot2010_theory.csv").read_text(encoding="utf-8").splitlines()
ROWS = list(csv.DictReader(line for line in LINES if not line.startswith("#")))
GAINS = {"xavier": 1.0, "standard": 1 / 3}  # σ_w² = n·Var W: 6/(2n)/3·n and 1/(3n)·n
WIDTH, DEPTH = 512, 5
GROWS = "the variance has no fixed point, it grows without end from layer to layer; take a smaller σ_w²$"


def rows(*quantities: str) -> list[dict[str, str]]:
    return [row for row in ROWS if row["quantity"] in quantities]


def agrees(value: float, text: str) -> bool:
    """Whether a value rounds to what is written, digit by digit."""
    return round(value, len(text.partition(".")[2])) == float(text)


def chain(
    width: float, variance: float, phi: str = "tanh", depth: int = DEPTH, fan_in: float | None = None
) -> list[Layer]:
    """A net of constant width whose weights have the variance `variance`/fan_in, and a linear output."""
    ins = [fan_in or width] + [width] * depth
    phis = [phi] * depth + ["identity"]
    return [Layer(f"fc{i}", n, width, variance / n, phi) for i, (n, phi) in enumerate(zip(ins, phis, strict=True), 1)]


@pytest.mark.parametrize(("at", "variance"), GAINS.items())
@pytest.mark.parametrize("quantity", ["activation_std", "gradient_factor"])
def test_deep_tanh_nets_to_all_digits(quantity: str, at: str, variance: float) -> None:
    predictions = predict(chain(1000, variance))
    expected = [row for row in rows(quantity) if row["at"] == at]
    assert len(expected) == DEPTH
    for row in expected:
        assert agrees(getattr(predictions[int(row["index"]) - 1], quantity), row["value"]), row


PHASES = {
    index: list(group) for index, group in groupby(rows("q", "chi", "correlation", "depth_scale"), lambda r: r["index"])
}


@pytest.mark.parametrize("weight_variance", PHASES)
def test_order_and_chaos_to_all_digits(weight_variance: str) -> None:
    found = phase("tanh", float(weight_variance), 0.05)
    assert len(PHASES[weight_variance]) == 4
    for row in PHASES[weight_variance]:
        assert agrees(getattr(found, row["quantity"]), row["value"]), row


@pytest.mark.parametrize("row", rows("critical_weight_variance"), ids=lambda row: row["at"])
def test_critical_variance_to_all_digits(row: dict[str, str]) -> None:
    critical = critical_weight_variance("tanh", float(row["at"]))
    assert agrees(critical, row["value"])
    assert chi("tanh", critical, fixed_point("tanh", critical, float(row["at"]))) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("phi", "weight_variance", "bias_variance", "correlation", "depth_scale"),
    [
        # E φ(u₂) and E φ′(u₂) given u₁ in closed form, then SciPy's adaptive quad; where c* = 0 the slope of the map
        # is σ_w²·(E φ′)², of hardtanh σ_w²·erf(1/√2q*)²
        ("hardtanh", 1.7, 0.0, 0.0, 12.2648364),
        ("hardtanh", 3.0, 0.0, 0.0, 6.0904794),
        ("hardtanh", 2.5, 0.05, 0.2044680, 6.1263777),
        ("hardtanh", 1.7, 0.05, 0.4549045, 10.0461848),
        ("selu", 1.0, 0.0, 0.0, 33.6043420),
        ("selu", 1.7, 0.0, 0.7418901, 14.2433706),
    ],
)
def test_the_phase_of_activations_with_kinks(
    phi: str, weight_variance: float, bias_variance: float, correlation: float, depth_scale: float
) -> None:
    for given_phi in (phi, activation(phi).function):  # of the function the kinks are found
        found = phase(given_phi, weight_variance, bias_variance)
        assert found.chi > 1
        assert found.correlation == pytest.approx(correlation, abs=1e-7)
        assert found.depth_scale == pytest.approx(depth_scale, rel=1e-7)


@examples(20)
@given(
    st.sampled_from(["tanh", "hardtanh", "relu", "selu", "sigmoid"]),
    st.floats(0.2, 1.75),  # selu grows without end from 1.8
    st.floats(0.01, 0.5),
    st.lists(st.floats(0, 1), min_size=2, max_size=8),
)
def test_the_map_of_correlations(phi: str, weight_variance: float, bias_variance: float, cs: list[float]) -> None:
    act = activation(phi)
    q = fixed_point(phi, weight_variance, bias_variance)
    c = np.array([*sorted(cs), 1.0])
    pairs = pair_moment(act.function, q, q, c, kinks=act.kinks)
    after = (weight_variance * pairs + bias_variance) / q
    assert after[-1] == pytest.approx(1, abs=1e-8)  # an input and itself
    assert np.all(np.diff(after) >= -1e-10)
    found = phase(phi, weight_variance, bias_variance)
    assert (found.correlation < 1) == (found.chi > 1)
    assert found.depth_scale > 0


def simulate(x: NDArray[np.float32], layers: list[Layer], rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Return the pooled activation and gradient std of every layer of one uniform draw, by plain NumPy."""
    a, weights, outputs, slopes = x, [], [], []
    for layer in layers:
        bound = math.sqrt(3 * layer.weight_variance)
        weights.append(rng.random((a.shape[1], int(layer.fan_out)), dtype=np.float32) * 2 * bound - bound)
        phi = activation(layer.activation).function if layer.activation != "tanh" else np.tanh
        a = np.asarray(phi(a @ weights[-1]), dtype=np.float32)
        outputs.append(float(a.std(dtype=np.float64)))
        slopes.append(1 - a * a)
    gradient = rng.standard_normal(a.shape, dtype=np.float32)
    gradients = [1.0]
    for weight, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        gradient = gradient @ weight.T * slope
        gradients.insert(0, math.sqrt(float(np.mean(gradient**2, dtype=np.float64))))
    return outputs, gradients


def normal_data(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal((64, WIDTH), dtype=np.float32)


def digits_of_unequal_norms(rng: np.random.Generator) -> NDArray[np.float32]:
    from sklearn.datasets import load_digits

    pixels = load_digits().data[:64].astype(np.float32)
    brightness = np.exp(0.7 * rng.standard_normal((64, 1)))
    return np.asarray(pixels / pixels.std() * brightness, dtype=np.float32)


@pytest.mark.parametrize("variance", GAINS.values(), ids=GAINS)
@pytest.mark.parametrize("data", [normal_data, digits_of_unequal_norms])
def test_a_simulation_agrees_within_one_percent(
    data: Callable[[np.random.Generator], NDArray[np.float32]], variance: float
) -> None:
    rng = np.random.default_rng(2010)
    x = data(rng)
    layers = chain(WIDTH, variance, fan_in=x.shape[1])
    measured = np.mean([simulate(x, layers, rng) for _ in range(50)], axis=0)
    q = np.mean(x.astype(np.float64) ** 2, axis=1)

    def error(predictions: list[Prediction]) -> float:
        predicted = [[p.activation_std for p in predictions], [p.gradient_std for p in predictions]]
        return float(np.max(np.abs(measured / predicted - 1)))

    assert error(predict(layers, q)) < 0.01
    if data is digits_of_unequal_norms:  # one number for all examples would not do
        assert error(predict(layers, float(q.mean()))) > 0.1


@given(st.floats(1e-3, 10), st.floats(1e-3, 10))
def test_a_linear_net_multiplies_variances(variance: float, second_moment: float) -> None:
    predictions = predict(chain(100, variance, "identity", depth=3), second_moment)
    for depth, p in enumerate(predictions, 1):
        assert p.preactivation_variance == pytest.approx(variance**depth * second_moment, rel=1e-12)
        assert p.activation_std == pytest.approx(math.sqrt(p.preactivation_variance), rel=1e-12)
        assert p.gradient_std == pytest.approx(variance ** ((4 - depth) / 2), rel=1e-12)


@given(st.floats(1e-3, 1e3))
def test_a_relu_net_scales_with_its_input(scale: float) -> None:
    net = chain(100, 2.0, "relu")
    for one, scaled in zip(predict(net), predict(net, scale), strict=True):
        assert scaled.preactivation_variance == pytest.approx(scale * one.preactivation_variance, rel=1e-12)
        assert scaled.activation_mean == pytest.approx(math.sqrt(scale) * one.activation_mean, rel=1e-9, abs=1e-12)
        assert scaled.gradient_std == pytest.approx(one.gradient_std, rel=1e-12)


def test_hes_law_holds_a_relu_net() -> None:
    predictions = predict(chain(100, 2.0, "relu", depth=50))
    assert [p.activation_second_moment for p in predictions[:-1]] == pytest.approx([1.0] * 50)
    assert [p.gradient_std for p in predictions] == pytest.approx([1.0] * 51)
    assert predictions[0].activation_mean == pytest.approx(1 / math.sqrt(math.pi))
    assert predictions[0].activation_std == pytest.approx(math.sqrt(1 - 1 / math.pi))


@given(st.floats(0.1, 4), st.floats(1.01, 3))
def test_a_stronger_input_gives_a_stronger_signal_and_a_weaker_gradient(q: float, factor: float) -> None:
    weak, strong = (predict(chain(100, 1.0), s) for s in (q, q * factor))
    for w, s in zip(weak, strong, strict=True):
        assert s.activation_std > w.activation_std
    assert strong[0].gradient_std < weak[0].gradient_std


def test_backward_uses_the_fan_out_of_the_layer_above() -> None:
    first, second = predict([Layer("a", 30, 200, 1 / 30), Layer("b", 200, 50, 0.01)])
    assert second.preactivation_variance == pytest.approx(2.0)  # 200 · 0.01
    assert first.gradient_factor == pytest.approx(0.5)  # 50 · 0.01
    assert first.gradient_std == pytest.approx(math.sqrt(0.5))
    assert second.gradient_factor == 1


def test_biases_add_variance() -> None:
    (p,) = predict([Layer("a", 10, 10, 0.1, "tanh", bias_variance=0.5)])
    assert p.preactivation_variance == pytest.approx(1.5)


@given(st.floats(-2, 2))
def test_biases_of_one_value_shift_the_preactivation(value: float) -> None:
    first, second = predict([Layer("a", 10, 10, 0.1, "relu", bias_mean=value), Layer("b", 10, 10, 0.2)])
    density, share = math.exp(-value * value / 2) / math.sqrt(2 * math.pi), (1 + math.erf(value / math.sqrt(2))) / 2
    assert first.preactivation_variance == pytest.approx(1.0)
    assert first.activation_mean == pytest.approx(value * share + density, abs=1e-12)
    assert first.activation_second_moment == pytest.approx((value * value + 1) * share + value * density, rel=1e-9)
    assert first.gradient_factor == pytest.approx(2 * share)
    assert second.preactivation_variance == pytest.approx(2 * first.activation_second_moment)


def test_a_layer_of_zeros_sends_no_gradient_down() -> None:
    first, second, third = predict([Layer("a", 9, 9, 0.1), Layer("b", 9, 9, 0.1), Layer("c", 9, 9, 0.0)], 1.0, 3.0)
    assert (first.gradient_std, second.gradient_std, third.gradient_std) == (0, 0, 3)
    assert math.isnan(first.gradient_factor)
    assert second.gradient_factor == 0
    assert third.activation_std == 0


def test_examples_are_pooled() -> None:
    net = chain(100, 1.0)
    apart = [predict(net, q) for q in (0.5, 2.0)]
    for pooled, *single in zip(predict(net, [0.5, 2.0]), *apart, strict=True):
        mean = np.mean([s.activation_second_moment for s in single])
        assert pooled.activation_second_moment == pytest.approx(mean, rel=1e-12)
        assert pooled.gradient_std**2 == pytest.approx(np.mean([s.gradient_std**2 for s in single]), rel=1e-12)


def test_no_layers_no_predictions() -> None:
    assert predict([]) == []


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            Layer("fc", 9, 9, 0.0, weight_mean=0.5),
            "layer 'fc': the theory needs weights of mean 0, got 0.5; with a common",
        ),
        (Layer("fc", 9, 9, math.nan), "layer 'fc': weight_variance must be finite and not negative, got nan"),
        (Layer("fc", -1, 9, 1.0), "layer 'fc': fan_in must be finite and not negative, got -1"),
        (
            Layer("fc", 9, 9, 1.0, bias_variance=-2),
            "layer 'fc': bias_variance must be finite and not negative, got -2",
        ),
        (Layer("fc", 9, 9, 1.0, bias_mean=math.inf), "layer 'fc': bias_mean must be finite, got inf"),
        (Layer("fc", 9, 9, 1.0, "tahn"), "unknown activation 'tahn'"),
    ],
)
def test_layers_out_of_reach_are_refused(layer: Layer, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        predict([layer])


@pytest.mark.parametrize("second_moment", [-1.0, math.nan, []])
def test_a_senseless_input_is_refused(second_moment: object) -> None:
    with pytest.raises(GlorotError, match="second_moment: needs finite numbers ≥ 0, at least one, got"):
        predict(chain(10, 1.0), second_moment)


def test_a_senseless_gradient_is_refused() -> None:
    with pytest.raises(GlorotError, match="output_gradient_std must be finite and not negative, got -1"):
        predict(chain(10, 1.0), 1.0, -1.0)


@examples(20)
@given(st.floats(0.2, 4), st.floats(0.01, 0.5))
def test_the_fixed_point_is_one_and_deep_nets_reach_it(weight_variance: float, bias_variance: float) -> None:
    q = fixed_point("tanh", weight_variance, bias_variance)
    assert weight_variance * activation("tanh").moments(q).second_moment + bias_variance == pytest.approx(q, rel=1e-9)
    deep = [Layer(f"fc{i}", 10, 10, weight_variance / 10, "tanh", bias_variance=bias_variance) for i in range(80)]
    assert predict(deep)[-1].preactivation_variance == pytest.approx(q, rel=1e-6)


@given(st.floats(0.05, 1.9), st.floats(1e-3, 1))
def test_the_fixed_point_of_relu_is_closed(weight_variance: float, bias_variance: float) -> None:
    expected = bias_variance / (1 - weight_variance / 2)
    assert fixed_point("relu", weight_variance, bias_variance) == pytest.approx(expected, rel=1e-9)


def test_the_signal_dies_below_the_edge() -> None:
    assert fixed_point("tanh", 1.0) == 0
    with pytest.raises(GlorotError, match=r"tanh at σ_w²=0.9: the signal dies \(q\* = 0\), it has no phase"):
        phase("tanh", 0.9)


@pytest.mark.parametrize(("phi", "variance"), [("relu", 2.5), ("relu_squared", 1.0), ("gelu", 3.0)])
def test_an_exploding_variance_is_refused(phi: str, variance: float) -> None:
    with pytest.raises(GlorotError, match=f"^{phi} at σ_w²={variance:g}, σ_b²=0: {GROWS}"):
        fixed_point(phi, variance)


@given(st.floats(2, 4), st.floats(1e-3, 1))
def test_relu_with_biases_grows_without_end(weight_variance: float, bias_variance: float) -> None:
    for phi, share in (("relu", 1.0), ("identity", 0.5)):  # of relu half of E z² is left
        variances = f"at σ_w²={share * weight_variance:g}, σ_b²={bias_variance:g}"
        with pytest.raises(GlorotError, match=f"^{phi} {variances}: {GROWS}"):
            fixed_point(phi, share * weight_variance, bias_variance)


@given(st.floats(1e-6, 1e-3))
def test_what_grows_for_long_still_ends(gap: float) -> None:
    assert fixed_point("relu", 2 * (1 - gap), 0.05) == pytest.approx(0.05 / gap, rel=1e-6)
    assert fixed_point("relu", 1.0, 1e-12) == pytest.approx(2e-12, rel=1e-6)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_fixed_point_is_one_or_refused(name: str) -> None:
    phi, q = activation(name), np.geomspace(1, 1e12, 200)
    for weight_variance in (share / phi.moments().second_moment for share in (0.5, 1.0, 2.0)):
        if np.all(weight_variance * phi.moments(q).second_moment + 0.1 > (1 - 1e-12) * q):
            with pytest.raises(GlorotError, match=GROWS):
                fixed_point(name, weight_variance, 0.1)
        else:
            found = fixed_point(name, weight_variance, 0.1)
            assert weight_variance * phi.moments(found).second_moment + 0.1 == pytest.approx(found, rel=1e-9)


def test_correlations_that_die_at_once_have_no_depth() -> None:
    even = phase(lambda z: np.sqrt(2.5) * np.cos(2.5 * z), 2.0)  # E φ′ = 0, and φ of independent inputs has no mean
    assert even.chi > 1
    assert even.depth_scale < 1


def test_without_biases_chaos_decorrelates_wholly() -> None:
    p = phase("tanh", 2.0)
    assert p.chi > 1
    assert p.correlation == pytest.approx(0, abs=1e-12)
    assert p.depth_scale == pytest.approx(-1 / math.log(2.0 * mean_slope("tanh", p.q) ** 2), rel=1e-9)


def mean_slope(phi: str, q: float) -> float:
    z = np.linspace(-12, 12, 200_001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float(np.sum(activation(phi).derivative(math.sqrt(q) * z) * density) * (z[1] - z[0]))


def test_the_edge_is_infinitely_deep() -> None:
    assert phase("relu", 2.0).depth_scale == math.inf


@examples(10)
@given(st.floats(0.01, 1))
def test_the_edge_of_erf_parts_order_from_chaos(bias_variance: float) -> None:
    critical = critical_weight_variance("erf", bias_variance)
    below, above = (phase("erf", k * critical, bias_variance) for k in (0.95, 1.05))
    assert below.chi < 1 < above.chi
    assert below.correlation == 1 > above.correlation


@pytest.mark.parametrize(("phi", "expected"), [("tanh", 1), ("relu", 2), ("erf", math.pi / 4), ("hardtanh", 1)])
def test_critical_variance_without_biases(phi: str, expected: float) -> None:
    assert critical_weight_variance(phi) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("phi", "bias_variance", "message"),
    [
        ("relu", 0.1, r"relu: no σ_w² has χ₁ = 1 at its fixed point, for σ_b²=0.1"),
        ("gelu", 0.05, r"gelu: at σ_b²=0.05, where χ₁ = 1, the variance is not stable"),
        ("tanh", -1.0, "bias_variance must be finite and not negative, got -1"),
    ],
)
def test_no_edge_is_refused(phi: str, bias_variance: float, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        critical_weight_variance(phi, bias_variance)


@pytest.mark.parametrize("call", [lambda: fixed_point("tanh", -1.0), lambda: chi("tanh", math.nan, 1.0)])
def test_senseless_variances_are_refused(call: Callable[[], float]) -> None:
    with pytest.raises(GlorotError, match="weight_variance must be finite and not negative, got"):
        call()
