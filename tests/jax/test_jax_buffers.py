"""What a JAX model holds besides parameters and running statistics: the plan lists it, and leaves it alone."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx
from jax_models import KEY, rngs

import glorot
from glorot.plans import Plan

BATCH = jnp.ones((2, 3))


class Count(nnx.Variable[Any]):
    """How often something ran."""


class NnxNet(nnx.Module):
    """A net whose norm gathers, with a count in two places, caches, a table and a generator."""

    def __init__(self) -> None:
        self.dense = nnx.Linear(3, 4, rngs=rngs())
        self.norm = nnx.BatchNorm(4, rngs=rngs())
        self.drop = nnx.Dropout(0.5, rngs=nnx.Rngs(0))
        self.calls = self.same_calls = Count(jnp.array(3))
        self.cache = nnx.Cache({"keys": jnp.zeros(2), "values": jnp.zeros(2)})
        self.empty = nnx.Cache(None)
        self.seen = nnx.BatchStat(jnp.full(3, 7.0))
        self.table = jnp.arange(3.0)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.drop(self.norm(self.dense(x)))


class LinenNet(linen.Module):
    """A net whose norm gathers, beside its own mean and a cache."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        self.variable("batch_stats", "mean", lambda: jnp.full(3, 7.0))
        self.variable("cache", "calls", lambda: jnp.array(3))
        return linen.BatchNorm(use_running_average=False)(linen.Dense(4)(x))


def linen_net() -> Any:
    return LinenNet(), LinenNet().init(KEY, BATCH)


class EqxNet(eqx.Module):
    """A net whose norm gathers, with a mask and the vectors that a spectral norm iterates."""

    dense: eqx.nn.SpectralNorm[eqx.nn.Linear]
    norm: eqx.nn.BatchNorm
    mask: jax.Array

    def __init__(self, mode: Any) -> None:
        self.dense = eqx.nn.SpectralNorm(eqx.nn.Linear(3, 4, key=KEY), "weight", key=KEY)
        self.norm = eqx.nn.BatchNorm(4, "batch", mode=mode)
        self.mask = jnp.array([1, 0, 1])

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.dense.layer(x * self.mask)


EQX_BUFFERS = ("dense.uv_index.init.0", "dense.uv_index.init.1", "mask")
MODELS: dict[str, tuple[Callable[[], Any], Any, tuple[str, ...]]] = {
    "nnx": (NnxNet, BATCH, ("cache", "calls", "seen", "table")),
    "linen": (linen_net, BATCH, ("batch_stats.mean", "cache.calls")),
    "equinox": (lambda: EqxNet("batch"), BATCH[0], EQX_BUFFERS),
    "equinox ema": (lambda: EqxNet("ema"), BATCH[0], EQX_BUFFERS),
    "pytree": (lambda: {"w": jnp.ones(2), "n": jnp.array(3)}, None, ()),
}


@pytest.mark.parametrize(("make", "batch", "buffers"), MODELS.values(), ids=MODELS)
def test_what_no_recipe_starts_is_listed_as_left_alone(make: Callable[[], Any], batch: Any, buffers: Any) -> None:
    rules = [("w", "zeros"), ("n", "skip")] if buffers == () else ()
    plan = glorot.plan(make(), inputs=batch, rules=rules)
    assert plan.buffers == buffers
    told = [line for line in str(plan).splitlines() if line.startswith("left alone, for they are buffers")]
    assert told == [f"left alone, for they are buffers: {', '.join(buffers)}"] * bool(buffers)


def test_they_go_with_the_plan_and_stay_as_they_are(tmp_path: Any) -> None:
    model = NnxNet()
    plan = Plan.load(glorot.plan(model).save(f"{tmp_path}/plan.json"))
    assert plan.buffers == ("cache", "calls", "seen", "table")
    new = glorot.apply(plan, model, seed=0)
    assert (new.calls[...], new.seen[...].tolist(), new.table.tolist()) == (3, [7.0] * 3, [0.0, 1.0, 2.0])
    assert new.same_calls is new.calls


def test_a_model_in_shapes_alone_lists_the_same() -> None:
    assert glorot.plan(nnx.eval_shape(NnxNet)).buffers[:3] == ("cache", "calls", "seen")
    shapes = jax.eval_shape(lambda: linen_net()[1])
    assert glorot.plan((LinenNet(), shapes), inputs=BATCH).buffers == ("batch_stats.mean", "cache.calls")
    assert glorot.plan(eqx.filter_eval_shape(EqxNet, "batch")).buffers == glorot.plan(EqxNet("batch")).buffers


def test_statistics_of_a_frozen_norm_are_among_them_and_what_the_model_does_not_hold_is_not() -> None:
    model: Any = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs()), nnx.BatchNorm(4, rngs=rngs()))
    assert glorot.plan(model).buffers == ()
    norm = model.layers[1]
    norm.scale, norm.bias = Count(norm.scale.get_value()), Count(norm.bias.get_value())
    assert glorot.plan(model).buffers == ("layers.1.bias", "layers.1.mean", "layers.1.scale", "layers.1.var")
    module, variables = linen_net()
    assert glorot.plan((module, variables["params"]), inputs=BATCH).buffers == ()
    stateless, _ = eqx.nn.make_with_state(EqxNet)("batch")
    assert glorot.plan(stateless).buffers == ("mask",)
