"""The laws of Caffe's fillers: sparse normals bit by bit, unit balls and bilinear kernels by their formulas."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import glorot.stream.matrix
from glorot.arrays import filled
from glorot.distributions import Bilinear, Distribution, Normal, PositiveUnitball, SparseNormal, Uniform
from glorot.errors import GlorotError
from glorot.inventory import View
from glorot.inventory.layouts import laid_out
from glorot.plans import STREAM, VERSION, Assignment, Plan, PlanEntry
from glorot.stream import Key, draw, fill, kernels, key_of
from glorot.stream.elements import BFLOAT16
from glorot.stream.matrix import fill_unitball

KEY = key_of(1, "w")
LIMIT = 4.5  # standard errors: one chance in 150,000
CASES: list[tuple[Distribution, str, tuple[int, ...]]] = [
    (SparseNormal(0.1, 0.5, 0.3), "oik", (5, 7, 3)),
    (SparseNormal(0, 1, 1), "oi", (9, 6)),
    (PositiveUnitball(), "oikk", (4, 3, 2, 5)),
    (PositiveUnitball("bi", 2.0), "boik", (2, 4, 3, 5)),
    (PositiveUnitball("b"), "bo", (6, 4)),
    (PositiveUnitball(""), "oi", (6, 4)),
    (PositiveUnitball("k", -1.5), "okik", (3, 4, 2, 2)),
    (Bilinear(), "oikk", (3, 2, 5, 5)),
    (Bilinear(0.3), "kobk", (4, 3, 2, 4)),
]
each_case = pytest.mark.parametrize(("law", "axes", "shape"), CASES, ids=str)


def word_of(key: Key, index: int, r: int) -> int:
    """Return a word of an element by Philox4x32-10 in whole numbers, as the specification writes it."""
    block = index // 4
    counter, (k0, k1) = [block % 2**32, block // 2**32, r, 0], key
    for _ in range(10):
        first, second = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [second >> 32 ^ counter[1] ^ k0, second % 2**32, first >> 32 ^ counter[3] ^ k1, first % 2**32]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return counter[index % 4]


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize("first", [0, 1001, 2**34 - 7])
def test_the_second_word_says_what_a_sparse_normal_keeps(first: int, kernel: str):
    density, count = 0.3, 40
    law, box = SparseNormal(0.25, 2.0, density), ((first, first + count),)
    sparse, dense = np.full((2, count), np.nan, np.float32)
    with kernels.using(kernel):
        fill(sparse, KEY, law, (2**40,), box)
        fill(dense, KEY, Normal(0.25, 2.0), (2**40,), box)
    kept = np.array([word_of(KEY, index, 1) < math.floor(density * 2**32) for index in range(first, first + count)])
    assert 0 < kept.sum() < count
    assert np.array_equal(sparse.view(np.uint32), np.where(kept, dense, np.float32(0)).view(np.uint32))


def test_the_density_decides_at_one_word():
    word = word_of(KEY, 5, 1)
    dense = draw(KEY, Normal(), (6,))[5]
    assert draw(KEY, SparseNormal(0, 1, word / 2**32), (6,))[5] == 0
    assert draw(KEY, SparseNormal(0, 1, (word + 1) / 2**32), (6,))[5] == dense


def test_a_density_of_one_keeps_all_and_of_zero_none():
    assert np.array_equal(draw(KEY, SparseNormal(0, 1, 1), (999,)), draw(KEY, Normal(), (999,)))
    nothing = draw(KEY, SparseNormal(-3, 1, 0), (999,))
    assert not nothing.view(np.uint32).any()  # nor the sign of a zero


def test_a_sparse_normal_has_its_moments_and_its_law():
    law = SparseNormal(0, 1, 15 / 1000)
    values = draw(KEY, law, (1000, 784)).astype(np.float64)
    kept = values != 0
    assert abs(kept.mean() - law.density) <= LIMIT * math.sqrt(law.density * (1 - law.density) / values.size)
    assert values.std() == pytest.approx(law.std, rel=LIMIT * math.sqrt(3 / law.density / values.size) / 2)
    assert stats.kstest(values[kept], stats.norm.cdf).pvalue > 1e-4
    assert not stats.kstest(0.9 * values[kept], stats.norm.cdf).pvalue > 1e-4  # the test can fail


def test_what_is_kept_tells_nothing_of_the_values_or_of_its_neighbours():
    kept = draw(KEY, SparseNormal(0, 1, 0.5), (400_000,)) != 0
    values = draw(KEY, Normal(), kept.shape).astype(np.float64)
    assert abs(np.corrcoef(kept, values)[0, 1]) < LIMIT / math.sqrt(kept.size)
    assert abs(np.corrcoef(kept, np.abs(values))[0, 1]) < LIMIT / math.sqrt(kept.size)
    for lag in range(1, 9):
        assert abs(np.corrcoef(kept[lag:], kept[:-lag])[0, 1]) < LIMIT / math.sqrt(kept.size)
    other = draw(key_of(2, "w"), SparseNormal(0, 1, 0.5), kept.shape) != 0
    assert abs(np.corrcoef(kept, other)[0, 1]) < LIMIT / math.sqrt(kept.size)


@pytest.mark.parametrize("threads", [1, 3])
def test_large_and_strided_parts_are_thinned_alike(threads: int):
    law, memory = SparseNormal(0, 1, 0.2), np.full((700, 2, 900), 7, np.float32)
    out = memory[:, 1].T[::-1]
    fill(out, KEY, law, out.shape, threads=threads)
    assert np.array_equal(out, draw(KEY, law, out.shape))
    assert (memory[:, 0] == 7).all()


@each_case
def test_other_dtypes_are_the_cast_of_float32(law: Distribution, axes: str, shape: tuple[int, ...]):
    expected = draw(KEY, law, shape, axes)
    for dtype in (np.float16, np.float64):
        assert np.array_equal(draw(KEY, law, shape, axes, dtype), expected.astype(dtype))
    bits = expected.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1) >> 16).astype(np.uint16)
    assert np.array_equal(draw(KEY, law, shape, axes, BFLOAT16).view(np.uint16), rounded)


@given(st.sampled_from(CASES), st.data())
def test_a_box_equals_the_slice_of_the_whole(case, data: st.DataObject):
    law, axes, shape = case
    ends = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    out = np.full([hi - lo for lo, hi in ends], np.nan, np.float32)
    fill(out, KEY, law, shape, ends, axes)
    assert np.array_equal(out, draw(KEY, law, shape, axes)[tuple(slice(lo, hi) for lo, hi in ends)])


@given(st.sampled_from(CASES), st.data())
def test_shards_make_up_the_whole(case, data: st.DataObject):
    law, axes, shape = case
    axis = data.draw(st.sampled_from(range(len(shape))))
    cuts = sorted({0, shape[axis], *data.draw(st.lists(st.integers(0, shape[axis]), max_size=3))})
    whole = tuple((0, n) for n in shape)
    shards = []
    for start, stop in itertools.pairwise(cuts):
        shard = np.empty([stop - start if n == axis else extent for n, extent in enumerate(shape)], np.float32)
        fill(shard, KEY, law, shape, (*whole[:axis], (start, stop), *whole[axis + 1 :]), axes)
        shards.append(shard)
    assert np.array_equal(np.concatenate(shards, axis), draw(KEY, law, shape, axes))


SLICES = [  # law, axes, the axes that a slice runs over
    (PositiveUnitball(), "oikk", (1, 2, 3)),
    (PositiveUnitball(), "boik", (2, 3)),
    (PositiveUnitball("bi"), "oikk", (0, 2, 3)),
    (PositiveUnitball("b"), "bo", (1,)),
    (PositiveUnitball(""), "oi", (0, 1)),
]


@pytest.mark.parametrize(("law", "axes", "along"), SLICES, ids=str)
def test_each_slice_of_a_unit_ball_is_uniform_numbers_over_their_sum(
    law: PositiveUnitball, axes: str, along: tuple[int, ...]
):
    shape = (6, 5, 4, 3)[: len(axes)]
    values = draw(KEY, law, shape, axes)
    uniforms = draw(KEY, Uniform(0, 1), shape).astype(np.float64)
    expected = (uniforms / uniforms.sum(along, keepdims=True)).astype(np.float32)
    np.testing.assert_allclose(values, expected, rtol=1.2e-7)
    np.testing.assert_allclose(values.sum(along, dtype=np.float64), 1, atol=1e-6)
    assert values.min() >= 0


def test_the_sums_of_large_slices_are_one():
    values = draw(KEY, PositiveUnitball(), (3, 2_000_000), "oi")
    np.testing.assert_allclose(values.sum(1, dtype=np.float64), 1, atol=1e-6)


def test_a_slice_of_one_element_is_one():
    assert (draw(KEY, PositiveUnitball(), (50,), "o") == 1).all()
    assert (draw(KEY, PositiveUnitball("boi", 2.0), (5, 4), "oi") == 2).all()


def test_a_slice_of_zeros_is_one_of_equal_numbers():
    """A uniform number is 0 once in 2²⁶ times; a bias of one element a slice would then be 0/0."""
    out = np.empty((3, 2), np.float32)
    uniforms = np.array([[0, 0], [0, 1], [1, 3]], np.float32)
    fill_unitball(
        out, 2.0, "bo", "oi", (3, 2), ((0, 3), (0, 2)), fill_uniforms=lambda part, _: np.copyto(part, uniforms)
    )
    assert out.tolist() == [[1, 1], [0, 2], [0.5, 1.5]]


def test_slices_are_the_same_in_any_company(monkeypatch: pytest.MonkeyPatch):
    together = draw(KEY, PositiveUnitball("bi"), (9, 5, 4), "oik")
    monkeypatch.setattr(glorot.stream.matrix, "SCRATCH", 1)
    assert np.array_equal(draw(KEY, PositiveUnitball("bi"), (9, 5, 4), "oik"), together)


TENTS = {1: [1], 2: [0.5, 0.5], 3: [0.5, 1, 0.5], 4: [0.25, 0.75, 0.75, 0.25]}
TENTS[5] = [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]


@pytest.mark.parametrize("width", TENTS)
def test_bilinear_kernels_by_hand(width: int):
    kernel = draw(KEY, Bilinear(), (2, 3, width, width), "oikk")
    expected = np.outer(TENTS[width], TENTS[width]).astype(np.float32)
    np.testing.assert_allclose(kernel, np.broadcast_to(expected, kernel.shape), rtol=6e-8)


@pytest.mark.parametrize("width", [*range(1, 12), 64])
@pytest.mark.parametrize("gain", [1.0, -0.3])
def test_bilinear_kernels_by_the_formula(width: int, gain: float):
    f = math.ceil(width / 2)
    c = (width - 1) / (2 * f)
    expected = [[gain * ((1 - abs(x / f - c)) * (1 - abs(y / f - c))) for y in range(width)] for x in range(width)]
    kernel = draw(KEY, Bilinear(gain), (width, 2, width), "kik")
    np.testing.assert_allclose(kernel[:, 1], np.array(expected, np.float32), rtol=1.2e-7)
    assert (
        kernel[:, 0].tobytes()
        == kernel[:, 1].tobytes()
        == draw(key_of(9, ""), Bilinear(gain), (width, width), "kk").tobytes()
    )


def test_a_large_kernel_is_made_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch):
    at_once = draw(KEY, Bilinear(0.3), (700, 2, 700), "kok")
    monkeypatch.setattr(glorot.stream.matrix, "SCRATCH", 2**13)
    out = np.empty((700, 2, 700), np.float32)
    tracemalloc.start()
    fill(out, KEY, Bilinear(0.3), out.shape, axes="kok")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(out, at_once)
    assert peak < out.nbytes / 8


@pytest.mark.parametrize(
    ("shape", "axes"), [((3, 4), "kk"), ((4, 4), "oi"), ((4, 4), "ok"), ((4, 4, 4), "kkk"), ((2, 3, 4, 5), "oikk")]
)
def test_a_kernel_that_is_not_square_is_refused(shape: tuple[int, ...], axes: str):
    words = "Bilinear fills square kernels: it needs exactly two axes labelled 'k', of one length; got the shape"
    with pytest.raises(GlorotError, match=words):
        draw(KEY, Bilinear(), shape, axes)


@pytest.mark.parametrize("law", [PositiveUnitball(), Bilinear()], ids=lambda law: law.law)
@pytest.mark.parametrize("axes", [None, "", "ok?", "k"])
def test_axes_are_needed(law: Distribution, axes: str | None):
    with pytest.raises(GlorotError, match=f"{type(law).__name__} needs axes: one letter of b .* for each axis"):
        draw(KEY, law, (3, 3), axes)


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (
            SparseNormal(0, 1e5, 0.1),
            "sigma=100000.0, density=0.1.* reaches 650000, but float16 holds at most 65504",
        ),
        (PositiveUnitball(gain=1e5), "reaches 100000"),
        (Bilinear(-1e5), "reaches 100000"),
    ],
)
def test_what_a_dtype_cannot_hold_is_refused(law: Distribution, words: str):
    out = np.full((2, 2), 7, np.float16)
    with pytest.raises(GlorotError, match=words):
        fill(out, KEY, law, (2, 2), axes="kk")
    assert (out == 7).all()


@pytest.mark.parametrize(
    "law", [SparseNormal(0, 1, 0.4), PositiveUnitball(), PositiveUnitball("bi"), Bilinear()], ids=str
)
def test_a_stored_tensor_holds_the_part_through_its_view(law: Distribution):
    """As Keras stores a transposed convolution in two groups of outputs: (k, k, b·o, i), turned round."""
    part = laid_out("k k (b o) i", (4, 4, 6, 3), "kernel", "Conv2DTranspose", None, flip=True, b=2)
    stored = filled((4, 4, 6, 3), [Assignment(part, law, KEY)])
    drawn = draw(KEY, law, part.shape, part.axes)
    assert part.axes == "boikk"
    assert isinstance(part.view, View)
    restored = stored.reshape(4, 4, 2, 3, 3).transpose(2, 3, 4, 0, 1)[..., ::-1, ::-1]
    assert np.array_equal(restored, drawn)


def entry(law: Distribution, shape: tuple[int, ...], axes: str) -> PlanEntry:
    return PlanEntry("w", axes, shape, "kernel", None, "identity", "identity", 1, law, "some", "a test")


@each_case
def test_a_plan_keeps_the_law(law: Distribution, axes: str, shape: tuple[int, ...], tmp_path):
    plan = Plan(VERSION, STREAM, "caffe", (entry(law, shape, axes),))
    assert Plan.load(plan.save(tmp_path / "plan.json")) == plan


@pytest.mark.parametrize(
    ("law", "axes", "words"),
    [
        (PositiveUnitball(), "", "is damaged at entry 0 .*: PositiveUnitball needs axes"),
        (Bilinear(), "oi", "is damaged at entry 0 .*: Bilinear fills square kernels"),
    ],
)
def test_a_plan_with_a_law_that_does_not_fit_is_refused(law: Distribution, axes: str, words: str, tmp_path):
    plan = Plan(VERSION, STREAM, "caffe", (entry(law, (3, 4), axes),))
    with pytest.raises(GlorotError, match=words):
        Plan.load(plan.save(tmp_path / "plan.json"))
