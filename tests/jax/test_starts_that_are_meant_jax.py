"""Starts that a JAX model means: declared slopes are kept, and what is special is told of before it is drawn over."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx

import glorot
from glorot.distributions import Constant


def nnx_net(**settings: Any) -> nnx.Module:
    return nnx.Sequential(nnx.Linear(4, 4, rngs=nnx.Rngs(0), **settings), nnx.PReLU(0.05))


def linen_net() -> Any:
    module = linen.Sequential([linen.Dense(4), linen.PReLU(negative_slope_init=0.05)])
    return module, module.init(jax.random.key(0), jnp.ones((1, 4)))


def eqx_net() -> eqx.Module:
    return eqx.nn.Sequential([eqx.nn.Linear(4, 4, key=jax.random.key(0)), eqx.nn.PReLU(0.05)])


def batch(make: Any) -> jax.Array | None:
    return None if make is eqx_net else jnp.ones((1, 4))  # Equinox cannot call a PReLU in a row of layers


@pytest.mark.parametrize("make", [nnx_net, linen_net, eqx_net])
@pytest.mark.parametrize("recipe", ["auto", "he"])
def test_a_slope_starts_where_its_layer_says(make: Any, recipe: str) -> None:
    plan = glorot.plan(make(), recipe, inputs=batch(make))
    (entry,) = (entry for entry in plan if entry.role == "slope")
    assert isinstance(entry.distribution, Constant)
    assert entry.distribution.value == pytest.approx(0.05)
    assert entry.why == "its layer declares a start of 0.05"


def test_a_zero_kernel_and_a_prior_are_told_of() -> None:
    zeros = nnx_net(kernel_init=nnx.initializers.zeros)
    with pytest.warns(UserWarning, match=r"what may be meant: layers\.0\.kernel holds all 0; keep it with"):
        glorot.plan(zeros)
    prior = nnx_net(bias_init=nnx.initializers.constant(-4.0))
    with pytest.warns(UserWarning, match=r"layers\.0\.bias holds all -4"):
        plan = glorot.plan(prior)
    assert plan["layers.0.bias"].why.endswith("overwrites what layers.0.bias holds: all -4")
    assert glorot.plan(prior, rules=[("layers.0.bias", "skip")])["layers.0.bias"].distribution is None


@pytest.mark.parametrize("make", [nnx_net, linen_net, eqx_net])
def test_the_usual_starts_and_what_is_abstract_are_not_spoken_of(make: Any) -> None:
    plans = [glorot.plan(make(), inputs=batch(make)), glorot.plan(nnx.eval_shape(nnx_net))]
    jax.jit(lambda: plans.append(glorot.plan({"w": jnp.zeros((2, 2))}, axes={"w": "io"})))()
    assert [entry.name for plan in plans for entry in plan if "overwrites what" in entry.why] == []
    assert [len(plan.entries) for plan in plans] == [3, 3, 1]
