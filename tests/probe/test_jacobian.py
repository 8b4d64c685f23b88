"""Singular values of Jacobians: against autograd, against the paper, and by Lanczos' method."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import linen, nnx
from same_mlp import VALUES, mlp_in_jax, mlp_in_torch, run
from torch import Tensor, nn

import glorot
from glorot.errors import GlorotError
from glorot.probe.jacobian import Jacobian


def net(width: int, depth: int, phi: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    layers = [module for _ in range(depth) for module in (nn.Linear(width, width), phi())]
    return nn.Sequential(*layers)


def test_singular_values_are_those_of_a_plain_computation() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))
    x = torch.randn(4, 5)
    found = glorot.jacobian(model, x)
    assert [layer.name for layer in found.layers] == ["0", "3"]
    for example in range(4):
        whole: Any = torch.autograd.functional.jacobian(model, x[example])
        assert found.whole.values[example] == pytest.approx(np.linalg.svd(whole.numpy(), compute_uv=False), rel=1e-4)
        first: Any = torch.autograd.functional.jacobian(model[:2], x[example])
        assert found["0"].values[example] == pytest.approx(np.linalg.svd(first.numpy(), compute_uv=False), rel=1e-4)
        second: Any = torch.autograd.functional.jacobian(model[2:], model[:2](x[example]).detach())
        assert found["3"].values[example] == pytest.approx(np.linalg.svd(second.numpy(), compute_uv=False), rel=1e-4)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert str(found).splitlines()[-1].startswith("end to end")
    assert "end to end" in found._repr_html_()
    with pytest.raises(KeyError, match="7"):
        found["7"]


@pytest.mark.parametrize(("recipe", "mean"), [("standard", 0.49), ("xavier", 0.75)])
def test_the_mean_singular_value_is_that_of_the_paper(recipe: str, mean: float) -> None:
    """Glorot & Bengio (2010), section 4.2.1: about 0.5 with the standard initialisation and 0.8 with theirs."""
    model = glorot.initialize(net(500, 5), recipe, seed=0)
    found = glorot.jacobian(model, 2 * torch.rand(1, 500, generator=torch.Generator().manual_seed(0)) - 1)
    assert np.mean([layer.mean for layer in found.layers]) == pytest.approx(mean, abs=0.03)


def test_beyond_512_outputs_the_largest_are_found_by_lanczos() -> None:
    torch.manual_seed(0)
    model = net(520, 1)
    x = torch.randn(2, 520)
    found = glorot.jacobian(model, x)
    for example in range(2):
        slopes = 1 - torch.tanh(model[0](x[example])) ** 2
        matrix = (slopes[:, None] * model[0].weight).detach().double().numpy()
        right = np.linalg.svd(matrix, compute_uv=False)[:6]
        assert found.whole.values[example] == pytest.approx(right, rel=1e-3)
    assert not found.whole.is_whole
    assert np.isnan(found.whole.mean)
    assert found.whole.largest > found.whole.values[:, -1].mean()


def in_nnx(held: list[Any]) -> tuple[Any, dict[str, Any]]:
    first, second = (nnx.Linear(*w.shape, rngs=nnx.Rngs(0)) for w, _ in held)
    model = nnx.Sequential(first, jnp.tanh, second)
    for layer, (w, b) in zip((first, second), held, strict=True):
        layer.kernel[...], layer.bias[...] = w, b
    return model, {}


def in_linen(held: list[Any]) -> tuple[Any, dict[str, Any]]:
    module = linen.Sequential([linen.Dense(held[0][0].shape[1]), jnp.tanh, linen.Dense(held[1][0].shape[1])])
    named = zip(("layers_0", "layers_2"), held, strict=True)
    return (module, {"params": {name: {"kernel": w, "bias": b} for name, (w, b) in named}}), {}


def in_equinox(held: list[Any]) -> tuple[Any, dict[str, Any]]:
    model = equinox.nn.MLP(
        held[0][0].shape[0], held[1][0].shape[1], held[0][0].shape[1], 1, jnp.tanh, key=jax.random.key(0)
    )
    new = [one for w, b in held for one in (w.T, b)]
    model = equinox.tree_at(lambda one: [x for layer in one.layers for x in (layer.weight, layer.bias)], model, new)
    return model, {"forward": lambda model, batch: jax.vmap(model)(batch)}


def in_pytree(held: list[Any]) -> tuple[Any, dict[str, Any]]:
    return {name: {"w": w, "b": b} for name, (w, b) in zip(("0", "2"), held, strict=True)}, {"forward": run}


def in_keras(held: list[Any]) -> tuple[Any, dict[str, Any]]:
    sizes = [w.shape[1] for w, _ in held]
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((held[0][0].shape[0],)), dense(sizes[0], "tanh"), dense(sizes[1])])
    model.set_weights([one for pair in held for one in pair])
    return model, {}


@pytest.mark.parametrize("width", [7, pytest.param(600, marks=pytest.mark.slow)])
@pytest.mark.parametrize("make", [in_nnx, in_linen, in_equinox, in_pytree, in_keras])
def test_a_model_of_any_framework_has_the_singular_values_of_the_same_one_in_pytorch(make: Any, width: int) -> None:
    torch.manual_seed(0)
    here = nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, width))
    held = [
        (jnp.asarray(here[n].weight.detach().numpy().T), jnp.asarray(here[n].bias.detach().numpy())) for n in (0, 2)
    ]
    model, more = make(held)
    expected, found = glorot.jacobian(here, torch.from_numpy(VALUES)), glorot.jacobian(model, VALUES, **more)
    assert len(found.layers) == len(expected.layers) == 2
    for one, other in zip([*found.layers, found.whole], [*expected.layers, expected.whole], strict=True):
        assert one.is_whole == other.is_whole == (width == 7)
        assert one.values == pytest.approx(other.values, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_has_them_on_its_other_backends(backend: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "in_keras"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.stdout.startswith("..")


class Normed(keras.layers.Layer):
    """A batch norm that always takes the statistics of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = keras.layers.BatchNormalization()

    def call(self, x: Any) -> Any:
        return self.norm(x, training=True)


def of_torch(is_training: bool) -> Jacobian:
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).train(is_training)
    return glorot.jacobian(model, torch.from_numpy(VALUES))


def of_keras(is_training: bool) -> Jacobian:
    norm = Normed() if is_training else keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), norm, keras.layers.Dense(3)])
    return glorot.jacobian(model, VALUES)


def of_nnx(is_training: bool) -> Jacobian:
    rngs = nnx.Rngs(0)
    norm = nnx.BatchNorm(4, use_running_average=not is_training, rngs=rngs)
    model = nnx.Sequential(nnx.Linear(5, 4, rngs=rngs), norm, nnx.Linear(4, 3, rngs=rngs))
    return glorot.jacobian(model, jnp.asarray(VALUES))


def of_pytree(is_training: bool) -> Jacobian:
    def centred(tree: Any, x: Any) -> Any:
        z = x @ tree["w"]
        return z - z.mean(axis=0) if is_training else z

    return glorot.jacobian({"w": jnp.eye(5)}, jnp.asarray(VALUES), forward=centred)


@pytest.mark.parametrize("of", [of_torch, of_keras, of_nnx, of_pytree], ids=["torch", "in_keras", "nnx", "pytree"])
def test_examples_that_change_each_other_are_refused(of: Callable[[bool], Jacobian]) -> None:
    assert of(False).whole.values.shape[0] == len(VALUES)
    with pytest.raises(GlorotError, match=r"^a Jacobian is taken of each example by itself, and here the outputs of "):
        of(True)


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.ones_like(x))


@pytest.mark.parametrize(
    ("jacobian", "message"),
    [
        (
            lambda: glorot.jacobian(nn.Embedding(5, 3), torch.arange(4)),
            r"^a Jacobian is taken of one tensor of values, ",
        ),
        (
            lambda: glorot.jacobian(nn.Linear(3, 3), torch.randn(2, 4)),
            r"^the batch does not fit the model: layer ''|^the",
        ),
        (
            lambda: glorot.jacobian(Constant(), torch.randn(2, 3)),
            r"^the model's outputs do not depend on the batch, so",
        ),
        (
            lambda: glorot.jacobian({"w": jnp.ones((2, 2))}, np.ones((2, 2))),
            r"^a pytree computes nothing by itself; pass forward=, a",
        ),
        (
            lambda: glorot.jacobian({"w": jnp.ones((2, 2))}, np.ones((2, 2)), forward=lambda tree, x: tree["w"]),
            r"^the model's outputs do not depend on the batch, so",
        ),
        (
            lambda: glorot.jacobian(mlp_in_jax(mlp_in_torch()), np.ones((2, 5), np.int32), forward=run),
            r"^a Jacobian is taken of one tensor of values, ",
        ),
        (
            lambda: glorot.jacobian(
                keras.Sequential([keras.Input((5,)), keras.layers.Embedding(9, 3)]), np.ones((2, 5))
            ),
            r"^the model's outputs do not depend on the batch, so",
        ),
        (
            lambda: glorot.jacobian(keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]), np.ones((2, 4))),
            r"^the batch does not fit the model: ",
        ),
    ],
)
def test_what_has_no_jacobian_is_refused(jacobian: Any, message: str) -> None:
    with pytest.raises(GlorotError, match=message):
        jacobian()
