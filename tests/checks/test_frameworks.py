"""The same net, broken in the same way, gets the same finding in every framework."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from flax import linen, nnx

import glorot
from glorot.adapters import adapter_for
from glorot.checks.registry import all_checks
from glorot.errors import GlorotError

SIZES = ((64, 128), (128, 10))
X = np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)
Y = np.arange(16) % 10

Weights = Mapping[str, np.ndarray]


def weights(kernel: float = 1.0, bias: float = 0.0) -> dict[str, np.ndarray]:
    """Return the weights of two layers, drawn by LeCun's law times a factor, as (inputs, outputs)."""
    generator = np.random.default_rng(1)
    found: dict[str, np.ndarray] = {}
    for name, (inputs, outputs) in zip("ab", SIZES, strict=True):
        found[f"{name}.kernel"] = kernel * generator.normal(size=(inputs, outputs)).astype(np.float32) / inputs**0.5
        found[f"{name}.bias"] = np.full(outputs, bias, np.float32)
    return found


def in_torch(held: Weights) -> Any:
    first, second = (torch.nn.Linear(*sizes) for sizes in SIZES)
    for layer, name in ((first, "a"), (second, "b")):
        layer.weight.data = torch.from_numpy(np.ascontiguousarray(held[f"{name}.kernel"].T))
        layer.bias.data = torch.from_numpy(held[f"{name}.bias"])
    return torch.nn.Sequential(first, torch.nn.Tanh(), second)


class InNnx(nnx.Module):
    def __init__(self, held: Weights) -> None:
        self.a, self.b = (nnx.Linear(*sizes, rngs=nnx.Rngs(0)) for sizes in SIZES)
        for layer, name in ((self.a, "a"), (self.b, "b")):
            layer.kernel[...], layer.bias[...] = held[f"{name}.kernel"], held[f"{name}.bias"]

    def __call__(self, x: Any) -> Any:
        return self.b(jnp.tanh(self.a(x)))


def in_linen(held: Weights) -> Any:
    params = {
        f"layers_{place}": {"kernel": held[f"{name}.kernel"], "bias": held[f"{name}.bias"]}
        for place, name in ((0, "a"), (2, "b"))
    }
    return linen.Sequential([linen.Dense(128), jnp.tanh, linen.Dense(10)]), {
        "params": jax.tree.map(jnp.asarray, params)
    }


def in_equinox(held: Weights) -> Any:
    net = equinox.nn.MLP(64, 10, 128, 1, activation=jnp.tanh, key=jax.random.key(0))
    places = [(net.layers[0], "a"), (net.layers[1], "b")]
    values = [array for _, name in places for array in (held[f"{name}.kernel"].T, held[f"{name}.bias"])]
    where = lambda net: [leaf for layer in net.layers for leaf in (layer.weight, layer.bias)]  # noqa: E731
    return equinox.tree_at(where, net, [jnp.asarray(one) for one in values])


def in_keras(held: Weights) -> Any:
    import keras

    net = keras.Sequential([keras.Input((64,)), keras.layers.Dense(128, "tanh"), keras.layers.Dense(10)])
    net.set_weights([held[f"{name}.{kind}"] for name in "ab" for kind in ("kernel", "bias")])
    return net


FRAMEWORKS: dict[str, Callable[[Weights], Any]] = {
    "torch": in_torch, "nnx": InNnx, "linen": in_linen, "equinox": in_equinox, "keras": in_keras,
}  # fmt: skip
WITH_BATCH = ("torch", "nnx", "linen", "keras")
"""Those whose model is called on a batch of examples."""

BUGS: dict[str, tuple[Weights, str]] = {
    "nothing": (weights(), ""),
    "NaN": (weights(bias=float("nan")), "GL101"),
    "zeros": (weights(kernel=0.0), "GL205"),
    "a hundred times too large": (weights(kernel=100.0), "GL302"),
}


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_the_weights_alone_show(framework: str, bug: str) -> None:
    held, code = BUGS[bug]
    report = glorot.check(FRAMEWORKS[framework](held), X if framework == "linen" else None)  # which needs a batch
    assert report.looked_at == 4
    assert ({code} if code else set()) <= {one.code for one in report.findings}, str(report)
    assert code or not report.findings, str(report)


@pytest.mark.parametrize("framework", WITH_BATCH)
def test_what_a_batch_shows(framework: str) -> None:
    healthy = glorot.check(FRAMEWORKS[framework](weights()), X, Y)
    assert healthy.ok, str(healthy)
    assert healthy.signal is not None
    large = glorot.check(FRAMEWORKS[framework](weights(kernel=30.0)), X, Y)
    assert any(one.code[2] == "4" for one in large.findings), str(large)


@pytest.mark.parametrize("framework", WITH_BATCH)
def test_steps_of_training_in_every_framework(framework: str) -> None:
    model = FRAMEWORKS[framework](weights())
    before = held_in(model)
    report = glorot.check(model, X, Y, steps=5)
    assert report.ok, str(report)
    expected = glorot.check(in_torch(weights()), X, Y, steps=5).steps
    assert report.steps == pytest.approx(expected, rel=1e-3)
    assert held_in(model) == before


def held_in(model: Any) -> dict[str, bytes]:
    """Return what a model holds, to the bit."""
    return {path: array.tobytes() for path, array in adapter_for(model).arrays(model).items()}


def test_an_optimizer_of_optax_steps() -> None:
    model = FRAMEWORKS["nnx"](weights())
    slow, fast = (glorot.check(model, X, Y, steps=3, optimizer=optax.sgd(rate)).steps for rate in (1e-3, 1e-1))
    assert slow is not None
    assert fast is not None
    assert slow[0] == fast[0]
    assert fast[-1] < slow[-1] < slow[0]
    with pytest.raises(GlorotError, match="optimizer is a transformation of gradients as Optax has them, got a float"):
        glorot.check(model, X, Y, steps=3, optimizer=0.1)


def test_steps_are_not_taken_where_a_model_is_not_trained() -> None:
    with pytest.raises(GlorotError, match="a model of Equinox takes one example"):
        glorot.check(FRAMEWORKS["equinox"](weights()), X, Y, steps=3)


def test_a_check_that_does_not_run_somewhere_says_why() -> None:
    for check in all_checks():
        assert set(check.not_on) <= {"torch", "jax", "keras", "caffe", ""}
        assert all(len(reason.split()) >= 4 for reason in check.not_on.values()), check.code
