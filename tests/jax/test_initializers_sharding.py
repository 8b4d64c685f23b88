"""Under sharding the drop-in makes the same bits on every mesh, and each device its own part."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from test_jax_sharding import expensive, mesh

from effort import slow_after
from glorot.jax import initializers

pytestmark = pytest.mark.usefixtures("compiled_in_full")

KEY = jax.random.key(11)
SHAPE = (24, 40)
MESHES = [((1,), P("x")), ((2,), P(None, "x")), ((4,), P("x")), ((8,), P(None, "x")), ((2, 4), P("x", "y"))]
ON_THREE_AXES = ((2, 2, 2), P("z", ("x", "y")))
CASES = [
    *((initializers.he_normal(), *place) for place in (MESHES[0], MESHES[-1])),
    (initializers.normal(dtype=jnp.bfloat16), *ON_THREE_AXES),
    (initializers.xavier_uniform(), (8,), P("x")),
    (initializers.uniform(), *ON_THREE_AXES),
    *((initializers.he_normal(), *place) for place in MESHES[1:-1]),
]


@pytest.mark.parametrize(("initializer", "extents", "spec"), slow_after(4, CASES), ids=str)
def test_every_mesh_holds_the_same_bits(initializer, extents, spec):
    expected = np.asarray(initializer(KEY, SHAPE))
    sharding = NamedSharding(mesh(*extents), spec)
    compiled = jax.jit(lambda key: initializer(key, SHAPE), out_shardings=sharding).lower(KEY).compile()
    values = compiled(KEY)
    assert values.sharding.is_equivalent_to(sharding, 2)
    assert np.asarray(values).tobytes() == expected.tobytes()
    assert expensive(compiled, SHAPE) == ([] if math.prod(extents) > 1 else ["whole"])


def test_that_of_jax_does_more():
    """The test above can fail."""
    sharding = NamedSharding(mesh(8), P(None, "x"))
    function = jax.jit(lambda key: jax.nn.initializers.he_normal()(key, SHAPE), out_shardings=sharding)
    assert expensive(function.lower(KEY).compile(), SHAPE) != []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("he_normal", AxisType.Auto),
        ("he_normal", AxisType.Explicit),
        ("zeros", AxisType.Explicit),  # what is JAX's own takes explicit axes alone
        ("constant", AxisType.Explicit),
        pytest.param("orthogonal", AxisType.Explicit, marks=pytest.mark.slow),
        pytest.param("delta_orthogonal", AxisType.Explicit, marks=pytest.mark.slow),
    ],
)
def test_out_sharding(name: str, kind: AxisType):
    build = {"constant": lambda: initializers.constant(0.5), "zeros": lambda: initializers.zeros}
    initializer = build.get(name, getattr(initializers, name))()
    shape, spec = ((3, 8, 16), P(None, "x", "y")) if name == "delta_orthogonal" else ((8, 16), P("x", "y"))
    expected = np.asarray(initializer(KEY, shape))
    devices = mesh(2, 4, kind=kind)
    with jax.set_mesh(devices):
        alone = initializer(KEY, shape, jnp.float32, spec)
        jitted = jax.jit(lambda key: initializer(key, shape, out_sharding=NamedSharding(devices, spec)))(KEY)
    for values in (alone, jitted):
        assert values.sharding.is_equivalent_to(NamedSharding(devices, spec), len(shape))
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5 if "orthogonal" in name else 0)


def test_delta_orthogonal_may_be_split_anywhere_by_a_jit_around_it():
    sharding = NamedSharding(mesh(2, 4), P("x", None, "y"))
    values = jax.jit(lambda key: initializers.delta_orthogonal()(key, (4, 8, 16)), out_shardings=sharding)(KEY)
    assert values.sharding.is_equivalent_to(sharding, 3)
    np.testing.assert_allclose(values, initializers.delta_orthogonal()(KEY, (4, 8, 16)), rtol=0, atol=1e-5)
