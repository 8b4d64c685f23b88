"""Under sharding every device makes its own part: the same bits, nothing sent, nothing of the whole's size."""

import math

import jax
import numpy as np
import pytest
from hlo import expensive
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from effort import slow_after
from glorot import stream
from glorot.distributions import Distribution, Normal, SparseNormal, TruncatedNormal, Uniform
from glorot.jax import draw
from glorot.stream import key_of

pytestmark = pytest.mark.usefixtures("compiled_in_full")

KEY = key_of(0, "layers.0.weight")
TRACED = np.array(KEY, np.uint32)
LAW = Normal(0.1, 0.02)


def mesh(*extents: int, kind: AxisType = AxisType.Auto) -> Mesh:
    names = "xyz"[: len(extents)]
    return jax.make_mesh(extents, tuple(names), (kind,) * len(extents), devices=jax.devices()[: math.prod(extents)])


SHARDINGS = [
    ((1,), P("x")),
    ((8,), P(None, "x")),
    ((4, 2), P("y", "x")),
    ((2, 4), P(("x", "y"))),
    ((2,), P(None, "x")),
    ((4,), P("x")),
    ((2, 4), P("x", "y")),
]


@pytest.mark.parametrize(("extents", "spec"), slow_after(4, SHARDINGS), ids=str)
def test_each_device_makes_its_own_part(extents: tuple[int, ...], spec: P):
    """The shards of an axis of 40 on 8 devices have 5 elements, which no block of four words fits."""
    shape, sharding = (24, 40), NamedSharding(mesh(*extents), spec)
    compiled = jax.jit(lambda key: draw(key, LAW, shape), out_shardings=sharding).lower(TRACED).compile()
    assert np.array_equal(compiled(TRACED), stream.draw(KEY, LAW, shape))
    assert expensive(compiled, shape) == ([] if math.prod(extents) > 1 else ["whole"])


@pytest.mark.parametrize(
    "law", [Uniform(-1, 1), TruncatedNormal(0, 1, -2, 2), SparseNormal(0.1, 1, 0.3)], ids=lambda law: law.law
)
def test_other_laws_a_constant_key_a_box_and_an_order(law: Distribution):
    sharding, box = NamedSharding(mesh(2, 4), P("x", "y")), ((3, 23), (1, 11))
    function = jax.jit(lambda: draw(KEY, law, (24, 40), box=box, order=(1, 0)), out_shardings=sharding)
    values, compiled = function(), function.lower().compile()
    assert np.array_equal(values, stream.draw(KEY, law, (24, 40))[3:23, 1:11].T)
    assert values.sharding == sharding
    assert expensive(compiled, (10, 20)) == []


def test_a_part_larger_than_any_device():
    """Compiled, not run: 16 GiB for each of eight devices, and not a byte besides."""
    shape, sharding = (2**20, 2**15), NamedSharding(mesh(8), P(None, "x"))
    compiled = jax.jit(lambda key: draw(key, LAW, shape), out_shardings=sharding).lower(TRACED).compile()
    assert compiled.memory_analysis().output_size_in_bytes == 2**34
    assert expensive(compiled, shape) == []


def test_what_is_expensive_would_be_seen():
    drawn, wanted = (NamedSharding(mesh(8), spec) for spec in (P("x"), P()))
    function = jax.jit(lambda key: draw(key, LAW, (24, 40), out_sharding=drawn), out_shardings=wanted)
    assert expensive(function.lower(TRACED).compile(), (24, 40)) == ["all-gather", "whole", "scratch"]


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_out_sharding_alone_and_under_jit(kind: AxisType):
    expected = stream.draw(KEY, LAW, (24, 40))
    devices = mesh(2, 4, kind=kind)
    sharding = NamedSharding(devices, P("x", "y"))
    with jax.set_mesh(devices):
        function = jax.jit(lambda key: draw(key, LAW, (24, 40), out_sharding=P("x", "y")) * 2)
        alone, doubled = draw(KEY, LAW, (24, 40), out_sharding=P("x", "y")), function(TRACED)
        compiled = function.lower(TRACED).compile()
    for values, reference in ((alone, expected), (doubled, 2 * expected)):
        assert values.sharding.is_equivalent_to(sharding, 2)
        assert np.array_equal(values, reference)
    assert expensive(compiled, (24, 40)) == []


def test_a_named_sharding_needs_no_mesh_around_it():
    sharding = NamedSharding(mesh(8), P(None, "x"))
    values = draw(KEY, LAW, (24, 40), out_sharding=sharding)
    assert values.sharding.is_equivalent_to(sharding, 2)
    assert np.array_equal(values, stream.draw(KEY, LAW, (24, 40)))


def test_inside_shard_map():
    """Each device has a key of its own here, as experts or stages have."""
    keys = np.array([key_of(0, f"experts.{i}") for i in range(8)], np.uint32)
    drawn = jax.shard_map(lambda key: draw(key[0], LAW, (6, 5))[None], mesh=mesh(8), in_specs=P("x"), out_specs=P("x"))
    expected = np.stack([stream.draw(key_of(0, f"experts.{i}"), LAW, (6, 5)) for i in range(8)])
    assert np.array_equal(jax.jit(drawn)(keys), expected)
