"""The whole-matrix laws on JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glorot import stream
from glorot.distributions import Bilinear, Distribution, Identity, Orthogonal, PositiveUnitball
from glorot.jax import draw
from glorot.stream import key_of

pytestmark = pytest.mark.usefixtures("compiled_in_full")

KEY = key_of(1, "w")
LAYOUTS = [
    ("oi", (3, 8)),
    ("io", (40, 70)),
    ("boikk", (2, 4, 3, 2, 2)),
]
each_layout = pytest.mark.parametrize(("axes", "shape"), LAYOUTS, ids=str)


@each_layout
def test_orthogonal_is_that_of_numpy_to_its_promise(axes: str, shape: tuple[int, ...]):
    expected = stream.draw(KEY, Orthogonal(1.5), shape, axes)
    np.testing.assert_allclose(draw(KEY, Orthogonal(1.5), shape, axes), expected, atol=1e-5)


def test_a_larger_matrix_is_orthogonal():
    """Several blocks of reflections, in binary32."""
    matrix = np.asarray(draw(KEY, Orthogonal(), (400, 300), "oi"), np.float64)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(300), atol=1e-5)
    np.testing.assert_allclose(matrix, stream.draw(KEY, Orthogonal(), (400, 300), "oi"), atol=1e-5)


def test_an_empty_matrix():
    assert draw(KEY, Orthogonal(), (0, 3), "oi").shape == (0, 3)


def test_under_x64_it_is_computed_in_binary64():
    with jax.enable_x64(True):
        matrix = draw(KEY, Orthogonal(), (70, 40), "oi", dtype=jnp.float64)
        assert matrix.dtype == jnp.float64
    np.testing.assert_allclose(matrix, stream.draw(KEY, Orthogonal(), (70, 40), "oi"), atol=1e-7)


@each_layout
def test_identity_is_that_of_numpy(axes: str, shape: tuple[int, ...]):
    assert np.array_equal(draw(KEY, Identity(0.3), shape, axes), stream.draw(KEY, Identity(0.3), shape, axes))


@pytest.mark.parametrize(
    ("law", "axes", "tolerance"),
    [
        (Orthogonal(2.0), "boik", 1e-6),
        (Identity(2.0), "boik", 0),
        (PositiveUnitball(gain=2.0), "boik", 1e-7),
        (PositiveUnitball("ik"), "boik", 1e-7),
        (Bilinear(2.0), "kobk", 0),
    ],
    ids=str,
)
def test_a_box_in_another_order(law: Distribution, axes: str, tolerance: float):
    shape, box, order = (3, 4, 5, 3), ((1, 2), (1, 4), (0, 4), (1, 3)), (3, 1, 0, 2)
    whole = stream.draw(KEY, law, shape, axes)
    part = jax.jit(lambda: draw(KEY, law, shape, axes, box=box, order=order))()
    np.testing.assert_allclose(part, whole[1:2, 1:4, 0:4, 1:3].transpose(order), atol=tolerance)


UNITBALLS = [
    (PositiveUnitball(), "oikk", (6, 4, 3, 3)),
    (PositiveUnitball(gain=-0.7), "boik", (2, 3, 4, 3)),
    (PositiveUnitball("bi"), "oik", (6, 4, 3)),
    (PositiveUnitball("b"), "bo", (10, 7)),
    (PositiveUnitball(), "o", (9,)),
    (PositiveUnitball(""), "oi", (1000, 2000)),
    (PositiveUnitball(), "oi", (0, 3)),
]


@pytest.mark.parametrize(("law", "axes", "shape"), UNITBALLS, ids=str)
def test_a_unit_ball_is_that_of_numpy(law: PositiveUnitball, axes: str, shape: tuple[int, ...]):
    """A million numbers are summed in binary64 here as well: in binary32 the sum would be off by 1e-6 or stand still."""
    np.testing.assert_allclose(draw(KEY, law, shape, axes), stream.draw(KEY, law, shape, axes), rtol=3e-7)


def test_a_unit_ball_on_several_devices():
    mesh = jax.make_mesh((2, 4), ("x", "y"), (jax.sharding.AxisType.Auto,) * 2)
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x", "y"))
    for law, axes, shape in ((PositiveUnitball(), "oi", (8, 40)), (Bilinear(0.5), "kk", (8, 8))):
        values = jax.jit(lambda law=law, axes=axes, shape=shape: draw(KEY, law, shape, axes), out_shardings=sharding)()
        assert values.sharding == sharding
        np.testing.assert_allclose(values, stream.draw(KEY, law, shape, axes), rtol=3e-7)


@pytest.mark.parametrize("law", [PositiveUnitball(), Bilinear(0.3)], ids=str)
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_narrow_dtypes_are_rounded_once(law: Distribution, dtype: type):
    wide = draw(KEY, law, (2, 3, 5, 5), "oikk")
    assert np.array_equal(draw(KEY, law, (2, 3, 5, 5), "oikk", dtype), np.asarray(wide).astype(dtype))


@pytest.mark.parametrize(("width", "gain"), [(1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, -2.0), (9, 0.3)])
def test_a_bilinear_kernel_is_that_of_numpy(width: int, gain: float):
    law, shape = Bilinear(gain), (2, 3, width, width)
    np.testing.assert_allclose(draw(KEY, law, shape, "oikk"), stream.draw(KEY, law, shape, "oikk"), rtol=2e-7)
    if gain != 0.3:  # a power of two rounds nothing
        assert np.array_equal(draw(KEY, law, shape, "oikk"), stream.draw(KEY, law, shape, "oikk"))


def test_identity_far_from_its_diagonal():
    """Differences of indices that 32 bits cannot hold are no diagonal, though they wrap to one."""
    shape = (2**33, 2**30)
    far = draw(KEY, Identity(), shape, "oi", box=((2**32, 2**32 + 3), (0, 3)))
    near = draw(KEY, Identity(), shape, "oi", box=((2**29 + 1, 2**29 + 4), (2**29, 2**29 + 3)))
    assert not np.asarray(far).any()
    assert np.array_equal(near, np.eye(3, k=1))
