"""Starts that a JAX model means: declared slopes are kept, and a warning names what is special before it is drawn over."""

import random
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

import glorot
from glorot.distributions import Constant
from glorot.jax import arrays


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


CONSTANT = linen.initializers.constant
BOXED = linen.with_partitioning(CONSTANT(0.5), ("features",))
DECLARING = {
    "Dense": (linen.Dense(4, bias_init=CONSTANT(-4.6)), {"bias": -4.6}),
    "DenseGeneral": (linen.DenseGeneral((2, 3), bias_init=CONSTANT(0.01)), {"bias": 0.01}),
    "Conv": (linen.Conv(4, (1,), bias_init=linen.initializers.ones), {"bias": 1.0}),
    "Einsum": (linen.Einsum((4, 5), "...a,ab->...b", bias_init=lambda key, shape, dtype: jnp.full(shape, 2.0)), {"bias": 2.0}),
    "LayerNorm": (linen.LayerNorm(scale_init=linen.initializers.zeros, bias_init=BOXED), {"scale": 0.0, "bias": 0.5}),
    "BatchNorm": (linen.BatchNorm(use_running_average=False, scale_init=linen.initializers.zeros_init()), {"scale": 0.0}),
    "MGUCell": (linen.RNN(linen.MGUCell(4)), {"cell.if.bias": 1.0}),
}  # fmt: skip
"""Layers of Linen, and the values that they declare: MGUCell opens its forget gate by default."""


@pytest.mark.parametrize(("module", "expected"), DECLARING.values(), ids=DECLARING)
@pytest.mark.parametrize("recipe", ["auto", "he"])
def test_a_vector_starts_where_its_layer_of_linen_says(module: Any, expected: dict[str, float], recipe: str) -> None:
    batch = jnp.ones((2, 3, 4))
    model = module, jax.eval_shape(module.init, jax.random.key(0), batch)
    plan = glorot.plan(model, recipe, inputs=batch)
    kept = {entry.name: entry.distribution.value for entry in plan if entry.why.startswith("its layer declares")}
    assert kept == expected
    started = arrays(glorot.apply(plan, model, seed=0, inputs=batch))
    assert {path: set(started[path].ravel().tolist()) for path in kept} == {
        path: {float(np.float32(value))} for path, value in expected.items()
    }


def failing(key: Any, shape: Any, dtype: Any) -> Any:
    raise KeyError("k")


@pytest.mark.parametrize(
    "init",
    [
        linen.initializers.zeros_init(),
        linen.initializers.normal(),
        lambda key, shape, dtype: jnp.arange(4.0),
        lambda key, shape, dtype: jnp.full(shape, jax.random.uniform(key)),
        lambda key, shape, dtype: jnp.full(shape, jnp.nan),
        failing,
    ],
    ids=["usual", "drawn", "patterned", "one drawn value", "no number", "failing"],
)
def test_what_is_not_one_value_is_not_kept(init: Any) -> None:
    model = (
        linen.Sequential([linen.Dense(4, bias_init=init)]),
        {"layers_0": {"kernel": jax.random.normal(jax.random.key(0), (4, 4)), "bias": jnp.zeros(4)}},
    )
    entry = glorot.plan(model)["layers_0.bias"]
    assert (entry.scheme, entry.why) == ("zeros", "biases start at 0")


def test_an_initializer_is_asked_without_a_trace_and_leaves_the_process_as_it_was() -> None:
    def init(key: Any, shape: Any, dtype: Any) -> Any:
        random.random()
        return jnp.full(shape, 0.5, dtype)

    module, plans = linen.Sequential([linen.Dense(4, bias_init=init)]), []
    state = random.getstate()
    jax.jit(lambda x: plans.append(glorot.plan((module, {"layers_0": {"kernel": x, "bias": x[0]}}))))(jnp.eye(4))
    assert plans[0]["layers_0.bias"].distribution == Constant(0.5)
    assert random.getstate() == state


def test_a_layer_of_nnx_that_keeps_its_initializer_is_obeyed() -> None:
    layer = nnx.Linear(4, 4, rngs=nnx.Rngs(0))
    layer.bias_init = nnx.initializers.constant(0.1)  # as some versions of Flax do
    assert glorot.plan(layer)["bias"].distribution == Constant(0.1)


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
