"""The terms that the proof of Xavier initialisation keeps and leaves out, on cases that are known exactly."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.probe import assumptions


def all_of(low: float, high: float, count: int) -> torch.Tensor:
    """Return every choice of several numbers out of two: independent of each other, exactly."""
    return torch.tensor(list(itertools.product([low, high], repeat=count)))


def linear(weight: torch.Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.clone()
    return layer


def test_the_three_terms_are_the_variance_where_weights_and_inputs_are_independent() -> None:
    (one,) = assumptions(nn.Sequential(linear(all_of(0.5, 2.5, 3))), all_of(-1.0, 3.0, 3)).kernels
    signal = one.signal  # E w = 1.5, Var w = 1, E x = 1, Var x = 4
    assert (signal.fan, signal.weights_and_inputs, signal.weight_mean, signal.input_mean) == (3, 12, 27, 3)
    assert signal.measured == pytest.approx(42)
    assert signal.ratio == pytest.approx(1)
    assert signal.factor == pytest.approx((42 + 4.5**2) / 5)


def test_an_input_that_is_constant_shifts_units() -> None:
    (one,) = assumptions(nn.Sequential(linear(all_of(-1.0, 1.0, 3))), torch.full((4, 3), 2.0)).kernels
    assert one.signal.shares == (0, 0, 1, 0)
    assert one.signal.measured == pytest.approx(12)


def test_a_bias_has_its_share() -> None:
    layer = nn.Linear(3, 8)
    layer.weight.data, layer.bias.data = all_of(-1.0, 1.0, 3), torch.tensor([1.0, -1.0] * 4)
    (one,) = assumptions(nn.Sequential(layer), all_of(-1.0, 1.0, 3)).kernels
    assert one.signal.bias == 1
    assert one.signal.expected == 4
    assert one.signal.measured == pytest.approx(4)


def test_inputs_that_follow_the_weights_show() -> None:
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    (one,) = assumptions(nn.Sequential(linear(weight)), weight).kernels
    assert one.signal.ratio == pytest.approx(2, rel=0.1)  # n σ⁴ of what is independent, as much of each row with itself


def test_gradients_are_summed_over_outputs() -> None:
    net = nn.Sequential(linear(torch.eye(8)), linear(all_of(0.5, 2.5, 3).T))
    slopes = all_of(-1.0, 3.0, 3)
    found = assumptions(net, torch.randn(8, 8), slopes, lambda out, given: (out * given).sum())
    gradient = found["1"].gradient
    assert (gradient.fan, gradient.weights_and_inputs, gradient.weight_mean, gradient.input_mean) == (3, 12, 27, 3)
    assert gradient.ratio == pytest.approx(1)
    assert math.isnan(found["0"].gradient.measured)  # what the batch gets back is not read


def test_an_oblong_net_shows_the_compromise() -> None:
    net = nn.Sequential(nn.Linear(400, 50), nn.Linear(50, 400), nn.Linear(400, 50), nn.Linear(50, 400))
    found = assumptions(glorot.initialize(net, "xavier", seed=0), torch.randn(512, 400))
    for name, (signal, gradient) in {"1": (2 * 50 / 450, 2 * 400 / 450), "2": (2 * 400 / 450, 2 * 50 / 450)}.items():
        one = found[name]
        assert one.factors(2 / 450) == pytest.approx((signal, gradient))
        assert one.factors(1 / one.signal.fan) == pytest.approx((1, one.gradient.fan / one.signal.fan))
        assert one.signal.factor == pytest.approx(signal, rel=0.08)
        assert one.gradient.factor == pytest.approx(gradient, rel=0.08)
        assert one.signal.ratio == pytest.approx(1, rel=0.08)


def test_after_a_relu_a_third_is_a_shift() -> None:
    net = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512))
    found = assumptions(glorot.initialize(net, "he", seed=0), torch.randn(256, 512))
    assert found["2"].signal.shares[2] == pytest.approx(1 / math.pi, abs=0.02)  # E[x]²/E x² of a rectified normal
    assert found["2"].signal.ratio == pytest.approx(1, rel=0.05)


def test_a_convolution_counts_its_window() -> None:
    net = nn.Sequential(nn.Conv2d(8, 16, 3), nn.Flatten(), nn.Linear(16 * 36, 4))
    found = assumptions(glorot.initialize(net, "lecun", seed=0), torch.randn(16, 8, 8, 8))
    assert found["0"].signal.fan == 72
    assert found["0"].signal.ratio == pytest.approx(1, rel=0.15)
    assert found["2"].signal.fan == 16 * 36


def test_what_is_computed_on_the_way_is_left_out_with_its_reason() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
    found = assumptions(nn.Sequential(layer, nn.Linear(8, 2)), torch.randn(4, 8))
    assert [one.name for one in found.kernels] == ["1"]
    assert "0 is left out: its kernel is computed from what is stored" in found.notes


def test_it_prints_shows_in_a_notebook_and_is_saved(tmp_path: Path) -> None:
    found = assumptions(nn.Sequential(linear(all_of(0.5, 2.5, 3))), all_of(-1.0, 3.0, 3))
    assert "E[x]²·Var w" in str(found)
    assert "28.6 %" in str(found)  # 12 of 42
    assert "<td" in found._repr_html_()
    saved = json.loads(found.save(tmp_path / "terms.json").read_text(encoding="utf-8"))
    assert saved["kernels"][0]["signal"]["input_mean"] == 3
    assert saved["kernels"][0]["gradient"]["measured"] is None


def test_jax_has_the_same_terms() -> None:
    jnp = pytest.importorskip("jax.numpy")
    weight, x = np.asarray(all_of(0.5, 2.5, 3).T), np.asarray(all_of(-1.0, 3.0, 3))
    found = assumptions({"w": jnp.asarray(weight)}, jnp.asarray(x), forward=lambda tree, batch: batch @ tree["w"])
    (one,) = found.kernels
    assert one.signal.expected == pytest.approx(42)
    assert one.signal.ratio == pytest.approx(1, rel=1e-5)


def test_terms_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    found = assumptions(nn.Sequential(linear(all_of(0.5, 2.5, 3))), all_of(-1.0, 3.0, 3))
    again = type(found).load(found.save(tmp_path / "assumptions.json"))
    assert str(again) == str(found)
