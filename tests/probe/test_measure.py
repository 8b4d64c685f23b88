"""The figures of a probe, against a plain computation and against the theory."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import glorot
from glorot import probe
from glorot.errors import GlorotError
from glorot.probe import LayerSignal
from glorot.probe.signal import distinct_units, histogram
from glorot.theory import Layer, predict

FUNCTIONS: dict[str, tuple[type[nn.Module], Callable[[Tensor], Tensor]]] = {
    "tanh": (nn.Tanh, lambda z: 1 - torch.tanh(z) ** 2),
    "relu": (nn.ReLU, lambda z: (z > 0).double()),
    "sigmoid": (nn.Sigmoid, lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z))),
}
STEEPEST = {"tanh": 1.0, "relu": 1.0, "sigmoid": 0.25}


def uniform(*shape: int, bound: float = 1.7, seed: int = 0) -> Tensor:
    return bound * (2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 1)


def dense_net(phi: str, std: float = 0.6) -> nn.Sequential:
    function = FUNCTIONS[phi][0]
    model = nn.Sequential(nn.Linear(6, 8), function(), nn.Linear(8, 7), function(), nn.Linear(7, 3))
    return glorot.initialize(model, f"random(std={std})", seed=4)


def conv_net() -> nn.Sequential:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Conv2d(4, 5, 2, stride=2), nn.ReLU(), nn.Flatten())
    model.append(nn.Linear(5 * 2 * 2, 3))
    return glorot.initialize(model, "random(std=0.5)", seed=4)


def plainly(model: nn.Sequential, x: Tensor, loss: Callable[[Tensor], Tensor]) -> dict[str, dict[str, float]]:
    """Compute the figures in the simplest way: keep everything, differentiate everything."""
    activations, z, a = {}, {}, {}
    for n, module in enumerate(model):
        x = module(x)
        if isinstance(module, nn.Linear | nn.Conv2d):
            x.retain_grad()
            last = str(n)
            activations[last], z[last], a[last] = "identity", x, x
        elif type(module).__name__.lower() in FUNCTIONS:
            activations[last], a[last] = type(module).__name__.lower(), x
    loss(x).backward()
    found = {}
    for layer, phi in activations.items():
        before, after = (units_last(t.detach().double()) for t in (z[layer], a[layer]))
        slopes = FUNCTIONS[phi][1](before).abs() if phi != "identity" else torch.ones_like(before)
        spread = after.std(dim=0, correction=0)
        found[layer] = {
            "mean": after.mean().item(),
            "std": after.std(correction=0).item(),
            "std_across": spread.square().mean().sqrt().item(),
            "percentile98": np.percentile(after.numpy(), 98),
            "second_moment": after.square().mean().item(),
            "preactivation_std": before.std(correction=0).item(),
            "saturated": (slopes < 0.05 * STEEPEST.get(phi, 1.0)).double().mean().item(),
            "dead": (spread.amax(dim=0) == 0).double().mean().item(),
            "units": after.shape[-1],
            "gradient_std": z[layer].grad.std(correction=0).item(),  # type: ignore[union-attr]
            "weight_gradient_std": model[int(layer)].weight.grad.std(correction=0).item(),
        }
    return found


def units_last(values: Tensor) -> Tensor:
    values = values.movedim(1, -1) if values.dim() > 2 else values.unsqueeze(1)
    return values.reshape(len(values), -1, values.shape[-1])


def figures(signal: LayerSignal, names: Any) -> dict[str, float]:
    return {name: getattr(signal, name) for name in names}


NETS: dict[str, tuple[Callable[[], nn.Sequential], Tensor]] = {
    "tanh": (lambda: dense_net("tanh"), uniform(32, 6)),
    "relu": (lambda: dense_net("relu"), uniform(32, 6)),
    "sigmoid": (lambda: dense_net("sigmoid"), uniform(32, 6)),
    "saturated tanh": (lambda: dense_net("tanh", std=4.0), uniform(32, 6)),
    "relu that dies": (lambda: glorot.initialize(dense_net("relu"), "random(0.1)", seed=1, rules=[("2.bias", "constant(-1)")]), uniform(32, 6)),
    "convolutions": (conv_net, uniform(16, 2, 7, 7)),
}  # fmt: skip

LOSSES: dict[str, tuple[Tensor, Any, Callable[[Tensor, Tensor], Tensor]]] = {
    "classes": (torch.arange(32) % 3, None, F.cross_entropy),
    "values": (uniform(32, 3, seed=1), None, F.mse_loss),
    "a given loss": (uniform(32, 3, seed=1), F.l1_loss, F.l1_loss),
}


@pytest.mark.parametrize("goal", LOSSES)
@pytest.mark.parametrize("net", NETS)
def test_figures_are_those_of_a_plain_computation(net: str, goal: str) -> None:
    build, x = NETS[net]
    targets, given_loss, loss = LOSSES[goal]
    targets = targets[: len(x)]
    signal = probe.measure(build(), x, targets, given_loss)
    expected = plainly(build(), x, lambda y: loss(y, targets))
    assert [layer.layer for layer in signal.layers] == list(expected)
    for layer in signal.layers:
        plain = expected[layer.layer]
        assert figures(layer, plain) == pytest.approx(plain, rel=1e-5, abs=1e-12), layer.layer
    assert signal.loss == pytest.approx(loss(build()(x), targets).item(), rel=1e-6)
    assert signal.input_second_moments == pytest.approx(x.flatten(1).square().mean(dim=1).tolist(), rel=1e-5)
    assert signal.chain


def test_the_nets_show_what_they_are_called_after() -> None:
    saturated = probe.measure(NETS["saturated tanh"][0](), NETS["saturated tanh"][1])
    assert saturated["2"].saturated > 0.5
    assert probe.measure(NETS["relu that dies"][0](), NETS["relu that dies"][1])["2"].dead > 0.5


def test_without_targets_the_gradient_starts_at_one() -> None:
    model = nn.Sequential(nn.Linear(6, 500), nn.Tanh(), nn.Linear(500, 400))
    signal = probe.measure(model, uniform(8, 6))
    assert math.isnan(signal.loss)
    assert signal["2"].gradient_std == pytest.approx(1.0, abs=0.03)
    again = probe.measure(model, uniform(8, 6))
    assert again["0"] == signal["0"]


@given(st.integers(1, 6), st.integers(2, 9), st.randoms(use_true_random=False))
def test_copies_of_units_are_counted_once(kinds: int, copies: int, random: Any) -> None:
    columns = np.random.default_rng(kinds).normal(size=(20, kinds))
    places = [*range(kinds), *(random.randrange(kinds) for _ in range(copies))]
    random.shuffle(places)
    assert distinct_units(columns[:, places]) == kinds
    assert distinct_units(1e-9 * columns[:, places]) == kinds  # the scale plays no role
    noise = 1e-6 * np.random.default_rng(0).normal(size=(20, len(places)))
    assert distinct_units(columns[:, places] + noise) == kinds


@pytest.mark.parametrize(("recipe", "distinct"), [("constant(0.1)", 1), ("zeros", 1), ("xavier", 8)])
def test_constant_weights_leave_one_unit(recipe: str, distinct: int) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    signal = probe.measure(glorot.initialize(model, recipe, seed=0), uniform(16, 6))
    assert [layer.distinct for layer in signal.layers] == [distinct] * 3


def test_a_dead_sigmoid_net_has_spread_but_no_information() -> None:
    layers = [module for n in range(5) for module in (nn.Linear(64, 64), nn.Sigmoid())]
    model = glorot.initialize(nn.Sequential(*layers), "standard", seed=0)
    signal = probe.measure(model, uniform(64, 64))
    last = signal["8"]
    assert last.std > 0.05
    assert last.std_across < 0.01 * last.std
    assert last.std_across < 1e-3 * signal["0"].std_across * 64


def test_dead_units_answer_alike() -> None:
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU())
    rules = [("0.bias", "skip")]
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-9.0] * 3 + [9.0] * 7))
    glorot.initialize(model, "random(0.5)", seed=0, rules=rules)
    assert probe.measure(model, uniform(16, 4))["0"].dead == pytest.approx(0.3)


def test_one_example_tells_nothing_across_examples() -> None:
    layer = probe.measure(dense_net("tanh"), uniform(1, 6))["0"]
    assert math.isnan(layer.std_across)
    assert math.isnan(layer.dead)
    assert layer.std > 0


def test_histograms_count_everything() -> None:
    counts = histogram(np.array([-9.0, -6.0, -0.01, 0.0, 0.13, 5.99, 6.0, 1e30, np.inf, np.nan]))
    assert sum(counts.counts) == 9
    assert (counts.counts[0], counts.counts[47], counts.counts[48], counts.counts[49]) == (2, 1, 1, 1)
    assert counts.counts[-1] == 4


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_net_that_diverged_has_figures_that_are_no_numbers(bad: float) -> None:
    model = dense_net("tanh")
    with torch.no_grad():
        model[2].weight.fill_(bad)
    signal = probe.measure(model, uniform(8, 6), torch.zeros(8, dtype=torch.long))
    assert math.isfinite(signal["0"].std)
    assert math.isnan(signal["4"].std) or signal["4"].std == 0
    assert math.isnan(signal.loss)


# layers that are no plain chain


class Shared(nn.Module):
    """One layer that runs three times."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = torch.tanh(self.fc(x))
        return x


def test_a_layer_that_runs_again_is_shown_as_it_ran_first() -> None:
    model = glorot.initialize(Shared(), "xavier", seed=0)
    x = uniform(8, 4)
    signal = probe.measure(model, x)
    assert signal["fc"].std == pytest.approx(torch.tanh(model.fc(x)).std(correction=0).item(), rel=1e-5)
    assert not signal.chain


class InPlace(nn.Module):
    """A layer whose output something changes in place, without an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc(x)
        h += 100.0
        y: Tensor = self.out(h)
        return y


def test_what_changes_in_place_afterwards_is_not_shown() -> None:
    model, x = InPlace(), uniform(8, 4)
    assert probe.measure(model, x)["fc"].mean == pytest.approx(model.fc(x).mean().item(), rel=1e-4)


def test_in_place_activations_are_shown_before_and_behind() -> None:
    fresh, inplace = (nn.Sequential(nn.Linear(6, 8), nn.ReLU(flag), nn.Linear(8, 3)) for flag in (False, True))
    inplace.load_state_dict(fresh.state_dict())
    targets = torch.arange(16) % 3
    assert probe.measure(fresh, uniform(16, 6), targets) == probe.measure(inplace, uniform(16, 6), targets)


def test_recurrent_and_attention_layers_have_gradients_of_all_their_weights() -> None:
    model = nn.ModuleList([nn.LSTM(4, 6, batch_first=True)])[0]
    x = uniform(5, 3, 4)
    layer = probe.measure(model, x)[""]
    model(x)[0].backward(torch.ones(5, 3, 6))
    assert layer.units == 6
    assert layer.weight_gradient_std > 0
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    signal = probe.measure(attention, uniform(3, 5, 8), uniform(3, 5, 8, seed=2))
    assert [layer.layer for layer in signal.layers] == ["self_attn", "self_attn.out_proj", "linear1", "linear2"]
    assert all(layer.weight_gradient_std > 0 and layer.gradient_std > 0 for layer in signal.layers)
    assert not signal.chain


def test_frozen_layers_have_no_weight_gradient() -> None:
    model = dense_net("tanh")
    model[2].requires_grad_(False)
    signal = probe.measure(model, uniform(8, 6))
    assert math.isnan(signal["2"].weight_gradient_std)
    assert signal["2"].gradient_std > 0
    assert signal["0"].weight_gradient_std > 0
    assert math.isnan(probe.measure(model.requires_grad_(False), uniform(8, 6))["4"].gradient_std)


class Tokens(nn.Module):
    """A model that gives a class for every position."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(7, 6), nn.Linear(6, 7)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.tokens(ids))}


def test_one_class_for_each_position() -> None:
    model, ids = Tokens(), torch.arange(10).reshape(2, 5) % 7
    signal = probe.measure(model, ids, ids)
    logits = model(ids)["logits"]
    assert signal.loss == pytest.approx(F.cross_entropy(logits.reshape(10, 7), ids.reshape(10)).item(), rel=1e-6)
    assert [layer.layer for layer in signal.layers] == ["tokens", "head"]


def test_layers_are_found_by_path() -> None:
    signal = probe.measure(dense_net("tanh"), uniform(4, 6))
    assert signal["2"] is signal.layers[1]
    with pytest.raises(KeyError, match="9"):
        signal["9"]


# what is refused


def no_tensor(outputs: Tensor, targets: Tensor) -> float:
    return 1.0


@pytest.mark.parametrize(
    ("targets", "loss", "message"),
    [
        (
            torch.zeros(4, dtype=torch.long),
            None,
            r"^targets of shape \(4,\) do not fit outputs of shape \(8, 3\): expected class numbers of shape \(8,\), or",
        ),
        (
            torch.full((8,), 3),
            None,
            r"^targets hold class number 3, and outputs of shape \(8, 3\) are of classes 0 to 2; count the classes from 0",
        ),
        (
            torch.zeros(8),
            None,
            r"^targets of shape \(8,\) do not fit outputs of shape \(8, 3\): expected class numbers of shape \(8,\), or "
            r"floating-point values of shape \(8, 3\)$",
        ),
        (np.zeros((8, 1)), None, r"^targets of shape \(8, 1\) do not fit outputs of shape \(8, 3\): expected"),
        (torch.full((8, 3), float("nan")), None, r"^targets of shape \(8, 3\) hold NaN or infinity"),
        (
            torch.zeros(5, 3),
            F.huber_loss,
            r"^the loss failed on targets of shape \(5, 3\) and outputs of shape \(8, 3\) with RuntimeError: The size",
        ),
        (
            torch.zeros(8, 3),
            nn.MSELoss(reduction="none"),
            r"^loss must return one number as a tensor, got shape \(8, 3\)",
        ),
        (
            torch.zeros(8, 3),
            no_tensor,
            r"^loss must return one number as a tensor, got a float; compute it from what the model returns$",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")  # PyTorch's own, before it fails
def test_targets_that_do_not_fit(targets: Any, loss: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        probe.measure(dense_net("tanh"), uniform(8, 6), targets, loss)


def test_a_model_that_returns_no_tensor_is_refused() -> None:
    class Text(nn.Module):
        def forward(self, x: Tensor) -> str:
            return "hello"

    with pytest.raises(GlorotError, match=r"^expected the model to return a tensor, got str$"):
        probe.measure(Text(), uniform(2, 2))


# prediction


def test_the_probe_agrees_with_the_theory() -> None:
    width, depth, draws = 512, 3, 50
    layers = [module for _ in range(depth) for module in (nn.Linear(width, width), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(width, width))
    x = torch.randn(32, width, generator=torch.Generator().manual_seed(1))
    plan = glorot.plan(model, "xavier")
    signals = [probe.measure(glorot.apply(plan, model, seed=seed), x) for seed in range(draws)]
    phis = ["tanh"] * depth + ["identity"]
    chain = [Layer(str(2 * n), width, width, 1 / width, phi) for n, phi in enumerate(phis)]
    start = np.mean([signal.layers[-1].gradient_std for signal in signals])
    predicted = predict(chain, signals[0].input_second_moments, float(start))
    for n, expected in enumerate(predicted):
        seen = [signal.layers[n] for signal in signals]
        assert np.mean([layer.std for layer in seen]) == pytest.approx(expected.activation_std, rel=0.01)
        assert np.mean([layer.second_moment for layer in seen]) == pytest.approx(
            expected.activation_second_moment, rel=0.01
        )
        assert np.mean([layer.gradient_std for layer in seen]) == pytest.approx(expected.gradient_std, rel=0.01)
