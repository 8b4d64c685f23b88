"""The whole-matrix laws on JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glorot import stream
from glorot.distributions import Identity, Orthogonal
from glorot.jax import draw
from glorot.stream import key_of

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


@pytest.mark.parametrize("law", [Orthogonal(2.0), Identity(2.0)], ids=lambda law: law.law)
def test_a_box_in_another_order(law: Orthogonal | Identity):
    shape, box, order = (2, 4, 5, 3), ((1, 2), (1, 4), (0, 4), (1, 3)), (3, 1, 0, 2)
    whole = draw(KEY, law, shape, "boik")
    part = jax.jit(lambda: draw(KEY, law, shape, "boik", box=box, order=order))()
    expected = np.asarray(whole)[1:2, 1:4, 0:4, 1:3].transpose(order)
    np.testing.assert_allclose(part, expected, atol=0 if isinstance(law, Identity) else 1e-6)


def test_identity_far_from_its_diagonal():
    """Differences of indices that 32 bits cannot hold are no diagonal, though they wrap to one."""
    shape = (2**33, 2**30)
    far = draw(KEY, Identity(), shape, "oi", box=((2**32, 2**32 + 3), (0, 3)))
    near = draw(KEY, Identity(), shape, "oi", box=((2**29 + 1, 2**29 + 4), (2**29, 2**29 + 3)))
    assert not np.asarray(far).any()
    assert np.array_equal(near, np.eye(3, k=1))
