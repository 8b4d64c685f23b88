"""What the order in which a JAX model holds its layers shows of them, without a batch."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax_models import KEY, rngs, seen


def test_an_nnx_sequential() -> None:
    model = nnx.Sequential(
        nnx.Linear(3, 4, rngs=rngs()), nnx.LayerNorm(4, rngs=rngs()), nnx.gelu, nnx.Linear(4, 4, rngs=rngs()),
        nnx.PReLU(), nnx.Linear(4, 2, rngs=rngs()),
    )  # fmt: skip
    slope = "leaky_relu"  # at the start
    assert seen(model) == [
        ("layers.0", "identity", "gelu_tanh"),
        ("layers.3", "gelu_tanh", slope),
        ("layers.5", slope, "identity"),
    ]


class Attributes(nnx.Module):
    def __init__(self) -> None:
        self.a = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs()), nnx.relu)
        self.act_fn = nnx.tanh
        self.b = nnx.Sequential(nnx.Linear(4, 4, rngs=rngs()), nnx.Sequential(nnx.gelu, nnx.Linear(4, 4, rngs=rngs())))


@pytest.mark.parametrize("build", [Attributes, lambda: nnx.eval_shape(Attributes)])
def test_attributes_of_nnx_have_no_order(build: Callable[[], Any]) -> None:
    assert seen(build()) == [
        ("a.layers.0", "identity", "relu"),
        ("b.layers.0", "identity", "gelu_tanh"),
        ("b.layers.1.layers.1", "gelu_tanh", "identity"),
    ]


class Fields(eqx.Module):
    first: eqx.nn.Linear
    kernel_init: Callable[[Any], Any]
    act_fn: Callable[[Any], Any]
    a_last: eqx.nn.Linear


def test_attributes_of_equinox_have_one() -> None:
    linear = eqx.nn.Linear(3, 3, key=KEY)
    other = eqx.nn.Linear(3, 3, key=jax.random.key(1))
    expected = [("first", "identity", "relu"), ("a_last", "relu", "identity")]
    assert seen(Fields(linear, jnp.tanh, jax.nn.relu, other)) == expected


@pytest.mark.parametrize("inputs", [None, jax.ShapeDtypeStruct((3,), jnp.float32)])
def test_an_mlp_of_equinox(inputs: Any) -> None:
    model = eqx.filter_eval_shape(lambda: eqx.nn.MLP(3, 2, 4, 2, jax.nn.silu, jnp.tanh, key=KEY))
    assert seen(model, inputs) == [
        ("layers.0", "identity", "silu"),
        ("layers.1", "silu", "silu"),
        ("layers.2", "silu", "tanh"),
    ]


def test_a_sequential_of_linen() -> None:
    model = nn.Sequential([nn.Dense(4), nn.LayerNorm(), nn.gelu, nn.Sequential([nn.Dense(4), nn.relu]), nn.Dense(2)])
    given = (model, jax.eval_shape(model.init, KEY, jnp.ones((1, 3))))
    expected = [
        ("layers_0", "identity", "gelu_tanh"),
        ("layers_3.layers_0", "gelu_tanh", "relu"),
        ("layers_4", "relu", "identity"),
    ]
    assert seen(given) == seen(given, jnp.ones((1, 3))) == expected


def test_an_activation_of_setup_stays_in_its_row() -> None:
    class Rows(nn.Module):
        def setup(self) -> None:
            self.b = nn.Sequential([nn.Dense(4), nn.relu])
            self.a = nn.Sequential([nn.Dense(4), nn.tanh])

        def __call__(self, x: Any) -> Any:
            return self.b(self.a(x))

    params = jax.eval_shape(Rows().init, KEY, jnp.ones((1, 3)))
    assert seen((Rows(), params)) == [("a.layers_0", "identity", "tanh"), ("b.layers_0", "identity", "relu")]


# what is refused
