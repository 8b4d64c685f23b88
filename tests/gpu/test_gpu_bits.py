"""The GPU kernels against the NumPy reference, bit for bit, in Triton's interpreter and, where there is one, on a GPU.

The interpreter computes with NumPy, which never contracts a product and a sum: test_gpu_ptx.py shows that the
compiled kernels do not either.
"""

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interpreted import UNTOUCHED, Interpreter, Request, memory_after

from effort import slow_after
from glorot.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform, from_json
from glorot.stream import Key, fill
from glorot.stream.elements import BFLOAT16
from glorot.stream.kernels import using
from glorot.stream.philox import philox
from glorot.stream.spec import SPLIT, law_of

pytest.importorskip("triton", reason="Triton is made for Linux only")

VECTORS = Path(__file__).parents[1] / "data" / "stream_vectors.txt"
KNOWN = [line.removeprefix("values ") for line in VECTORS.read_text("utf-8").splitlines() if line[:7] == "values "]
KEY = Key(0xFEDCBA98, 0x12345678)
LAWS = [
    Constant(-0.3),
    Uniform(-0.1, 0.3),
    Normal(1.0, 0.02),
    TruncatedNormal(0, 1, -2, 2),
    TruncatedNormal(0, 1, -5, 5),
    TruncatedNormal(0.1, 1, -1, 4),
]
DTYPES = {"float32": np.dtype(np.float32), "float16": np.dtype(np.float16), "float64": np.dtype(np.float64)}
DTYPES["bfloat16"] = BFLOAT16


Filler = Callable[[Request], bytes]


WAYS = ["interpreter", pytest.param("device", marks=pytest.mark.gpu)]


@pytest.fixture(scope="module", params=WAYS)
def filled(request: pytest.FixtureRequest) -> Iterator[Callable[..., bytes]]:
    """Fill by programs of a warp of so many lanes; on a device it has as many as the device says."""
    if request.param == "device":
        yield lambda one, warp: memory_after(one, "cuda")
        return
    interpreter = Interpreter()
    yield interpreter.fill
    interpreter.close()


@pytest.fixture(scope="module")
def narrow(filled: Callable[..., bytes]) -> Filler:
    """A warp as it is on the device."""
    return partial(filled, warp=32)


@pytest.fixture(scope="module")
def wide(filled: Callable[..., bytes]) -> Filler:
    return partial(filled, warp=2048)


def request(law: Distribution, shape, box=None, *, dtype="float32", order=None, spread=1, offset=0, **rest) -> Request:
    """Lay the axes of a box out in an order of their own, `spread` elements apart."""
    box = tuple((0, extent) for extent in shape) if box is None else tuple(box)
    extents = [stop - start for start, stop in box]
    strides, step = [0] * len(extents), spread
    for axis in reversed(range(len(extents)) if order is None else order):
        strides[axis] = step
        step *= max(1, extents[axis])
    length = offset + max(1, math.prod(extents) * spread)
    return Request(KEY, law, tuple(shape), box, dtype, tuple(strides), offset, length, **rest)


def memory_of(one: Request) -> np.ndarray:
    """Return the memory after the same fill by the reference."""
    dtype = DTYPES[one.dtype]
    memory = np.full(one.length * dtype.itemsize, UNTOUCHED, np.uint8).view(dtype)
    extents = [stop - start for start, stop in one.box]
    strides = [stride * dtype.itemsize for stride in one.strides]
    with using("numpy"):
        fill(np.lib.stride_tricks.as_strided(memory[one.offset :], extents, strides), *one[:4])
    return memory


def assert_same(filler: Filler, one: Request) -> None:
    assert filler(one) == memory_of(one).tobytes()


@pytest.mark.parametrize("line", KNOWN)
def test_known_answers(narrow: Filler, line: str):
    key, first, law, expected = line.split(" | ")
    words = [int(word, 16) for word in expected.split()]
    box = ((int(first), int(first) + len(words)),)
    one = request(from_json(json.loads(law)), (2**40,), box)._replace(key=Key(*(int(k, 16) for k in key.split())))
    assert np.frombuffer(narrow(one), np.uint32).tolist() == words


@st.composite
def requests(draw_from: st.DrawFn) -> Request:
    shape = draw_from(st.lists(st.integers(1, 9), max_size=4))
    box = [sorted(draw_from(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return request(
        draw_from(st.sampled_from(LAWS)),
        shape,
        [(lo, hi) for lo, hi in box],
        dtype=draw_from(st.sampled_from(sorted(DTYPES))),
        order=draw_from(st.permutations(range(len(shape)))),
        spread=draw_from(st.integers(1, 2)),
        offset=draw_from(st.integers(0, 4)),
        programs=draw_from(st.sampled_from([1, 100])),
    )


@given(one=requests())
def test_any_law_box_layout_and_dtype(narrow: Filler, one: Request):
    assert_same(narrow, one)


RUNS = [(law, dtype) for dtype in DTYPES for law in LAWS]
FIRST = [run for run in RUNS if run[0] == LAWS[1] or run[1] == "float32"]  # each law once, and each dtype


@pytest.mark.parametrize(("law", "dtype"), slow_after(len(FIRST), [*FIRST, *(run for run in RUNS if run not in FIRST)]))
def test_runs(wide: Filler, law: Distribution, dtype: str):
    assert_same(wide, request(law, (2**15,), dtype=dtype))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.law)
def test_a_transposed_matrix(wide: Filler, law: Distribution):
    assert_same(wide, request(law, (130, 101), order=(1, 0)))


CASES = {
    "rows of runs": request(Uniform(-1, 1), (5, 600), ((1, 4), (8, 544)), programs=100),
    "rows of runs in steps": request(Uniform(-1, 1), (3, 1200), ((0, 3), (8, 1104))),
    "outer axes": request(Uniform(-1, 1), (3, 4, 2, 300), ((1, 3), (1, 4), (0, 2), (4, 132)), order=(1, 2, 0, 3)),
    "channels last": request(Normal(), (6, 5, 3, 3), order=(0, 2, 3, 1)),
    "input by output": request(Normal(), (6, 5, 3, 3), order=(2, 3, 1, 0)),
    "a column": request(Normal(), (40, 7), ((0, 40), (3, 4))),
    "six axes, none beside its neighbour": request(Normal(), (2, 1, 2, 2, 2, 2, 2), order=(6, 4, 2, 5, 3, 0, 1)),
    "across 2^34, aligned": request(Normal(), (2**35,), ((2**34 - 128, 2**34 + 256),)),
    "across 2^34, shifted": request(Normal(), (2**35,), ((2**34 - 21, 2**34 + 22),)),
    "across 2^34 by columns": request(Normal(), (2**33, 5), ((2**34 // 5 - 9, 2**34 // 5 + 9), (1, 4)), order=(1, 0)),
    "beyond 2^63": request(Normal(), (2**64 - 1,), ((2**64 - 30, 2**64 - 2),)),
    "an element": request(Normal(), ()),
    "nothing": request(Normal(), (3, 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_layouts(narrow: Filler, case: str):
    assert_same(narrow, CASES[case])


def test_a_long_run_is_cut_into_shifted_ends_and_an_aligned_middle(wide: Filler):
    assert_same(wide, request(Normal(), (2**15,), ((3, 2**15 - 6),), offset=3))


def test_two_words_of_a_thread_in_the_tail(narrow: Filler):
    z = np.abs(law_of(Normal())(philox(KEY, np.arange(2**18, dtype=np.uint64)).reshape(-1))).reshape(-1, 4)
    (block,) = np.flatnonzero((z > 3.1).sum(axis=1) > 1)[:1]
    assert SPLIT > 0
    for law in (Normal(), TruncatedNormal(0, 1, -6, 8)):
        assert_same(narrow, request(law, (2**20,), ((4 * block - 40, 4 * block + 88),)))


def test_the_farthest_words_of_a_cut_that_needs_no_tail(narrow: Filler):
    words = philox(KEY, np.arange(2**18, dtype=np.uint64)).reshape(-1).view(np.int32)
    for far in (words.argmin(), words.argmax()):
        first = max(0, int(far) // 4 * 4 - 64)
        assert_same(narrow, request(TruncatedNormal(0, 1, -2.99, 2.99), (2**20,), ((first, first + 128),)))


def test_an_untouched_neighbour_would_be_seen(narrow: Filler):
    one = request(Uniform(1, 2), (4, 3), spread=2)
    assert narrow(one) != memory_of(one._replace(law=Uniform(1, 2.001))).tobytes()
    assert memory_of(one).view(np.uint8).reshape(-1, 8)[:, 4:].tolist() == [[UNTOUCHED] * 4] * 12
