"""One saved plan and one seed: the same bits in PyTorch, Keras, Flax and Equinox, and the same answers.

Layouts are undone here by hand, frame by frame: nothing of glorot's own views is used to check them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import in_flax
import in_keras
import in_torch
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import nnx
from torch import nn

import glorot
from effort import slow_after

pytestmark = pytest.mark.usefixtures("compiled_in_full", "keys_that_compile_quickly")

Arrays = dict[str, np.ndarray[Any, Any]]
WIDTH = in_torch.WIDTH
IMAGES = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)
TOKENS = np.random.default_rng(1).normal(size=(4, 10, WIDTH)).astype(np.float32)
RECIPES = slow_after(1, ["auto", "orthogonal", "xavier_normal", "variance_scaling(2.0, 'fan_out')"])


def saved(plan: glorot.Plan, folder: Path) -> glorot.Plan:
    return glorot.Plan.load(plan.save(folder / "plan.json"))


def of_torch(model: nn.Module) -> Arrays:
    return {path: tensor.detach().numpy() for path, tensor in model.named_parameters()}


def of_nnx(model: nnx.Module) -> Callable[[str], np.ndarray[Any, Any]]:
    def at(path: str) -> np.ndarray[Any, Any]:
        node: Any = model
        for step in path.split("."):
            node = getattr(node, step)
        return np.asarray(node[...])

    return at


def cnn_of_keras(model: keras.Model) -> Arrays:
    conv, depthwise, up, _, head = model.layers
    kernels = {
        "conv.weight": np.asarray(conv.kernel).transpose(3, 2, 0, 1),
        "depthwise.weight": np.asarray(depthwise.kernel).transpose(2, 3, 0, 1).reshape(16, 1, 3, 3),
        "up.weight": np.asarray(up.kernel).transpose(3, 2, 0, 1),
        "head.weight": np.asarray(head.kernel).T,
    }
    layers = {"conv": conv, "depthwise": depthwise, "up": up, "head": head}
    return kernels | {f"{name}.bias": np.asarray(layer.bias) for name, layer in layers.items()}


def cnn_of_flax(model: nnx.Module) -> Arrays:
    at = of_nnx(model)
    kernels = {
        "conv.weight": at("conv.kernel").transpose(3, 2, 0, 1),
        "depthwise.weight": at("depthwise.kernel").transpose(3, 2, 0, 1),
        "up.weight": at("up.kernel")[::-1, ::-1].transpose(2, 3, 0, 1),  # Flax does not turn the kernel round
        "head.weight": at("head.kernel").T,
    }
    return kernels | {f"{name}.bias": at(f"{name}.bias") for name in ("conv", "depthwise", "up", "head")}


def heads(at: Callable[[str], np.ndarray[Any, Any]], out: str) -> Arrays:
    """Put q, k and v, (width, head, unit) each, into the one matrix that PyTorch has."""
    parts = ("query", "key", "value")
    return {
        "attention.in_proj_weight": np.concatenate([at(f"{part}.kernel").reshape(WIDTH, WIDTH).T for part in parts]),
        "attention.in_proj_bias": np.concatenate([at(f"{part}.bias").reshape(WIDTH) for part in parts]),
        "attention.out_proj.weight": at(f"{out}.kernel").reshape(WIDTH, WIDTH).T,
        "attention.out_proj.bias": at(f"{out}.bias"),
    }


def block_of_keras(model: keras.Model) -> Arrays:
    sublayers = {"query": "query_dense", "key": "key_dense", "value": "value_dense", "output": "output_dense"}

    def at(path: str) -> np.ndarray[Any, Any]:
        layer, variable = path.split(".")
        return np.asarray(getattr(getattr(model.attention, f"_{sublayers[layer]}"), variable))

    found = heads(at, "output")
    for name in ("norm1", "norm2"):
        norm = getattr(model, name)
        found |= {f"{name}.weight": np.asarray(norm.gamma), f"{name}.bias": np.asarray(norm.beta)}
    for name in ("up", "down"):
        dense = getattr(model, name)
        found |= {f"{name}.weight": np.asarray(dense.kernel).T, f"{name}.bias": np.asarray(dense.bias)}
    return found


def block_of_flax(model: nnx.Module) -> Arrays:
    at = of_nnx(model)
    found = heads(lambda path: at(f"attention.{path}"), "out")
    for name in ("norm1", "norm2"):
        found |= {f"{name}.weight": at(f"{name}.scale"), f"{name}.bias": at(f"{name}.bias")}
    for name in ("up", "down"):
        found |= {f"{name}.weight": at(f"{name}.kernel").T, f"{name}.bias": at(f"{name}.bias")}
    return found


NETWORKS: dict[str, dict[str, Any]] = {
    "cnn": {
        "inputs": IMAGES,
        "torch inputs": np.moveaxis(IMAGES, -1, 1).copy(),
        "torch": in_torch.Cnn,
        "keras": (in_keras.cnn, in_keras.CNN_NAMES, cnn_of_keras),
        "flax": (lambda: in_flax.Cnn(nnx.Rngs(0)), in_flax.CNN_NAMES, cnn_of_flax),
    },
    "block": {
        "inputs": TOKENS,
        "torch inputs": TOKENS,
        "torch": in_torch.Block,
        "keras": (in_keras.block, in_keras.BLOCK_NAMES, block_of_keras),
        "flax": (lambda: in_flax.Block(nnx.Rngs(0)), in_flax.BLOCK_NAMES, block_of_flax),
    },
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_plan_starts_every_framework_from_the_same_bits(name: str, recipe: str, tmp_path: Path):
    network = NETWORKS[name]
    model = network["torch"]()
    batch = torch.from_numpy(network["torch inputs"])
    rules = [("*bias", "normal(std=0.1)")]  # zeros would agree anyway
    plan = saved(glorot.plan(model, recipe, inputs=batch, rules=rules), tmp_path)
    glorot.apply(plan, model, seed=5)
    weights, answer = of_torch(model), model(batch).detach().numpy()
    tolerance = 1e-5 if recipe == "orthogonal" else 0  # drawn from the whole matrix, by each framework's own sums
    for framework in ("keras", "flax"):
        build, names, weights_of = network[framework]
        other = glorot.apply(plan, build(), seed=5, names=names)
        found = weights_of(other)
        assert set(found) == set(weights)
        for path, expected in weights.items():
            np.testing.assert_allclose(found[path], expected, rtol=0, atol=tolerance, err_msg=f"{framework} {path}")
        np.testing.assert_allclose(np.asarray(other(network["inputs"])), answer, rtol=0, atol=1e-5, err_msg=framework)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_framework_makes_the_same_plan(name: str):
    """Fans, laws and activations agree, so the plan could come from any of them."""
    network = NETWORKS[name]
    reference = glorot.plan(network["torch"](), inputs=torch.from_numpy(network["torch inputs"]))
    for framework in ("keras", "flax"):
        build, names, _ = network[framework]
        plan = glorot.plan(build(), inputs=network["inputs"], names=names)
        assert plan.fingerprint == reference.fingerprint
        for entry in plan.entries:
            twin = reference[entry.name]
            assert (entry.fans, entry.role) == (twin.fans, twin.role), (framework, entry.name)
            assert (entry.fed_by, entry.distribution) == (twin.fed_by, twin.distribution), (framework, entry.name)


class SplitQkv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.q(x), self.k(x), self.v(x)], -1)


class FusedQkv(nnx.Module):
    def __init__(self) -> None:
        self.qkv = nnx.Linear(WIDTH, 3 * WIDTH, rngs=nnx.Rngs(0))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.qkv(x)


class FusedEquinox(eqx.Module):
    qkv: eqx.nn.Linear

    def __init__(self) -> None:
        self.qkv = eqx.nn.Linear(WIDTH, 3 * WIDTH, key=jax.random.key(0))


def test_a_fused_projection_starts_as_the_three_that_it_holds(tmp_path: Path):
    split = SplitQkv()
    plan = saved(glorot.plan(split, "xavier", rules=[("*bias", "normal(std=0.1)")]), tmp_path)
    glorot.apply(plan, split, seed=1)
    expected = split(torch.from_numpy(TOKENS)).detach().numpy()
    rows = np.concatenate([part.weight.detach().numpy() for part in (split.q, split.k, split.v)])

    def names(kernel: str) -> dict[str, str]:
        layer = kernel.rpartition(".")[0]
        return {f"{kernel}[{n}]": f"{n}.weight" for n in "qkv"} | {f"{layer}.bias[{n}]": f"{n}.bias" for n in "qkv"}

    given = keras.Input((10, WIDTH))
    fused = keras.layers.Dense(3 * WIDTH, name="qkv")(given)
    q, k, v = keras.ops.split(fused, 3, axis=-1)
    attended = keras.ops.softmax(q @ keras.ops.transpose(k, (0, 2, 1))) @ v
    glorot.apply(plan, keras.Model(given, attended), seed=1, names=names("layers.0.kernel"))
    in_keras_ = keras.Model(given, fused)
    in_nnx = glorot.apply(plan, FusedQkv(), seed=1, names=names("qkv.kernel"))
    in_eqx = glorot.apply(plan, FusedEquinox(), seed=1, names=names("qkv.weight"))
    np.testing.assert_array_equal(np.asarray(in_keras_.layers[1].kernel).T, rows)
    np.testing.assert_array_equal(np.asarray(in_nnx.qkv.kernel[...]).T, rows)
    np.testing.assert_array_equal(in_eqx.qkv.weight, rows)
    for answer in (in_keras_(TOKENS), in_nnx(TOKENS), jax.vmap(jax.vmap(in_eqx.qkv))(TOKENS)):
        np.testing.assert_allclose(np.asarray(answer), expected, rtol=0, atol=1e-5)


INPUTS, HIDDEN = 5, 7
SEQUENCES = np.random.default_rng(2).normal(size=(3, 6, INPUTS)).astype(np.float32)


class FlaxGates(nnx.Module):
    """An LSTM of eight dense layers, one for each gate and source."""

    def __init__(self) -> None:
        self.rnn = nnx.RNN(nnx.LSTMCell(INPUTS, HIDDEN, rngs=nnx.Rngs(0)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.rnn(x)


def lstm_rules(**paths: str) -> list[tuple[str, str]]:
    laws = {"kernel": "xavier_uniform", "recurrent": "orthogonal", "bias": "normal(std=0.3)", "rest": "zeros"}
    return [(paths[what], law) for what, law in laws.items() if what in paths]


def lstm_of_torch() -> tuple[Arrays, np.ndarray[Any, Any]]:
    """Return PyTorch's gates, with the one bias that other frameworks have, and its answers."""
    model = nn.LSTM(INPUTS, HIDDEN, batch_first=True)
    names = {"weight_ih_l0": "kernel", "weight_hh_l0": "recurrent", "bias_ih_l0": "bias"}
    rules = lstm_rules(kernel="kernel", recurrent="recurrent", bias="bias", rest="bias_hh_l0")
    glorot.initialize(model, seed=3, rules=rules, names=names)
    gates = {}
    for n, gate in enumerate("ifgo"):
        rows = slice(n * HIDDEN, (n + 1) * HIDDEN)
        gates[f"kernel[{gate}]"] = model.weight_ih_l0.detach().numpy()[rows]
        gates[f"recurrent[{gate}]"] = model.weight_hh_l0.detach().numpy()[rows]
        gates[f"bias[{gate}]"] = model.bias_ih_l0.detach().numpy()[rows]
    return gates, model(torch.from_numpy(SEQUENCES))[0].detach().numpy()


def lstm_of_keras() -> tuple[Arrays, np.ndarray[Any, Any]]:
    model = keras.Sequential([keras.Input((6, INPUTS)), keras.layers.LSTM(HIDDEN, return_sequences=True)])
    names = {
        f"layers.0.{stored}": name
        for stored, name in (("kernel", "kernel"), ("recurrent_kernel", "recurrent"), ("bias", "bias"))
    }
    glorot.initialize(model, seed=3, rules=lstm_rules(kernel="kernel", recurrent="recurrent", bias="bias"), names=names)
    cell = model.layers[0].cell
    gates = {}
    for n, gate in enumerate("ifgo"):
        columns = slice(n * HIDDEN, (n + 1) * HIDDEN)
        gates[f"kernel[{gate}]"] = np.asarray(cell.kernel)[:, columns].T
        gates[f"recurrent[{gate}]"] = np.asarray(cell.recurrent_kernel)[:, columns].T
        gates[f"bias[{gate}]"] = np.asarray(cell.bias)[columns]
    return gates, np.asarray(model(SEQUENCES))


def lstm_of_flax() -> tuple[Arrays, np.ndarray[Any, Any]]:
    names = {}
    for gate in "ifgo":
        names |= {f"rnn.cell.i{gate}.kernel".replace("if.", "if_."): f"kernel[{gate}]"}
        names |= {
            f"rnn.cell.h{gate}.{what}": f"{name}[{gate}]" for what, name in (("kernel", "recurrent"), ("bias", "bias"))
        }
    rules = lstm_rules(kernel="kernel*", recurrent="recurrent*", bias="bias*")
    model = glorot.initialize(FlaxGates(), seed=3, rules=rules, names=names)
    at = of_nnx(model)
    gates = {name: at(path).T for path, name in names.items()}
    return gates, np.asarray(model(SEQUENCES))


def lstm_of_equinox() -> tuple[Arrays, np.ndarray[Any, Any]]:
    names = {"weight_ih": "kernel", "weight_hh": "recurrent", "bias": "bias"}
    cell = eqx.nn.LSTMCell(INPUTS, HIDDEN, key=jax.random.key(0))
    cell = glorot.initialize(
        cell, seed=3, rules=lstm_rules(kernel="kernel", recurrent="recurrent", bias="bias"), names=names
    )
    gates = {}
    for n, gate in enumerate("ifgo"):
        rows = slice(n * HIDDEN, (n + 1) * HIDDEN)
        stored = {"kernel": cell.weight_ih, "recurrent": cell.weight_hh, "bias": cell.bias}
        gates |= {f"{name}[{gate}]": np.asarray(array)[rows] for name, array in stored.items()}

    def one(sequence: jax.Array) -> jax.Array:
        start = (jnp.zeros(HIDDEN), jnp.zeros(HIDDEN))
        return jax.lax.scan(lambda state, x: (state := cell(x, state), state[0]), start, sequence)[1]

    return gates, np.asarray(jax.vmap(one)(SEQUENCES))


@pytest.mark.parametrize("other", [lstm_of_keras, lstm_of_flax, lstm_of_equinox])
def test_the_gates_of_an_lstm_agree_although_each_framework_orders_them_its_own_way(other):
    expected, answer = lstm_of_torch()
    gates, found = other()
    assert set(gates) == set(expected)
    for name, gate in expected.items():
        tolerance = 1e-5 if name.startswith("recurrent") else 0
        np.testing.assert_allclose(gates[name], gate, rtol=0, atol=tolerance, err_msg=name)
    np.testing.assert_allclose(found, answer, rtol=0, atol=1e-5)
