"""What theory says of a plan, beside what the probe measures; and why it says nothing."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot import probe

SEEDS = 8


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def dense(phi: type[nn.Module], *sizes: int) -> nn.Sequential:
    pairs = list(pairwise(sizes))
    layers = [module for ins, outs in pairs[:-1] for module in (nn.Linear(ins, outs), phi())]
    return nn.Sequential(*layers, nn.Linear(*pairs[-1]))


def gap(model: nn.Module, plan: glorot.Plan, x: Tensor) -> float:
    """Return the largest relative gap between the prediction and the mean over seeds, but for the output."""
    predicted, seen = [], []
    for seed in range(SEEDS):
        signal = probe.measure(glorot.apply(plan, model, seed=seed), x)
        expected = probe.prediction(plan, signal)
        assert expected is not None
        predicted.append([(layer.activation_std, layer.gradient_std) for layer in expected[:-1]])
        seen.append([(layer.std, layer.gradient_std) for layer in signal.layers[:-1]])
    return float(np.max(np.abs(np.mean(seen, axis=0) / np.mean(predicted, axis=0) - 1)))


def square_gap(recipe: str, phi: type[nn.Module], width: int = 512, **options: Any) -> float:
    model, x = dense(phi, *[width] * 5), normal(64, width)
    return gap(model, glorot.plan(model, recipe, inputs=x, **options), x)


@pytest.mark.parametrize("phi", [nn.ReLU, nn.Tanh])
def test_random_biases_are_predicted(phi: type[nn.Module]) -> None:
    assert square_gap("pytorch", phi) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("phi", [nn.ReLU, nn.Tanh, nn.GELU])
@pytest.mark.parametrize("recipe", ["orthogonal", "truncated_normal(0.05)", "sparse_normal(0.2, 0.1)", "he", "pytorch"])
def test_what_recipes_draw_is_predicted(recipe: str, phi: type[nn.Module]) -> None:
    assert square_gap(recipe, phi) < 0.03


def test_orthogonal_layers_are_predicted() -> None:
    assert square_gap("orthogonal", nn.Tanh, width=128) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(784, 512, 768, 512, 10), (256, 1024, 512, 512)])
def test_oblong_orthogonal_layers_are_predicted(sizes: tuple[int, ...]) -> None:
    model, x = dense(nn.Tanh, *sizes), normal(64, sizes[0])
    assert gap(model, glorot.plan(model, "orthogonal(gain=1.2)", inputs=x), x) < 0.03


@pytest.mark.slow
def test_orthogonal_convolutions_are_predicted() -> None:
    layers = [nn.Conv2d(ins, 256, 3) for ins in (32, 256, 256)]
    model, x = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2]), normal(8, 32, 12, 12)
    assert gap(model, glorot.plan(model, "orthogonal", inputs=x), x) < 0.03


@pytest.mark.parametrize("value", [0.5, pytest.param(-0.2, marks=pytest.mark.slow)])
def test_biases_of_one_value_are_predicted(value: float) -> None:
    assert square_gap("he", nn.ReLU, rules=[("*.bias", f"constant({value})")]) < 0.03


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        y: Tensor = self.c(x + torch.tanh(self.b(x)))
        return y


def plain() -> nn.Sequential:
    return dense(nn.Tanh, 16, 16, 16)


REASONS = [
    (
        Residual,
        "xavier",
        [],
        "the layers are not a plain chain: one is fed by more than the one before it, or runs more",
    ),
    (plain, "constant(0.1)", [], "0.weight: weights of mean 0.1, not 0: all units move together, and no preactivation"),
    (plain, "xavier", [("2.weight", "normal(0.1, mean=0.3)")], "2.weight: weights of mean 0.3, not 0: all units move"),
    (plain, "zeros", [], "0.weight: weights of 0 let no signal through"),
    (plain, "identity", [], "0.weight: an identity passes each element on as it is, and no preactivation is a sum"),
    (plain, "positive_unitball", [], "0.weight: weights that are all positive have a mean: all units move together"),
    (
        plain,
        "xavier",
        [("2.weight", "skip")],
        "2.weight: the plan draws no weights of that name, or does not know their",
    ),
    (
        plain,
        "xavier",
        [("0.bias", "skip")],
        "0.bias: the plan leaves these biases alone, so their variance is not known",
    ),
    (
        lambda: nn.Sequential(nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 16)),
        "xavier",
        [],
        "1.weight: the theory of a plain chain has no norms",
    ),
]


@pytest.mark.parametrize(("build", "recipe", "rules", "reason"), REASONS, ids=[reason[:40] for *_, reason in REASONS])
def test_where_nothing_is_predicted_the_reason_is_told(build, recipe, rules, reason) -> None:  # type: ignore[no-untyped-def]
    model, x = build(), normal(8, 16)
    plan = glorot.plan(model, recipe, inputs=x, rules=rules)
    signal = probe.measure(glorot.apply(plan, model, seed=0), x)
    assert probe.prediction(plan, signal) is None
    assert probe.unpredicted(plan, signal).startswith(reason)


def test_rows_of_an_embedding_are_not_predicted() -> None:
    model, ids = nn.Sequential(nn.Embedding(7, 16), nn.Linear(16, 7)), torch.arange(10).reshape(2, 5) % 7
    plan = glorot.plan(model, "xavier", inputs=ids)
    signal = probe.measure(glorot.apply(plan, model, seed=0), ids)
    assert probe.prediction(plan, signal) is None
    assert "rows of an embedding" in probe.unpredicted(plan, signal)


def test_what_is_predicted_has_no_reason_against_it() -> None:
    model, x = plain(), normal(8, 16)
    plan = glorot.plan(model, "xavier", inputs=x)
    signal = probe.measure(glorot.apply(plan, model, seed=0), x)
    assert (signal.unpredicted, probe.unpredicted(plan, signal)) == ("", "")
    assert probe.prediction(plan, signal) is not None
