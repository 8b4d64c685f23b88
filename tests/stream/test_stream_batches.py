"""Many arrays at once: what the native kernel sorts out itself, what it leaves to Python, and that both write alike."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glorot import native
from glorot.distributions import Constant, Distribution, Normal, Orthogonal, SparseNormal, TruncatedNormal, Uniform
from glorot.errors import GlorotError
from glorot.stream import Fill, Key, draw, fill_all, schedule
from glorot.stream.elements import BFLOAT16

pytestmark = pytest.mark.skipif(native.chosen() == "numpy", reason="no native kernel is built here")

LAWS = [Normal(0.1, 0.3), Uniform(-0.1, 0.3), TruncatedNormal(0, 1, -2, 2), Constant(0.5)]
DTYPES = [np.dtype(np.float32), BFLOAT16, np.dtype(np.float16), np.dtype(np.float64)]


def left_over(fills: list[Fill]) -> list[Fill]:
    return native.batch(fills, Fill, schedule.PLAIN_DTYPES, schedule._plain_law).rest


def plain(shape: tuple[int, ...] = (5, 7), law: Distribution = LAWS[0], dtype: np.dtype = DTYPES[0]) -> Fill:
    return Fill(np.zeros(shape, dtype), Key(3, 2**32 - 1), law, shape)


def bits(array: np.ndarray) -> bytes:
    return array.tobytes()


@st.composite
def arrays(draw_from: st.DrawFn) -> list[Fill]:
    one = st.builds(
        plain,
        st.lists(st.integers(0, 9), max_size=3).map(tuple),
        st.sampled_from([*LAWS, SparseNormal(0, 1, 0.5)]),
        st.sampled_from(DTYPES),
    )
    return draw_from(st.lists(one, max_size=12))


@given(arrays(), st.integers(1, 3))
def test_each_array_is_what_it_is_alone(fills: list[Fill], threads: int):
    fill_all(fills, threads)
    for out, key, law, shape, *_ in fills:
        assert bits(out) == bits(draw(key, law, shape, dtype=out.dtype))


@pytest.mark.parametrize("sizes", [[2**21 + 3], [1, 2**18 + 1, 64, 2**17], [70] * 3000], ids=["one", "several", "many"])
def test_threads_share_them(sizes: list[int]):
    fills = [Fill(np.empty(n, np.float32), Key(n, i), LAWS[i % 4], (n,)) for i, n in enumerate(sizes)]
    assert left_over(fills) == []
    fill_all(fills, 2)
    for out, key, law, shape, *_ in fills:
        assert bits(out) == bits(draw(key, law, shape))


@pytest.mark.parametrize(
    "changed",
    [
        plain()._replace(out=np.zeros((7, 5), np.float32).T),
        plain()._replace(box=((0, 5), (0, 7))),
        plain()._replace(out=np.zeros((5, 7), ml_dtypes.bfloat16)),
        plain()._replace(key=(np.uint32(3), 4)),
        plain()._replace(shape=[5, 7]),
        plain(law=SparseNormal(0, 1, 0.5)),
        plain(law=Orthogonal())._replace(axes="oi"),
        plain((0, 7)),
    ],
    ids=["transposed", "box", "ml_dtypes", "NumPy's numbers", "list", "sparse", "matrix", "empty"],
)
def test_what_is_out_of_the_ordinary_is_left_to_python(changed: Fill):
    assert [id(one) for one in left_over([plain(), changed, plain()])] == [id(changed)]
    fill_all([changed])
    assert not changed.out.size or np.asarray(changed.out, np.float32).any()


def test_what_is_ordinary_is_not():
    assert left_over([plain((), law, dtype) for law in LAWS for dtype in DTYPES]) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (plain()._replace(shape=(5, 8)), r"out has shape \(5, 7\), but the box has extents \(5, 8\)"),
        (plain()._replace(key=(3, 2**32)), r"key must be two whole numbers below 2\*\*32, as key_of returns them"),
        (plain()._replace(key=(-1, 3)), r"key must be two whole numbers below 2\*\*32, as key_of returns them"),
        (plain()._replace(out=[1.0]), "out must be a NumPy array, got list"),
        (plain()._replace(distribution="normal"), "distribution must be one of glorot.distributions, got 'normal'"),
        (plain(dtype=np.dtype(np.float16))._replace(distribution=Constant(1e6)), "float16 holds at most 65504"),
        (tuple(plain()), r"fills must hold stream.Fill\(out, key, distribution, shape\), got tuple"),
    ],
    ids=["shape", "large key", "negative key", "no array", "no law", "reach", "tuple"],
)
def test_what_is_wrong_is_said_before_anything_is_written(wrong: Fill, message: str):
    first = plain()
    with pytest.raises(GlorotError, match=message):
        fill_all([first, wrong])
    assert not first.out.any()


def test_a_read_only_array_is_refused():
    wrong = plain()
    wrong.out.flags.writeable = False
    with pytest.raises(GlorotError, match="out is read-only; pass an array that can be written"):
        fill_all([wrong])
