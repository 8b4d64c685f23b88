"""The figures of steps: against a plain computation, in every framework alike, kept in a file, refused in one message."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen
from same_mlp import VALUES, mlp_in_jax, mlp_in_torch, run
from torch import Tensor, nn

import glorot
from glorot.errors import GlorotError
from glorot.graph.readings import MOST
from glorot.probe import Signal, StepSignal

FIGURES = (
    "mean", "second_moment", "std_across", "percentile98", "dead", "units", "distinct", "correlation",
    "position_correlation", "gradient_std", "weight_gradient_std", "saturated", "sample",
)  # fmt: skip
TOKENS = np.random.default_rng(0).standard_normal((6, 5, 8)).astype(np.float32)


class Block(nn.Module):
    """A block with a norm, a gate, a residual stream and a head behind a mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.gate, self.up, self.down = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        x = x + self.down(torch.tanh(self.gate(y)) * self.up(y))
        logits: Tensor = self.head(x.mean(1))
        return logits


def plainly(model: Block, x: Tensor, goal: Tensor) -> dict[str, Tensor]:
    """Return every value by its name, with its gradient."""
    y = model.norm(x)
    gate, up = model.gate(y), model.up(y)
    values = {"norm": y, "gate": gate, "gate → tanh": torch.tanh(gate), "up": up}
    values["product 1"] = values["gate → tanh"] * up
    values["down"] = model.down(values["product 1"])
    values["sum 1"] = x + values["down"]
    values["mean 1"] = values["sum 1"].mean(1)
    values["head"] = model.head(values["mean 1"])
    for value in values.values():
        value.retain_grad()
    nn.functional.cross_entropy(values["head"], goal).backward()
    return values


def test_figures_are_those_of_a_plain_computation() -> None:
    torch.manual_seed(0)
    model, x, goal = Block(), torch.from_numpy(TOKENS), torch.arange(6) % 3
    signal = glorot.measure(model, x, goal)
    assert all(parameter.grad is None for parameter in model.parameters())
    values = plainly(model, x, goal)
    assert {step.name for step in signal.steps} == set(values)
    for step in signal.steps:
        value, gradient = values[step.name].detach().double(), values[step.name].grad
        assert gradient is not None
        rows = value.reshape(6, -1)
        products = (rows @ rows.T).numpy()
        pairs = products[~np.eye(6, dtype=bool)].mean() / np.diag(products).mean()
        assert step.mean == pytest.approx(value.mean().item(), rel=1e-5, abs=1e-7), step.name
        assert step.second_moment == pytest.approx(value.square().mean().item(), rel=1e-5), step.name
        across = value.var(0, correction=0).mean().sqrt().item()
        assert step.std_across == pytest.approx(across, rel=1e-5), step.name
        assert step.correlation == pytest.approx(pairs, rel=1e-4, abs=1e-6), step.name
        assert step.gradient_std == pytest.approx(gradient.square().mean().sqrt().item(), rel=1e-5), step.name
        if value.dim() == 3:
            products = torch.einsum("epu,equ->epq", value, value) / value.shape[2]
            apart = products[:, ~torch.eye(5, dtype=torch.bool)].mean() / value.square().mean()
            assert step.position_correlation == pytest.approx(apart.item(), rel=1e-4, abs=1e-6), step.name
        else:
            assert math.isnan(step.position_correlation)
    weight = model.gate.weight.grad
    assert weight is not None
    assert signal.step("gate").weight_gradient_std == pytest.approx(weight.square().mean().sqrt().item(), rel=1e-5)
    assert math.isnan(signal.step("sum 1").weight_gradient_std)
    assert [step.name for step in signal.steps if step.is_output] == ["head"]
    assert [layer.layer for layer in signal.layers] == ["gate", "up", "down", "head"]


class Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 24, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x))


def test_means_of_what_is_large_come_from_all_elements_and_the_rest_from_a_sample() -> None:
    torch.manual_seed(0)
    model, x = Large(), torch.randn(20, 3, 48, 48)
    signal = glorot.measure(model, x)
    with torch.no_grad():
        value = model(x).double()
    step = signal.step("conv → relu")
    assert value.numel() > 10 * MOST >= 9 * step.sample > 0
    assert step.mean == pytest.approx(value.mean().item(), rel=1e-5)
    assert step.second_moment == pytest.approx(value.square().mean().item(), rel=1e-4)
    assert step.std_across == pytest.approx(value.var(0, correction=0).mean().sqrt().item(), rel=1e-3)
    assert step.percentile98 == pytest.approx(np.percentile(value.numpy(), 98), rel=0.05)
    assert (step.units, step.distinct) == (24, 24)
    assert signal.step("conv").gradient_std == pytest.approx(math.sqrt((value > 0).double().mean().item()), rel=0.02)


def test_a_low_precision_is_measured_as_it_runs() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64)).bfloat16()
    x = torch.randn(32, 64).bfloat16()
    step = glorot.measure(model, x).step("0 → tanh")
    value = model[1](model[0](x)).double()
    assert step.second_moment == pytest.approx(value.square().mean().item(), rel=1e-5)


# ---- frameworks ------------------------------------------------------------------------------------------------------


GOALS = {
    "none": None,
    "classes": np.arange(6) % 3,
    "values": np.random.default_rng(2).standard_normal((6, 3)).astype(np.float32),
}


@pytest.mark.parametrize("goal", GOALS)
def test_figures_are_the_same_in_torch_and_in_jax(goal: str) -> None:
    model = mlp_in_torch()
    here = glorot.measure(model, VALUES, GOALS[goal])
    there = glorot.measure(mlp_in_jax(model), VALUES, GOALS[goal], forward=run)
    assert [step.name for step in here.steps] == [step.name for step in there.steps] == ["0", "0 → tanh", "2"]
    for one, other in zip(here.steps, there.steps, strict=True):
        for figure in FIGURES:
            expected = getattr(one, figure)
            assert getattr(other, figure) == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True), figure
    assert there.loss == pytest.approx(here.loss, rel=1e-5, nan_ok=True)
    assert there.chain
    assert here.input_second_moments == pytest.approx(there.input_second_moments, rel=1e-5)


def test_a_model_of_equinox_is_measured_over_a_batch() -> None:
    model = eqx.nn.MLP(5, 3, 8, 1, key=jax.random.key(0))
    with pytest.raises(
        GlorotError, match=r"^a model of Equinox takes one example, and signals are measured on a batch"
    ):
        glorot.measure(model, VALUES)
    signal = glorot.measure(model, VALUES, forward=lambda model, batch: jax.vmap(model)(batch))
    value = jax.vmap(model)(VALUES)
    assert signal.step("layers.1").second_moment == pytest.approx(float(jnp.mean(value**2)), rel=1e-5)


def test_a_linen_module_is_measured_and_its_statistics_are_no_step() -> None:
    class Net(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            x = linen.BatchNorm(use_running_average=False)(linen.Dense(8)(x))
            return linen.Dense(3)(linen.relu(x))

    model = Net()
    signal = glorot.measure((model, model.init(jax.random.key(0), VALUES)), VALUES)
    names = ["Dense_0", "BatchNorm_0", "BatchNorm_0 → relu", "Dense_1"]
    assert [step.name for step in signal.steps] == names
    assert signal["BatchNorm_0"].second_moment == pytest.approx(1, abs=1e-3)


def test_a_function_that_runs_the_model_is_called_in_torch_too() -> None:
    model = mlp_in_torch()
    called = glorot.measure(model, VALUES)
    given = glorot.measure(model, VALUES, forward=lambda model, batch: model(torch.as_tensor(batch)))
    assert str(given) == str(called)


# ---- the object ------------------------------------------------------------------------------------------------------


def test_a_signal_is_kept_in_a_file(tmp_path: Path) -> None:
    signal = glorot.measure(mlp_in_torch(), VALUES, np.arange(6) % 3, histograms=True)
    path = signal.save(tmp_path / "signal.json")
    again = glorot.Signal.load(path)
    assert str(again) == str(signal)
    assert again.to_json() == signal.to_json()
    histogram = again.step("0 → tanh").histogram
    assert histogram is not None
    assert sum(histogram.counts) == again.step("0 → tanh").sample == 42
    assert "<td" in signal._repr_html_()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, r"is not a signal: its format is not glorot-signal/1; save one with"),
        ({"format": "glorot-signal/9"}, r"is a signal of format 'glorot-signal/9'; this glorot reads glorot-signal/1"),
        ({"loss": "much"}, r"is damaged: expected a number, got 'much'"),
        ({"steps": [{"name": 3, "kind": "kernel"}]}, r"is damaged: expected str, got 3"),
        ({"steps": 3}, r"is damaged: expected a list, got 3"),
    ],
)
def test_a_damaged_file_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    signal = glorot.measure(mlp_in_torch(), VALUES)
    path = tmp_path / "signal.json"
    path.write_text(json.dumps({**signal.to_json(), **change}))
    with pytest.raises(GlorotError, match=message):
        glorot.Signal.load(path)


def test_what_is_predicted_stands_beside_what_is_measured() -> None:
    signal = glorot.measure(mlp_in_torch(), VALUES)
    predicted = Signal((), math.nan, (), chain=True, steps=(StepSignal("0", "kernel", second_moment=0.5),))
    lines = signal.beside(predicted).splitlines()
    assert lines[2].split()[:3] == ["0", f"{signal.step('0').second_moment:.4g}", "0.5"]
    assert "not predicted" in lines[3]


def test_steps_are_found_by_name() -> None:
    signal = glorot.measure(mlp_in_torch(), VALUES)
    assert signal["0 → tanh"] is signal.step("0 → tanh") is signal.steps[1]
    assert signal["2"] is signal.layers[1]
    with pytest.raises(KeyError, match="3"):
        signal.step("3")


def test_what_one_operator_computes_with_others_is_named() -> None:
    signal = glorot.measure(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), TOKENS)
    assert signal.notes == (
        "where one operator keeps the weights of attention, they were computed again for up to 128 queries of each head, "
        "without their gradient",
        "1 of 12 steps has no array to read, for one operator computes it with others: interaction 1",
    )
    assert str(signal).endswith(signal.notes[1])


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: glorot.measure(mlp_in_torch(), None), r"^signals are measured on a batch, and there is none; pass one"),
        (lambda: glorot.measure(mlp_in_torch().to("meta"), VALUES), r"^0\.weight is on meta and holds nothing; give the"),
        (lambda: glorot.measure(mlp_in_torch(), VALUES[:, :3]), r"^the batch does not fit the model: layer '0' refused"),
        (lambda: glorot.measure(mlp_in_torch(), VALUES * np.nan), r"^the batch of shape \(6, 5\) holds NaN or infinity"),
        (lambda: glorot.measure(mlp_in_torch(), VALUES.astype(int)), r"^the batch does not fit the model: layer '0' ref"),
        (lambda: glorot.measure({"w": jnp.ones((5, 3))}, VALUES), r"^a pytree computes nothing by itself; pass forward="),
        (
            lambda: glorot.measure({"w": jnp.ones((5, 3))}, VALUES * np.nan, forward=lambda p, x: x @ p["w"]),
            r"^the batch of shape \(6, 5\) holds NaN or infinity; clean the data first$",
        ),
        (
            lambda: glorot.measure({"w": jnp.ones((5, 3))}, VALUES, VALUES, forward=lambda p, x: x @ p["w"]),
            r"^targets of shape \(6, 5\) do not fit outputs of shape \(6, 3\): expected class numbers of shape \(6,\), or",
        ),
        (
            lambda: glorot.measure({"w": jnp.ones((5, 3))}, VALUES, VALUES, lambda y, t: 1.0, forward=lambda p, x: x @ p["w"]),
            r"^loss must return one number as an array, got a float; compute it from what the model returns$",
        ),
        (lambda: glorot.measure(nn.Flatten(), VALUES), r"^a Flatten has no layers with weights, so there is nothing"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_message(measure: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        measure()


def measured_in_keras(goal: str, backend: str, folder: Path) -> Signal:
    """Return the signal of the same net in Keras on a backend, measured in a process of its own."""
    kernels = [module for module in mlp_in_torch() if isinstance(module, nn.Linear)]
    weights = [one.detach().numpy().T for layer in kernels for one in (layer.weight, layer.bias)]
    np.savez(folder / "weights.npz", *weights, x=VALUES)
    np.save(folder / "goal.npy", np.zeros(()) if GOALS[goal] is None else GOALS[goal])
    code = """
import keras, numpy as np, glorot, sys
held = np.load("weights.npz")
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7, "tanh"), keras.layers.Dense(3)])
model.set_weights([held[f"arr_{n}"] for n in range(4)])
before = [array.tobytes() for array in model.get_weights()]
goal = np.load("goal.npy")
glorot.measure(model, held["x"], goal if goal.ndim else None).save("signal.json")
assert [array.tobytes() for array in model.get_weights()] == before
for batch, message in ((held["x"] * np.nan, "NaN or infinity"), (held["x"][:, :2], "does not fit the model")):
    try:
        glorot.measure(model, batch)
    except glorot.GlorotError as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)
"""
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return glorot.Signal.load(folder / "signal.json")


@pytest.mark.parametrize(
    ("backend", "goal"),
    [
        pytest.param(backend, goal, marks=pytest.mark.slow)
        for backend in ("tensorflow", "jax", "torch")
        for goal in GOALS
    ],
)
def test_figures_are_the_same_in_keras_on_every_backend(backend: str, goal: str, tmp_path: Path) -> None:
    here, there = glorot.measure(mlp_in_torch(), VALUES, GOALS[goal]), measured_in_keras(goal, backend, tmp_path)
    assert [step.name.split(" ")[1:] for step in there.steps] == [[], ["→", "tanh"], []]
    for one, other in zip(here.steps, there.steps, strict=True):
        for figure in FIGURES:
            expected = getattr(one, figure)
            assert getattr(other, figure) == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True), figure
    assert there.loss == pytest.approx(here.loss, rel=1e-5, nan_ok=True)


# ---- the first step of an optimiser ----------------------------------------------------------------------------------
