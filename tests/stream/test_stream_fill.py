"""What `fill` writes where, and what it refuses."""

import tracemalloc
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glorot import GlorotError
from glorot.distributions import (
    Constant,
    Distribution,
    Identity,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
)
from glorot.stream import Key, draw, fill, key_of, reference

KEY = key_of(0, "layers.0.weight")
ELEMENTWISE = [Constant(0.5), Uniform(-0.1, 0.3), Normal(std=0.02), TruncatedNormal(0, 1, -2, 2)]


@st.composite
def boxes(draw_from: st.DrawFn) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    shape = tuple(draw_from(st.lists(st.integers(0, 9), max_size=4)))
    ends = [sorted(draw_from(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return shape, tuple((lo, hi) for lo, hi in ends)


def slices(box: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple(slice(lo, hi) for lo, hi in box)


@given(boxes(), st.sampled_from(ELEMENTWISE), st.integers(1, 40))
def test_a_box_equals_the_slice_of_the_whole_for_any_tile_size(drawn, law: Distribution, tile: int):
    shape, box = drawn
    whole = draw(KEY, law, shape)
    out = np.full(tuple(hi - lo for lo, hi in box), np.nan, np.float32)
    with mock.patch.object(reference, "TILE", tile):
        fill(out, KEY, law, shape, box)
    assert np.array_equal(out, whole[slices(box)])


@pytest.mark.parametrize("law", ELEMENTWISE, ids=lambda law: law.law)
def test_large_boxes_cross_tiles(law: Distribution):
    shape, box = (70, 3000), ((3, 64), (11, 2900))
    out = np.empty((61, 2889), np.float32)
    fill(out, KEY, law, shape, box)
    assert np.array_equal(out, draw(KEY, law, shape)[slices(box)])


@given(boxes(), st.permutations(range(4)), st.lists(st.sampled_from([-2, -1, 1, 3]), min_size=4, max_size=4))
def test_any_strides_and_orders_hold_the_same_values(drawn, order: list[int], steps: list[int]):
    shape, _ = drawn
    order = [axis for axis in order if axis < len(shape)]
    memory = np.empty([4 * shape[axis] for axis in order], np.float32)
    view = memory.transpose(np.argsort(order))
    out = view[(*(slice(None, None, step) for step in steps[: len(shape)]), ...)]
    out = out[(*(slice(n) for n in shape), ...)]
    fill(out, KEY, Normal(), shape)
    assert np.array_equal(out, draw(KEY, Normal(), shape))


def test_elements_beside_a_strided_view_stay_untouched():
    memory = np.full((10, 10), 7, np.float32)
    fill(memory[::2, 1::3], KEY, Normal(), (5, 3))
    memory[::2, 1::3] = 7
    assert (memory == 7).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("law", [*ELEMENTWISE, Orthogonal(2.0), Identity(0.3)], ids=lambda law: type(law).__name__)
def test_other_dtypes_are_the_cast_of_float32(law: Distribution, dtype: type):
    value = draw(KEY, law, (64, 48), axes="oi", dtype=dtype)
    assert value.dtype == dtype
    assert np.array_equal(value, draw(KEY, law, (64, 48), axes="oi").astype(dtype))


def test_scratch_memory_is_bounded():
    out = np.empty((2048, 1024), np.float32)
    tracemalloc.start()
    fill(out, KEY, TruncatedNormal(0, 1, -2, 2), (2048, 2048), ((0, 2048), (512, 1536)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < out.nbytes


def test_the_whole_is_one_run_of_the_stream():
    assert np.array_equal(draw(KEY, Normal(), (6, 7)).ravel(), draw(KEY, Normal(), (42,)))


def test_a_scalar_and_an_empty_part():
    assert draw(KEY, Normal(), ()) == draw(KEY, Normal(), (1,))[0]
    assert draw(KEY, Normal(), (3, 0)).shape == (3, 0)
    assert draw(KEY, Orthogonal(), (0, 3), axes="oi").shape == (0, 3)


def test_indices_beyond_32_bits():
    """The box at the end of 2^37 elements equals the same elements drawn as a run, and no early element."""
    shape, out, run = (2**20, 2**17), np.empty((2, 5), np.float32), np.empty(5, np.float32)
    fill(out, KEY, Normal(), shape, ((2**20 - 2, 2**20), (2**17 - 5, 2**17)))
    for row, end in zip(out, (2**37 - 2**17, 2**37), strict=True):
        fill(run, KEY, Normal(), (2**60,), ((end - 5, end),))
        assert np.array_equal(row, run)
    assert not np.array_equal(out[1], draw(KEY, Normal(), (2**17,))[-5:])


def test_the_upper_counter_word_changes_the_values():
    """Element 4·2³² belongs to block 2³², whose lower counter word is that of block 0."""
    out = np.empty(4, np.float32)
    fill(out, KEY, Normal(), (2**63,), ((2**34, 2**34 + 4),))
    assert not np.array_equal(out, draw(KEY, Normal(), (4,)))
    fill(out, KEY, Normal(), (2**64 - 1,), ((2**64 - 5, 2**64 - 1),))
    assert np.isfinite(out).all()


def test_integers_of_numpy_are_integers():
    assert key_of(np.uint64(7), "w") == key_of(7, "w")
    same = draw(Key(np.uint32(KEY.k0), np.uint32(KEY.k1)), Normal(), (np.int64(3),))
    assert np.array_equal(same, draw(KEY, Normal(), (3,)))


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (None, r"seed must be a whole number with 0 <= seed < 2\*\*64, got None; choose one, as in seed=0"),
        (True, r"got True \(bool\); pass an int, as in seed=0"),
        (np.True_, r"got np.True_ \(bool\); pass an int"),
        (1.0, r"got 1.0 \(float\); pass an int"),
        ("7", r"got '7' \(str\); pass an int"),
        (np.array(0.5), r"\(ndarray\); pass an int"),
        (-1, r"got -1; to fold any integer into that range use seed % 2\*\*64"),
        (2**64, r"got 18446744073709551616; to fold"),
    ],
)
def test_a_bad_seed(seed: object, message: str):
    with pytest.raises(GlorotError, match=message):
        key_of(seed, "w")


@pytest.mark.parametrize(
    ("name", "message"), [(3, "name must be a string such as"), ("\ud800", "cannot be written as UTF-8")]
)
def test_a_bad_name(name: object, message: str):
    with pytest.raises(GlorotError, match=message):
        key_of(0, name)


def read_only() -> np.ndarray:
    out = np.zeros((2, 3), np.float32)
    out.flags.writeable = False
    return out


def float32(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


REFUSED = {
    "integer out": (
        {"out": np.zeros((2, 3), np.int32)},
        "^dtype int32 holds no weights that are drawn; expected float32, bfloat16, float16, float64 or a float8 that "
        "has a sign and a zero$",
    ),
    "complex out": (
        {"out": np.zeros((2, 3), np.complex64)},
        "^dtype complex64 holds no weights that are drawn, for the stream has real numbers alone; expected float32",
    ),
    "bool out": ({"out": np.zeros((2, 3), bool)}, "^dtype bool holds no weights that are drawn; expected"),
    "foreign bytes": (
        {"out": np.zeros((2, 3), ">f4")},
        "^dtype >f4 is not in native byte order; fill an array that is, and convert it once$",
    ),
    "not an array": ({"out": [[0.0]]}, "out must be a NumPy array, got list"),
    "read-only": ({"out": read_only()}, "out is read-only; pass an array that can be written"),
    "wrong shape": ({"out": float32(3, 2)}, r"out has shape \(3, 2\), but the box has extents \(2, 3\)"),
    "overlap": (
        {"out": np.lib.stride_tricks.as_strided(float32(9), (2, 3), (4, 4))},
        r"out has elements that share memory \(strides \(4, 4\)\); pass a copy",
    ),
    "expanded": (
        {"out": np.lib.stride_tricks.as_strided(float32(3), (2, 3), (0, 4))},
        r"share memory \(strides \(0, 4\)\)",
    ),
    "box outside": (
        {"box": ((0, 2), (1, 4))},
        r"0 <= start <= stop <= extent .* shape \(2, 3\), got \(\(0, 2\)",
    ),
    "box backwards": ({"box": ((2, 0), (0, 3))}, "box must give 0 <= start <= stop"),
    "box negative": ({"box": ((-1, 1), (0, 3))}, "box must give 0 <= start <= stop"),
    "box of few axes": ({"box": ((0, 2),)}, "box must give .* for each axis"),
    "box of a number": ({"box": 5}, r"box must give .* for each axis of the shape \(2, 3\), got 5"),
    "box of floats": ({"box": ((0, 2.0), (0, 3))}, "box must give"),
    "box of triples": ({"box": ((0, 2, 1), (0, 3, 1))}, "box must give"),
    "negative shape": ({"shape": (-2, 3)}, r"whole numbers from 0 upwards, got \(-2, 3\)"),
    "shape of floats": ({"shape": (2.0, 3)}, "shape must be a sequence of whole numbers"),
    "huge shape": ({"shape": (2**40, 2**40)}, r"has 2\*\*64 elements or more, beyond the 64-bit index"),
    "key": ({"key": Key(2**32, 0)}, r"key must be two whole numbers below 2\*\*32, as key_of returns them"),
    "key of floats": ({"key": (0.5, 1)}, "key must be two whole numbers"),
    "law": ({"law": "normal"}, "distribution must be one of glorot.distributions, got 'normal'"),
    "no axes": ({"law": Orthogonal()}, r"Orthogonal needs axes: one letter of b .* \(2, 3\).*got None"),
    "few axes": ({"law": Orthogonal(), "axes": "o"}, "Orthogonal needs axes.*as in 'oi' or 'oikk'; got 'o'"),
    "strange axes": ({"law": Orthogonal(), "axes": "ox"}, "Orthogonal needs axes: one letter of b"),
    "no out axis": (
        {"law": Orthogonal(), "axes": "bi"},
        "needs exactly one axis labelled 'o', got axes 'bi'",
    ),
    "no in axis": (
        {"law": Identity(), "axes": "ok"},
        "Identity needs exactly one axis labelled 'i', got axes 'ok'",
    ),
    "beyond float16": (
        {"out": np.zeros((2, 3), np.float16), "law": Uniform(0, 1e5)},
        r"high=100000.0\) reaches 100000, but float16 holds at most 65504; choose a smaller scale or a wider dtype$",
    ),
    "beyond float32": (
        {"out": np.zeros((2, 3)), "law": Constant(1e39)},
        "reaches 1e.39, but values are computed in float32, which holds at most 3.40282e.38; choose a smaller scale$",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(case: str):
    given_, message = REFUSED[case]
    call = {
        "out": float32(2, 3),
        "key": KEY,
        "law": Normal(),
        "shape": (2, 3),
        "box": None,
        "axes": None,
    } | given_
    before = np.array(call["out"])
    with pytest.raises(GlorotError, match=message):
        fill(*call.values())
    assert np.array_equal(before, call["out"])


def test_draw_refuses_before_it_allocates():
    for dtype in ("int64", "complex64", None):
        with pytest.raises(GlorotError, match=f"dtype {dtype} holds no weights|got {dtype}"):
            draw(KEY, Normal(), (2**50,), dtype=dtype)
    with pytest.raises(GlorotError, match=r"got \(-1,\)"):
        draw(KEY, Normal(), (-1,))
