"""A batch that nobody gave: NNX and Equinox modules tell by the shapes of their kernels what they take."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import nnx

import glorot
from glorot.errors import GlorotError

KEY = jax.random.key(0)


class Digits(nnx.Module):
    """Its layers stand in another order than they run, and one size of image fits."""

    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.images, self.head = nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.Linear(4 * 14 * 14, 5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.max_pool(nnx.relu(self.images(x)), (2, 2), (2, 2))
        return self.head(jnp.tanh(x.reshape(x.shape[0], -1)))


class Towers(eqx.Module):
    tower: eqx.nn.Linear
    head: eqx.nn.Linear

    def __init__(self) -> None:
        self.tower, self.head = eqx.nn.Linear(3, 4, key=KEY), eqx.nn.Linear(8, 2, key=KEY)

    def __call__(self, left: jax.Array, right: jax.Array) -> jax.Array:
        return self.head(jnp.concatenate([jax.nn.silu(self.tower(left)), jax.nn.silu(self.tower(right))]))


def words() -> nnx.Module:
    rngs = nnx.Rngs(0)
    return nnx.Sequential(
        nnx.Embed(9, 4, rngs=rngs), nnx.Linear(4, 5, rngs=rngs), jax.nn.gelu, nnx.Linear(5, 4, rngs=rngs)
    )


MODELS: dict[str, tuple[Callable[[], Any], dict[str, str]]] = {  # and what feeds some of its kernels
    "images of the one size that fits": (Digits, {"head.kernel": "a function"}),
    "words": (words, {"layers.3.kernel": "gelu_tanh"}),
    "one example": (lambda: eqx.nn.MLP(3, 4, 5, 2, jax.nn.elu, key=KEY), {"layers.2.weight": "elu"}),
    "one image": (lambda: eqx.nn.Conv2d(3, 8, 3, key=KEY), {"weight": "identity"}),
    "two inputs": (Towers, {"head.weight": "silu"}),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_tells_what_it_takes_is_seen_without_a_batch(name: str) -> None:
    build, fed_by = MODELS[name]
    plan = glorot.plan(build(), "auto")
    assert all(entry.seen for entry in plan)
    assert {entry.name: entry.fed_by for entry in plan if entry.name in fed_by} == fed_by
    assert not any(entry.seen for entry in glorot.plan(build(), "auto", inputs=False))


def test_a_function_computes_with_a_pytree() -> None:
    """A pytree tells nothing itself."""
    params = {"a": jax.random.normal(KEY, (3, 4)), "b": jax.random.normal(KEY, (4, 2)), "shift": jnp.zeros(4)}

    def forward(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return jax.nn.relu(x @ params["a"] + params["shift"]) @ params["b"]

    plan = glorot.plan(params, "auto", inputs=jnp.ones((5, 3)), forward=forward)
    assert [(entry.name, entry.axes, entry.fed_by, entry.role) for entry in plan] == [
        ("a", "oi", "identity", "kernel"),
        ("b", "oi", "relu", "kernel"),
        ("shift", "o", "identity", "bias"),
    ]
    assert float(jnp.abs(glorot.apply(plan, params, seed=0)["a"] - params["a"]).min()) > 0
    with pytest.raises(GlorotError, match=r"no layer that glorot knows"):
        glorot.plan(params, "auto")


def test_a_function_that_refuses_the_batch() -> None:
    params = {"a": jnp.zeros((3, 4))}
    with pytest.raises(GlorotError, match="the batch does not fit the model: TypeError"):
        glorot.plan(params, inputs=jnp.ones((5, 7)), forward=lambda params, x: x @ params["a"])


def test_a_function_runs_a_module() -> None:
    model = eqx.nn.MLP(3, 4, 5, 1, key=KEY)
    plan = glorot.plan(model, inputs=jnp.ones((6, 3)), forward=lambda model, batch: jax.vmap(model)(batch))
    assert plan["layers.1.weight"].fed_by == "relu"
