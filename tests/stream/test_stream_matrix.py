"""The whole-matrix laws: orthogonal and identity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from glorot.distributions import Identity, Orthogonal
from glorot.stream import draw, fill, key_of

KEY = key_of(1, "w")
LAYOUTS = [
    ("oi", (5, 5)),
    ("oi", (8, 3)),
    ("oi", (3, 8)),
    ("io", (3, 8)),
    ("oikk", (6, 4, 3, 3)),
    ("oikk", (40, 2, 2, 3)),
    ("boi", (3, 4, 6)),
    ("boikk", (2, 4, 3, 2, 2)),
    ("oib", (4, 6, 3)),
    ("bo", (4, 7)),
    ("o", (7,)),
    ("oi", (1, 1)),
]


def matrices(part: np.ndarray, axes: str) -> np.ndarray:
    """Return a stack of out × everything summed over, in float64."""
    part = part.astype(np.float64)
    batches = [n for n, letter in zip(part.shape, axes, strict=True) if letter == "b"]
    order = [axes.index(letter) for letter in "bo" if letter in axes]
    rest = [axis for axis in range(len(axes)) if axis not in order]
    return part.transpose(order + rest).reshape(math.prod(batches), part.shape[axes.index("o")], -1)


@pytest.mark.parametrize(("axes", "shape"), LAYOUTS)
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_each_matrix_is_orthogonal(axes: str, shape: tuple[int, ...], gain: float):
    for matrix in matrices(draw(KEY, Orthogonal(gain), shape, axes), axes):
        tall = matrix if len(matrix) >= matrix.shape[1] else matrix.T
        np.testing.assert_allclose(tall.T @ tall, gain**2 * np.eye(tall.shape[1]), atol=1e-5)


def test_batches_are_independent_matrices():
    first, second = draw(KEY, Orthogonal(), (2, 8, 8), "boi")
    assert np.abs(first - second).max() > 0.1


@given(st.sampled_from(LAYOUTS), st.data())
def test_a_box_equals_the_slice_of_the_whole(layout: tuple[str, tuple[int, ...]], data: st.DataObject):
    axes, shape = layout
    ends = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    cut = tuple(slice(lo, hi) for lo, hi in ends)
    laws = [Orthogonal(1.5), Identity(0.5)] if "i" in axes else [Orthogonal(1.5)]
    for law in laws:
        out = np.full([hi - lo for lo, hi in ends], np.nan, np.float32)
        fill(out, KEY, law, shape, ends, axes)
        assert np.array_equal(out, draw(KEY, law, shape, axes)[cut])


def test_a_matrix_depends_on_its_own_batch_index_alone():
    many = np.empty((1, 4, 4), np.float32)
    fill(many, KEY, Orthogonal(), (10**9, 4, 4), ((2, 3), (0, 4), (0, 4)), "boi")
    assert np.array_equal(many[0], draw(KEY, Orthogonal(), (3, 4, 4), "boi")[2])


def test_orthogonal_matrices_are_haar_distributed():
    """The law must not prefer a sign or a direction: QR without the sign fix fails both."""
    size, count = 4, 3000
    q = draw(KEY, Orthogonal(), (count, size, size), "boi").astype(np.float64)
    # A coordinate of a uniform point on the sphere in n dimensions: (1 + x)/2 ~ Beta((n-1)/2, (n-1)/2).
    law = stats.beta((size - 1) / 2, (size - 1) / 2)
    for row, column in ((0, 0), (3, 1), (3, 3)):
        assert stats.kstest((1 + q[:, row, column]) / 2, law.cdf).pvalue > 1e-4
    traces = np.trace(q, axis1=1, axis2=2)
    assert abs(traces.mean()) < 4.5 / math.sqrt(count)
    assert traces.var() == pytest.approx(1, abs=4.5 * math.sqrt(2 / count))
    assert abs(np.linalg.det(q).mean()) < 4.5 / math.sqrt(count)


def test_identity():
    assert np.array_equal(draw(KEY, Identity(2.0), (3, 4), "oi"), 2 * np.eye(3, 4))
    assert np.array_equal(draw(KEY, Identity(), (4, 3), "io"), np.eye(4, 3))


def test_identity_sits_at_the_centre_of_a_kernel_for_each_batch():
    part = draw(KEY, Identity(), (2, 3, 3, 5, 4), "boikk")
    assert np.array_equal(part[:, :, :, 2, 2], np.stack([np.eye(3)] * 2))
    assert part.sum() == 6
