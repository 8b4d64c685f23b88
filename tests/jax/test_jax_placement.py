"""Where new leaves lie: on the devices of the old ones, under any mesh, or one clear refusal."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import glorot
from effort import slow_after
from glorot import stream
from glorot.distributions import Normal
from glorot.jax import draw

pytestmark = pytest.mark.usefixtures("compiled_in_full")

AUTO, EXPLICIT = AxisType.Auto, AxisType.Explicit
SHAPE = (16, 8)
KEY = stream.key_of(0, "w")


def mesh(*kinds: AxisType) -> Mesh:
    return jax.make_mesh((4, 2), ("x", "y"), kinds)


def tree(sharding: Any = None) -> dict[str, Any]:
    return {"w": jax.ShapeDtypeStruct(SHAPE, jnp.float32, sharding=sharding)}


def started(model: Any) -> jax.Array:
    return glorot.initialize(model, "xavier", seed=0, axes={"w": "io"})["w"]


WHOLE = glorot.draw("xavier_uniform", SHAPE, seed=0, name="w")


def test_a_model_that_nobody_placed_still_follows_its_batch():
    """Data parallelism as it is written mostly: build, initialise, shard the batch."""
    model = glorot.initialize(nnx.Linear(16, 8, rngs=nnx.Rngs(0)), seed=0)
    batch = jax.device_put(jnp.ones((8, 16)), NamedSharding(mesh(AUTO, AUTO), P("x")))
    assert model(batch).sharding.device_set == batch.sharding.device_set


@pytest.mark.parametrize("kinds", [(AUTO, AUTO), (EXPLICIT, EXPLICIT), (EXPLICIT, AUTO)])
def test_a_model_built_before_the_mesh_was_set_is_written_under_it(kinds):
    model = {"w": jnp.zeros(SHAPE)}
    with jax.set_mesh(mesh(*kinds)):
        np.testing.assert_array_equal(started(model), WHOLE)


@pytest.mark.parametrize("kinds", [(AUTO, AUTO), (EXPLICIT, EXPLICIT), (EXPLICIT, AUTO)])
@pytest.mark.parametrize("spec", slow_after(1, [P("x", "y"), P(None, "y"), P(("x", "y"))]), ids=str)
def test_a_mesh_of_any_kind_whole_or_without_devices(kinds, spec):
    devices = mesh(*kinds)
    with jax.set_mesh(devices):
        made = [started(tree(NamedSharding(m, spec))) for m in (devices, devices.abstract_mesh)]
    for leaf in (*made, started(tree(NamedSharding(devices, spec)))):
        assert leaf.sharding.is_equivalent_to(NamedSharding(devices, spec), 2)
        np.testing.assert_array_equal(leaf, WHOLE)


def test_a_leaf_in_the_memory_of_the_host_stays_there():
    place = NamedSharding(mesh(AUTO, AUTO), P("x"), memory_kind="pinned_host")
    leaf = started({"w": jax.device_put(jnp.zeros(SHAPE), place)})
    assert leaf.sharding.memory_kind == "pinned_host"
    np.testing.assert_array_equal(leaf, WHOLE)


def test_a_mesh_without_devices_that_is_not_set_is_refused():
    words = (
        r"^w: its sharding P\('x',?\) over the mesh \{'x': 4, 'y': 2\} is one without devices; call under "
        r"jax\.set_mesh\(mesh\), with the mesh itself$"
    )
    with pytest.raises(glorot.GlorotError, match=words):
        started(tree(NamedSharding(mesh(AUTO, AUTO).abstract_mesh, P("x"))))


def test_an_explicit_mesh_inside_a_jit_that_does_not_know_it_is_refused():
    place = NamedSharding(mesh(EXPLICIT, EXPLICIT), P("x"))
    words = (
        r"^its sharding P\('x',?\) over the mesh \{'x': 4, 'y': 2\} is explicit; call your jitted function under "
        r"jax\.set_mesh\(mesh\)"
    )
    with pytest.raises(glorot.GlorotError, match=words):
        jax.jit(lambda: started(tree(place)))()


def test_another_mesh_than_the_one_that_is_set_is_refused():
    other = jax.make_mesh((8,), ("z",), (AUTO,))
    words = (
        r"^w: its sharding P\('z',?\) over the mesh \{'z': 8\} is not the mesh \{'x': 4, 'y': 2\} that jax\.set_mesh has "
        r"set; call outside of that, or move what lies elsewhere by jax\.device_put$"
    )
    with jax.set_mesh(mesh(AUTO, AUTO)), pytest.raises(glorot.GlorotError, match=words):
        started(tree(NamedSharding(other, P("z"))))


def test_a_leaf_on_one_device_under_a_mesh_of_several_is_refused():
    alone = {"w": jax.device_put(jnp.zeros(SHAPE), jax.devices()[0])}
    words = (
        r"^w lies on 1 device, and jax\.set_mesh has set a mesh of 8; call outside of that, or move it there by "
        r"jax\.device_put$"
    )
    with jax.set_mesh(mesh(AUTO, AUTO)), pytest.raises(glorot.GlorotError, match=words):
        started(alone)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (
            P("z"),
            r"out_sharding has shape 15×8, which its sharding P\('z',?\) over .* does not divide into equal shards",
        ),
        (
            P("x", "x"),
            r"out_sharding has shape 15×8, which its sharding P\('x', 'x'\) .* has duplicate entries for `x`",
        ),
        (
            P("x"),
            r"out_sharding has shape 15×8, .* \(array axis 0 is partitioned 4 times, but the dimension size is 15",
        ),
        (P(None, None, "x"), r"out_sharding has shape 15×8, which its sharding P\(None, None, 'x'\)"),
        (
            ("x", "y"),
            r"out_sharding: a place is a jax\.sharding\.Sharding or a PartitionSpec, got \('x', 'y'\) \(tuple\)$",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [AUTO, EXPLICIT])
def test_a_place_that_does_not_fit_is_refused_on_every_mesh(kind, place, words):
    with jax.set_mesh(mesh(kind, kind)), pytest.raises(glorot.GlorotError, match=f"^{words}"):
        draw(KEY, Normal(), (15, 8), out_sharding=place)


def test_a_spec_without_a_mesh_is_refused():
    words = "out_sharding: P('x',) names axes of a mesh, and none is set; call under jax.set_mesh(mesh)"
    with pytest.raises(glorot.GlorotError, match=f"^{re.escape(words)}$"):
        draw(KEY, Normal(), SHAPE, out_sharding=P("x"))


def test_a_spec_that_is_unreduced_is_refused():
    place = NamedSharding(mesh(EXPLICIT, EXPLICIT), P("x", unreduced={"y"}))
    words = r"^out_sharding: P\(.*\) is unreduced, a sum that is still to be taken; weights are none$"
    with pytest.raises(glorot.GlorotError, match=words):
        draw(KEY, Normal(), SHAPE, out_sharding=place)
