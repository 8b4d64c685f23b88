"""Whole models: planned while abstract, written under `jit` with shardings, each device its own part of every leaf."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from hlo import MESSAGES
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import glorot
from effort import examples
from glorot import stream

pytestmark = pytest.mark.usefixtures("compiled_in_full", "keys_that_compile_quickly")

WIDTH, SEED = 16, 7
MESHES = [(1,), (2,), (4,), (8,), (2, 2), (2, 4), (4, 2), (8, 1)]


class NnxNet(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.heads = nnx.LinearGeneral(WIDTH, (8, 2), rngs=rngs)
        self.qkv = nnx.Linear(WIDTH, 3 * WIDTH, rngs=rngs)
        self.conv = nnx.Conv(WIDTH, 2 * WIDTH, (3, 3), feature_group_count=4, rngs=rngs)


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        q, k, v = jnp.split(linen.Dense(3 * WIDTH, name="qkv")(x), 3, axis=-1)
        h = jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2)) @ v
        return linen.Conv(4 * WIDTH, (3,), feature_group_count=4, name="conv")(h)


class EquinoxNet(eqx.Module):
    qkv: eqx.nn.Linear
    conv: eqx.nn.Conv2d

    def __init__(self, key: jax.Array) -> None:
        self.qkv = eqx.nn.Linear(WIDTH, 3 * WIDTH, key=key)
        self.conv = eqx.nn.Conv2d(WIDTH, 2 * WIDTH, 3, groups=4, key=key)


BATCH = jax.ShapeDtypeStruct((2, 10, WIDTH), jnp.float32)


def abstract_linen() -> tuple[LinenNet, Any]:
    module = LinenNet()
    return module, jax.eval_shape(module.init, jax.random.key(0), BATCH)


def abstract_tree() -> dict[str, Any]:
    return {"w": jax.ShapeDtypeStruct((WIDTH, 32), jnp.float32), "b": jax.ShapeDtypeStruct((32,), jnp.float32)}


class Kind:
    """A kind of model: how it is made without memory, what else `apply` needs to know, and its arrays as a tree."""

    def __init__(self, abstract: Callable[[], Any], arrays: Callable[[Any], Any], **told: Any) -> None:
        self.abstract, self.arrays, self.told = abstract, arrays, told


KINDS = {
    "nnx": Kind(lambda: nnx.eval_shape(NnxNet), lambda model: nnx.to_pure_dict(nnx.state(model, nnx.Param))),
    "linen": Kind(abstract_linen, lambda model: model[1], inputs=BATCH),
    "equinox": Kind(
        lambda: eqx.filter_eval_shape(EquinoxNet, jax.random.key(0)),
        lambda model: eqx.filter(model, lambda leaf: isinstance(leaf, jax.Array | jax.ShapeDtypeStruct)),
    ),
    "tree": Kind(abstract_tree, lambda model: model, axes={"w": "io", "b": "o"}),
}
RULES = {"nnx": [("*bias", "normal(std=0.1)")], "tree": [("b", "normal(std=0.1)")]}


def planned(kind: Kind, name: str) -> tuple[Any, glorot.Plan]:
    model = kind.abstract()
    return model, glorot.plan(model, "xavier", rules=RULES.get(name, [("*bias", "normal(std=0.1)")]), **kind.told)


def mesh_of(extents: tuple[int, ...]) -> Mesh:
    devices = jax.devices()[: math.prod(extents)]
    return jax.make_mesh(extents, tuple("xy"[: len(extents)]), (AxisType.Auto,) * len(extents), devices=devices)


def spread(leaf: Any, mesh: Mesh) -> NamedSharding:
    """Split the longest axis that all devices divide; a leaf without one is on every device."""
    axes = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
    if not axes:
        return NamedSharding(mesh, P())
    longest = max(axes, key=lambda axis: leaf.shape[axis])
    return NamedSharding(mesh, P(*[mesh.axis_names if axis == longest else None for axis in range(leaf.ndim)]))


REFERENCES: dict[str, Any] = {}


def reference(name: str) -> Any:
    """Return the arrays of a model as they are made on one device."""
    if name not in REFERENCES:
        model, plan = planned(KINDS[name], name)
        REFERENCES[name] = KINDS[name].arrays(glorot.apply(plan, model, seed=SEED, **KINDS[name].told))
    return REFERENCES[name]


@pytest.mark.parametrize("name", KINDS)
def test_the_bits_are_those_of_the_stream(name: str):
    model, plan = planned(KINDS[name], name)
    found = glorot.jax.arrays(glorot.apply(plan, model, seed=SEED, **KINDS[name].told))
    kernel = {"nnx": "qkv.kernel", "linen": "qkv.kernel", "equinox": "qkv.weight", "tree": "w"}[name]
    if name == "tree":
        drawn = stream.draw(stream.key_of(SEED, "w"), plan["w"].distribution, (32, WIDTH)).T
    else:
        parts = [f"{kernel}[{part}]" for part in "qkv"]
        drawn = np.concatenate(
            [stream.draw(stream.key_of(SEED, part), plan[part].distribution, (WIDTH, WIDTH)) for part in parts]
        )
        drawn = drawn if name == "equinox" else drawn.T
    np.testing.assert_array_equal(found[kernel], drawn)


@examples(4)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(MESHES))
def test_a_model_made_in_shards_has_the_bits_of_one_made_whole(name: str, extents: tuple[int, ...]):
    kind, mesh = KINDS[name], mesh_of(extents)
    model, plan = planned(kind, name)
    shardings = jax.tree.map(lambda leaf: spread(leaf, mesh), kind.arrays(model))
    build = jax.jit(lambda: kind.arrays(glorot.apply(plan, model, seed=SEED, **kind.told)), out_shardings=shardings)
    compiled = build.lower().compile()
    assert not MESSAGES.search(compiled.as_text())
    for made, whole, sharding in zip(*map(jax.tree.leaves, (compiled(), reference(name), shardings)), strict=True):
        assert made.sharding.is_equivalent_to(sharding, made.ndim)
        np.testing.assert_array_equal(made, whole)


def test_an_nnx_model_is_made_inside_its_own_jit():
    def fresh() -> nnx.Module:
        return nnx.Linear(WIDTH, 32, rngs=nnx.Rngs(0))

    plan = glorot.plan(nnx.eval_shape(fresh), "xavier")
    model = nnx.jit(lambda: glorot.apply(plan, fresh(), seed=SEED))()
    whole = glorot.apply(plan, fresh(), seed=SEED)
    np.testing.assert_array_equal(model.kernel[...], whole.kernel[...])


def test_leaves_that_say_where_they_lie_are_made_there():
    """Shardings may stand in the abstract leaves themselves; then no `jit` is needed."""
    mesh = mesh_of((2, 4))
    module, variables = abstract_linen()
    placed = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=spread(leaf, mesh)), variables
    )
    made = glorot.initialize((module, placed), "xavier", seed=SEED, inputs=BATCH)[1]
    whole = glorot.initialize((module, variables), "xavier", seed=SEED, inputs=BATCH)[1]
    for leaf, expected, at in zip(*map(jax.tree.leaves, (made, whole, placed)), strict=True):
        assert leaf.sharding.is_equivalent_to(at.sharding, leaf.ndim)
        np.testing.assert_array_equal(leaf, expected)


def test_a_leaf_whose_sharding_does_not_fit_is_named_and_nothing_is_made():
    mesh = mesh_of((8,))
    tree = abstract_tree() | {"b": jax.ShapeDtypeStruct((30,), jnp.float32, sharding=NamedSharding(mesh, P("x")))}
    with pytest.raises(glorot.GlorotError, match=r"^b has shape 30, which its sharding P\('x',?\) over the mesh"):
        glorot.initialize(tree, "xavier", seed=0, axes={"w": "io", "b": "o"})


def test_a_concrete_model_is_not_changed():
    model = NnxNet()
    before = jax.tree.map(np.array, nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    made = glorot.initialize(model, "xavier", seed=SEED)
    assert type(made) is NnxNet
    assert made is not model
    jax.tree.map(np.testing.assert_array_equal, before, nnx.to_pure_dict(nnx.state(model, nnx.Param)))
    assert not np.array_equal(made.qkv.kernel[...], model.qkv.kernel[...])


def test_a_leaf_without_axes_is_named_with_the_ways_out():
    with pytest.raises(glorot.GlorotError) as caught:
        glorot.plan(abstract_tree())
    assert str(caught.value).splitlines() == [
        "no layer that glorot knows owns these parameters:",
        "  b  32  in dict",
        "  w  16×32  in dict",
        "say what they get with a rule, rules=[('b', 'normal(std=0.02)')], leave them alone with rules=[('b', 'skip')], "
        "or tell their axes (b copies, o outputs, i inputs, k kernel) with axes={'b': 'o'}",
    ]


def test_a_plan_with_axes_needs_them_no_more_where_it_is_applied():
    tree, plan = planned(KINDS["tree"], "tree")
    found, told = (glorot.jax.arrays(glorot.apply(plan, tree, seed=0, **more)) for more in ({}, KINDS["tree"].told))
    assert found.keys() == told.keys() == {"w", "b"}
    for path in found:
        np.testing.assert_array_equal(found[path], told[path])


def test_a_plan_for_another_model_names_what_differs():
    model, other = nnx.Linear(3, 4, rngs=nnx.Rngs(0)), nnx.Linear(3, 5, use_bias=False, rngs=nnx.Rngs(0))
    with pytest.raises(glorot.GlorotError) as caught:
        glorot.apply(glorot.plan(model), other, seed=0)
    assert str(caught.value).splitlines()[1:] == [
        "  in the plan only: bias",
        "  kernel: planned 4×3 (oi), the model has 5×3 (oi)",
    ]
