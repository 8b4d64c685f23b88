"""Running statistics of JAX models: they are started with their model wherever it holds them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax_models import KEY, Net, rngs

import glorot

BATCH = jnp.ones((2, 3))


class Kind(NamedTuple):
    """A model whose norm has gathered 7 and 7, a batch, the paths of its statistics, and how they are read."""

    make: Callable[[], Any]
    batch: Any
    mean: str
    variance: str
    read: Callable[[Any], tuple[Any, Any]]


def nnx_net() -> nnx.Module:
    model = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs()), nnx.BatchNorm(4, rngs=rngs()))
    model.layers[1].mean[...] = model.layers[1].var[...] = jnp.full(4, 7.0)
    return model


def linen_net() -> Any:
    module = linen.Sequential([linen.Dense(4), linen.BatchNorm(use_running_average=False)])
    variables = module.init(KEY, BATCH)
    return module, {**variables, "batch_stats": jax.tree.map(lambda leaf: leaf * 0 + 7, variables["batch_stats"])}


class EqxNet(eqx.Module):
    """A model that steps around its norm, which only a state can call."""

    layer: eqx.nn.Linear
    norm: eqx.nn.BatchNorm

    def __init__(self, mode: Any) -> None:
        self.layer, self.norm = eqx.nn.Linear(3, 4, key=KEY), eqx.nn.BatchNorm(4, "batch", mode=mode)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.layer(x)


def eqx_net(mode: Any) -> Any:
    model = EqxNet(mode)
    counter, count = {"batch": ("batch_counter", jnp.array(9)), "ema": ("ema_first_time_index", jnp.array(False))}[mode]
    model = eqx.tree_at(lambda m: getattr(m.norm, counter).init, model, count)
    return eqx.tree_at(lambda m: getattr(m.norm, f"{mode}_state_index").init, model, (jnp.full(4, 7.0),) * 2)


KINDS = {
    "nnx": Kind(
        nnx_net, BATCH, "layers.1.mean", "layers.1.var", lambda m: (m.layers[1].mean[...], m.layers[1].var[...])
    ),
    "linen": Kind(
        linen_net, BATCH, "layers_1.mean", "layers_1.var",
        lambda m: (m[1]["batch_stats"]["layers_1"]["mean"], m[1]["batch_stats"]["layers_1"]["var"]),
    ),
    "equinox": Kind(
        lambda: eqx_net("batch"), BATCH[0], "norm.batch_state_index.init.0", "norm.batch_state_index.init.1",
        lambda m: m.norm.batch_state_index.init,
    ),
    "equinox ema": Kind(
        lambda: eqx_net("ema"), BATCH[0], "norm.ema_state_index.init.0", "norm.ema_state_index.init.1",
        lambda m: m.norm.ema_state_index.init,
    ),
}  # fmt: skip


def values(kind: Kind, model: Any) -> list[list[float]]:
    return [np.unique(statistic).tolist() for statistic in kind.read(model)]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("traced", [False, True])
def test_they_start_at_mean_0_and_variance_1(kind: Kind, traced: bool) -> None:
    model = kind.make()
    inputs = kind.batch if traced else None  # a Sequential of Linen makes its layers in setup()
    plan = glorot.plan(model, "he", inputs=inputs)
    rows = {entry.name: (entry.axes, entry.role, entry.scheme, entry.why) for entry in plan}
    assert rows[kind.mean] == ("o", "running_mean", "zeros", "as of a signal of mean 0")
    assert rows[kind.variance] == ("o", "running_variance", "ones", "as of a signal of variance 1")
    assert len(rows) == 6
    assert values(kind, glorot.apply(plan, model, seed=0, inputs=inputs)) == [[0.0], [1.0]]
    assert values(kind, model) == [[7.0], [7.0]]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_plan_without_them_fits_and_only_leaves_them(kind: Kind) -> None:
    model = kind.make()
    plan = glorot.plan(model)
    older = type(plan)(
        plan.version, plan.stream, plan.recipe, tuple(e for e in plan if not e.role.startswith("running"))
    )
    assert len(older.entries) == 4
    assert values(kind, glorot.apply(older, model, seed=0)) == [[0.0], [1.0]]
    weight = next(entry.name for entry in plan if entry.role == "kernel")
    started = glorot.initialize(model, seed=0, only=weight)
    assert values(kind, started) == [[7.0], [7.0]]
    started = glorot.initialize(model, seed=0, only=kind.mean)
    assert values(kind, started) == [[0.0], [7.0]]


def test_what_counts_the_batches_of_equinox_starts_again() -> None:
    started = glorot.initialize(eqx_net("batch"), seed=0)
    assert started.norm.batch_counter.init == 0
    started = glorot.initialize(eqx_net("ema"), seed=0)
    assert started.norm.ema_first_time_index.init
    left = glorot.initialize(eqx_net("batch"), seed=0, only="layer.*")
    assert left.norm.batch_counter.init == 9


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (nnx.eval_shape(nnx_net), None),
        (jax.eval_shape(lambda: linen_net()[1]), BATCH),
        (eqx.filter_eval_shape(EqxNet, "batch"), None),
        (eqx.filter_eval_shape(EqxNet, "ema"), None),
    ],
    ids=KINDS,
)
def test_a_model_in_shapes_alone_is_filled_whole(model: Any, inputs: Any) -> None:
    given = (linen_net()[0], model) if inputs is not None else model
    started = glorot.initialize(given, seed=0, inputs=inputs)
    arrays = [leaf for leaf in jax.tree.leaves(started) if hasattr(leaf, "shape")]
    assert arrays
    assert all(isinstance(leaf, jax.Array) and bool(jnp.isfinite(leaf).all()) for leaf in arrays)
    if isinstance(started, eqx.Module):
        assert len(jax.tree.leaves(eqx.nn.State(started))) == 3


def test_where_the_model_does_not_hold_them_nothing_is_started() -> None:
    module, variables = linen_net()
    _, params = glorot.initialize((module, variables["params"]), seed=0, inputs=BATCH)
    assert list(params) == ["layers_0", "layers_1"]
    model, state = eqx.nn.make_with_state(EqxNet)("batch")
    plan = glorot.plan(model)
    assert [entry.name for entry in plan] == ["layer.weight", "layer.bias", "norm.weight", "norm.bias"]
    held = glorot.apply(plan, eqx_net("batch"), seed=0)
    assert bool((glorot.apply(plan, model, seed=0).layer.weight == held.layer.weight).all())
    mean, variance = state.get(model.norm.batch_state_index)
    assert (mean.tolist(), variance.tolist()) == ([0.0] * 4, [1.0] * 4)


class Frozen(nnx.Variable[Any]):
    """A weight that is not trained."""


def test_those_of_a_frozen_norm_stay() -> None:
    model: Any = nnx_net()
    norm = model.layers[1]
    norm.scale, norm.bias = Frozen(norm.scale.get_value()), Frozen(norm.bias.get_value())
    assert [entry.name for entry in glorot.plan(model)] == ["layers.0.bias", "layers.0.kernel"]
    assert values(KINDS["nnx"], glorot.initialize(model, seed=0)) == [[7.0], [7.0]]
    bare = nnx.BatchNorm(4, use_scale=False, use_bias=False, rngs=rngs())
    assert [entry.name for entry in glorot.plan(bare)] == ["mean", "var"]


class Own(linen.Module):
    """A module with statistics of another kind."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        mean = self.variable("batch_stats", "mean", lambda: jnp.full(3, 7.0))
        return linen.Dense(4)(x - mean.value)


def test_other_batch_statistics_are_left_alone() -> None:
    module = Own()
    variables = module.init(KEY, BATCH)
    plan = glorot.plan((module, variables), inputs=BATCH)
    assert [entry.name for entry in plan] == ["Dense_0.kernel", "Dense_0.bias"]
    _, new = glorot.apply(plan, (module, variables), seed=0, inputs=BATCH)
    assert new["batch_stats"]["mean"].tolist() == [7.0] * 3
    assert "inner.scale" not in glorot.plan(Net(), rules=[("inner.*", "skip")])


def test_those_of_stacked_norms_have_an_axis_for_the_stack() -> None:
    stack = nnx.vmap(lambda: nnx.BatchNorm(3, rngs=rngs()), in_axes=(), out_axes=0, axis_size=2)()
    assert {(entry.axes, entry.shape) for entry in glorot.plan(stack)} == {("bo", (2, 3))}
    axes = {"params": 1, "batch_stats": 1}
    Stacked = linen.vmap(linen.BatchNorm, variable_axes=axes, split_rngs={"params": True}, in_axes=0)
    module = Stacked(use_running_average=False)
    variables = module.init(KEY, jnp.ones((2, 5, 3)))
    _, new = glorot.initialize((module, variables), seed=0, inputs=jnp.ones((2, 5, 3)))
    assert new["batch_stats"]["var"].tolist() == [[1.0] * 2] * 3
