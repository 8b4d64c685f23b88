"""The whole-matrix laws: orthogonal and identity."""

import math
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import glorot.stream.matrix
from glorot.distributions import Identity, Orthogonal
from glorot.stream import draw, fill, key_of
from glorot.stream.reflections import SMALL, haar

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
        assert gaps(matrix / gain).max() <= 1e-6


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


def gaps(matrix: np.ndarray) -> np.ndarray:
    """Return |QᵀQ - I| of the longer side's way round, in float64."""
    tall = matrix if len(matrix) >= matrix.shape[1] else matrix.T
    return np.abs(tall.T @ tall - np.eye(tall.shape[1]))


@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 2**32 - 1))
def test_matrices_of_every_shape_are_orthogonal_in_both_norms(rows: int, columns: int, seed: int):
    gap = gaps(draw(key_of(seed, "w"), Orthogonal(), (rows, columns), "oi").astype(np.float64))
    assert gap.max() <= 3e-7
    assert gap.sum(axis=1).max() <= 2e-6


@pytest.mark.parametrize("shape", [(2048, 2048), (1500, 600), (600, 1500)])
def test_large_matrices_are_as_orthogonal_as_those_of_pytorch(shape: tuple[int, int]):
    """In the largest entry, and in the row sums, which grow with the side: see benchmarks/results/orthogonal.txt."""
    torch = pytest.importorskip("torch")
    gap = gaps(draw(KEY, Orthogonal(), shape, "oi").astype(np.float64))
    theirs = gaps(torch.nn.init.orthogonal_(torch.empty(shape)).double().numpy())
    assert gap.max() <= min(5e-7, theirs.max())
    assert gap.sum(axis=1).max() <= 1.5 * theirs.sum(axis=1).max()


def test_a_triangle_in_float32_would_leave_larger_gaps():
    """The tests above can fail."""
    normals = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    in_float32 = SimpleNamespace(**{**vars(np), "float64": np.float32})
    in_both, in_one = (gaps(haar(normals, xp).astype(np.float64)).max() for xp in (np, in_float32))
    assert in_both <= 5e-7
    assert 3 * in_both < in_one <= 1e-5


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (1, 7), (5, 5), (40, 33), (33, 40), (3, 20, 20), (700, 600)])
def test_reflections_equal_the_product_written_out(shape: tuple[int, ...]):
    normals = np.random.default_rng(0).standard_normal(shape)
    expected = np.stack([product_of_reflections(one) for one in normals.reshape(-1, *shape[-2:])])
    np.testing.assert_allclose(haar(normals), expected.reshape(shape), atol=1e-13)


def product_of_reflections(normals: np.ndarray) -> np.ndarray:
    """Return H_1 … H_k D column by column, as the formula says it."""
    if len(normals) < normals.shape[1]:
        return product_of_reflections(normals.T).T
    q = np.zeros(normals.shape)
    for j in reversed(range(normals.shape[1])):
        x = normals[j:, j]
        sign = math.copysign(1, x[0])
        v = x + sign * np.linalg.norm(x) * np.eye(len(x))[0]
        q[j, j] = -sign
        q[j:] -= np.outer(2 * v / (v @ v), v @ q[j:])
    return q


def test_the_first_column_is_the_first_column_of_normals_scaled():
    """The rest is uniform in what it leaves; so every column is, and the sign of none is preferred."""
    normals = np.random.default_rng(0).standard_normal((9, 4))
    first = haar(normals)[:, 0]
    np.testing.assert_allclose(first, normals[:, 0] / np.linalg.norm(normals[:, 0]), atol=1e-15)


@pytest.mark.parametrize("shape", [(6, 6), (300, 300), (30, 10), (10, 30), (4, 20, 20)])
def test_torch_tensors_get_the_same_matrices(shape: tuple[int, ...]):
    torch = pytest.importorskip("torch")
    normals = np.random.default_rng(0).standard_normal(shape, np.float32)
    found = haar(torch.from_numpy(normals), torch)
    assert isinstance(found, torch.Tensor)
    is_small = math.prod(shape[-2:]) <= SMALL
    assert found.dtype == (torch.float64 if is_small else torch.float32)
    np.testing.assert_allclose(found.numpy(), haar(normals), atol=1e-12 if is_small else 1e-6)


def test_small_changes_of_the_normals_stay_small():
    """What lets backends agree to 1e-5; the QR of such matrices moves 5 to 20 times as much."""
    rng = np.random.default_rng(0)
    normals = rng.standard_normal((400, 400))
    moved = normals * (1 + 1e-7 * rng.standard_normal(normals.shape))
    assert np.abs(haar(moved) - haar(normals)).max() < 1.5e-7


@pytest.mark.parametrize(("axes", "shape"), [("boi", (9, 5, 4)), ("oib", (5, 4, 9)), ("bobi", (3, 5, 4, 4))])
def test_matrices_are_the_same_in_any_company(axes: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
    together = draw(KEY, Orthogonal(), shape, axes)
    monkeypatch.setattr(glorot.stream.matrix, "SCRATCH", 1)
    assert np.array_equal(draw(KEY, Orthogonal(), shape, axes), together)


def test_memory_is_three_copies_of_the_matrix_beside_the_result():
    size = 1500
    out = np.empty((size, size), np.float32)
    tracemalloc.start()
    fill(out, KEY, Orthogonal(), out.shape, axes="oi")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * 8 * size**2


COUNT = 20_000
LIMIT = 4.5  # standard errors: one chance in 150,000
LEAST_P = 1e-4


@pytest.fixture(scope="module", params=[1, 2, 3, 5])
def sample(request: pytest.FixtureRequest) -> np.ndarray:
    size = request.param
    return draw(KEY, Orthogonal(), (COUNT, size, size), "boi").astype(np.float64)


def assert_mean(values: np.ndarray, expected: float):
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - expected) <= LIMIT * error, (values.mean(), expected, error)


def is_uniform(values: np.ndarray, scale: float = 1.0) -> bool:
    return stats.kstest(values, stats.uniform(0, scale).cdf).pvalue > LEAST_P


def assert_point_of_the_sphere(entries: np.ndarray, size: int):
    """A coordinate x of a uniform point in n dimensions: (1 + x)/2 ~ Beta((n-1)/2, (n-1)/2), and ±1 for n = 1."""
    if size == 1:
        assert set(np.unique(entries)) == {-1.0, 1.0}
        assert_mean(entries, 0)
    else:
        law = stats.beta((size - 1) / 2, (size - 1) / 2)
        assert stats.kstest((1 + entries) / 2, law.cdf).pvalue > LEAST_P


def test_each_entry_has_the_law_of_a_coordinate_on_the_sphere(sample: np.ndarray):
    size = sample.shape[1]
    for row in range(size):
        for column in range(size):
            assert_point_of_the_sphere(sample[:, row, column], size)


def test_fixed_rotations_from_either_side_leave_the_law(sample: np.ndarray):
    size = sample.shape[1]
    fixed = np.linalg.qr(np.random.default_rng(1).standard_normal((size, size)))[0]
    for moved in (fixed @ sample, sample @ fixed, fixed @ sample @ fixed):
        assert_point_of_the_sphere(moved[:, 0, 0], size)
        assert_point_of_the_sphere(moved[:, -1, 0], size)
        assert_point_of_the_sphere(moved[:, -1, -1], size)


def test_traces_have_the_moments_of_the_orthogonal_group(sample: np.ndarray):
    """Diaconis and Shahshahani (1994): tr Qᵏ ~ N([k even], k) up to the moments that n sees; E det = 0."""
    size = sample.shape[1]
    trace = np.trace(sample, axis1=1, axis2=2)
    square = np.trace(sample @ sample, axis1=1, axis2=2)
    assert_mean(trace, 0)
    assert_mean(trace**2, 1)
    assert_mean(square, 1)
    if size >= 2:
        assert_mean(trace**4, 3)
        assert_mean(square**2, 3)
    assert_mean(np.linalg.det(sample), 0)
    assert_mean(np.linalg.det(sample) * trace, 1 if size == 1 else 0)


def test_two_by_two_matrices_are_a_uniform_angle_and_a_fair_coin():
    q = draw(KEY, Orthogonal(), (COUNT, 2, 2), "boi").astype(np.float64)
    is_rotation = np.linalg.det(q) > 0
    assert_mean(is_rotation.astype(float), 0.5)
    for part in (q[is_rotation], q[~is_rotation]):
        assert is_uniform(np.arctan2(part[:, 1, 0], part[:, 0, 0]) % math.tau, math.tau)


def test_rotations_of_space_turn_by_an_angle_of_density_1_minus_cos():
    q = draw(KEY, Orthogonal(), (COUNT, 3, 3), "boi").astype(np.float64)
    q *= np.linalg.det(q).round()[:, None, None]
    angle = np.arccos(np.clip((np.trace(q, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert is_uniform((angle - np.sin(angle)) / math.pi)


def test_angles_of_eigenvalues_are_uniform_and_repel():
    """Every wave of the angles, tr Qᵏ, has mean [k even] and variance k; that of independent angles would be 10."""
    q = draw(KEY, Orthogonal(), (2000, 20, 20), "boi").astype(np.float64)
    values = np.linalg.eigvals(q)
    np.testing.assert_allclose(np.abs(values), 1, atol=1e-5)
    for k in range(1, 6):
        wave = np.cos(k * np.angle(values)).sum(axis=1)
        assert_mean(wave, k % 2 == 0)
        assert_mean((wave - (k % 2 == 0)) ** 2, k)


@pytest.mark.parametrize("shape", [(6, 2), (2, 6)])
def test_semi_orthogonal_matrices_are_the_columns_or_rows_of_haar_matrices(shape: tuple[int, int]):
    q = draw(KEY, Orthogonal(), (COUNT, *shape), "boi").astype(np.float64)
    for row in range(shape[0]):
        for column in range(shape[1]):
            assert_point_of_the_sphere(q[:, row, column], 6)
    first, second = (q[:, :, 0], q[:, :, 1]) if shape[0] == 6 else (q[:, 0], q[:, 1])
    for sum_of_columns in ((first + second) / math.sqrt(2), (0.6 * first - 0.8 * second)):
        assert_point_of_the_sphere(sum_of_columns[:, 3], 6)
    # E q₁₁² q₂₂² = (n + 1)/((n - 1) n (n + 2)) of two orthogonal columns, not the 1/(n (n + 2)) of one.
    assert_mean(first[:, 0] ** 2 * second[:, 1] ** 2, 7 / (5 * 6 * 8))


def test_identity():
    assert np.array_equal(draw(KEY, Identity(2.0), (3, 4), "oi"), 2 * np.eye(3, 4))
    assert np.array_equal(draw(KEY, Identity(), (4, 3), "io"), np.eye(4, 3))


def test_identity_sits_at_the_centre_of_a_kernel_for_each_batch():
    part = draw(KEY, Identity(), (2, 3, 3, 5, 4), "boikk")
    assert np.array_equal(part[:, :, :, 2, 2], np.stack([np.eye(3)] * 2))
    assert part.sum() == 6
