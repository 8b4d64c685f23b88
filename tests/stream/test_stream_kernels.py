"""Every kernel of this machine against the NumPy reference, bit for bit."""

import os
import subprocess
import sys
import threading
from unittest import mock

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from effort import examples, slow_after
from glorot import GlorotError
from glorot.distributions import Constant, Distribution, Normal, TruncatedNormal, Uniform
from glorot.stream import Fill, Key, draw, fill, fill_all, kernels, key_of, schedule
from glorot.stream.elements import BFLOAT16

KEY = key_of(0, "layers.0.weight")
NATIVE = [kernel for kernel in kernels.available() if kernel != "numpy"]
DTYPES = [np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.float64), BFLOAT16, np.dtype("float8_e5m2")]
LAWS = [
    Uniform(-1.0, 3.0),
    Normal(1.0, 0.02),
    TruncatedNormal(0.5, 1.0, -1.5, 2.5),
    TruncatedNormal(1.0, 0.5, 4.0, 100.0),
    Constant(0.3),
    Uniform.symmetric(0.05),
    Uniform.symmetric(2.0**-64),
    Uniform(-0.0, 1.0),
    Uniform(-1.0, -0.0),
    Normal(),
    TruncatedNormal(0.0, 0.02, -0.04, 0.04),
    TruncatedNormal(0.0, 0.02, -0.01, 0.05),
    TruncatedNormal(0.0, 1.0, -100.0, -5.9),
]


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    whole = f"u{a.dtype.itemsize}"
    return np.array_equal(np.ascontiguousarray(a).view(whole), np.ascontiguousarray(b).view(whole))


@st.composite
def places(draw_from: st.DrawFn) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...], np.ndarray]:
    """Return a global shape, a box of it, and memory for the box: any order, gaps and directions."""
    ndim = draw_from(st.integers(0, 4))
    shape, box = [], []
    for _ in range(ndim):
        extent = draw_from(st.integers(0, [600, 60, 15, 9][ndim - 1]))
        before = draw_from(st.sampled_from([0, 0, 1, 2, 3, 4, 100, 2**34 - 7]))
        after = draw_from(st.sampled_from([0, 0, 1, 5, 32]))
        shape.append(before + extent + after)
        box.append((before, before + extent))
    if np.prod([float(n) for n in shape]) >= 2**64:
        shape, box = [hi - lo for lo, hi in box], [(0, hi - lo) for lo, hi in box]
    dtype = draw_from(st.sampled_from(DTYPES))
    order = draw_from(st.permutations(range(ndim)))
    gaps = [draw_from(st.sampled_from([1, 1, 1, 2, -1])) for _ in range(ndim)]
    offset = draw_from(st.integers(0, 3))
    extents = [hi - lo for lo, hi in box]
    memory = np.zeros(offset + int(np.prod([extents[axis] * abs(gaps[axis]) for axis in order])), dtype)
    memory = memory[offset:].reshape([extents[axis] * abs(gaps[axis]) for axis in order])
    out = memory.transpose(np.argsort(order))[(*(slice(None, None, gap) for gap in gaps), ...)]
    return tuple(shape), tuple(box), out


@pytest.mark.parametrize("kernel", NATIVE)
@examples(300)
@given(
    place=places(),
    law=st.sampled_from(LAWS),
    words=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    turn=st.sampled_from([7, 1000, 2**18]),
    threads=st.integers(1, 3),
)
def test_a_kernel_writes_what_the_reference_writes(kernel: str, place, law, words, turn, threads):
    shape, box, out = place
    assume(
        law != Uniform.symmetric(2.0**-64) or out.dtype not in (np.float16, "float8_e5m2")
    )  # which round it to zeros
    expected = np.zeros(out.shape, out.dtype)
    with kernels.using("numpy"):
        fill(expected, Key(*words), law, shape, box)
    with (
        kernels.using(kernel),
        mock.patch.object(schedule, "LARGEST_TURN", turn),
        mock.patch.object(schedule, "SMALLEST_TURN", 1),
    ):
        fill(out, Key(*words), law, shape, box, threads=threads)
    assert same_bits(out, expected)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("law", slow_after(4, LAWS), ids=str)
def test_a_million_values(kernel: str, law: Distribution):
    """Enough for the rare words of the tail, at every length of run that a vector can end on."""
    with kernels.using("numpy"):
        expected = draw(KEY, law, (2**20 + 37,))
    with kernels.using(kernel):
        assert same_bits(draw(KEY, law, (2**20 + 37,)), expected)
        assert same_bits(draw(KEY, law, (1023, 1025)).reshape(-1), draw(KEY, law, (1023 * 1025,)))


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_transposed_memory_of_many_tiles(kernel: str, dtype: np.dtype):
    shape = (210, 5, 3, 77)
    with kernels.using("numpy"):
        expected = np.empty(shape, dtype)
        fill(expected, KEY, Normal(), shape)
    for order in [(3, 2, 1, 0), (1, 2, 3, 0), (2, 1, 3, 0), (1, 2, 0, 3), (0, 3, 1, 2)]:
        out = np.zeros([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
        with kernels.using(kernel):
            fill(out, KEY, Normal(), shape)
        assert same_bits(out, expected), order


@pytest.mark.parametrize("kernel", kernels.available())
def test_the_last_elements_of_an_enormous_part(kernel: str):
    """Index 2^34 begins a new upper word of the counter; 2^64 - 2 is the last index that there is."""
    with kernels.using(kernel):
        across, run = np.empty(200, np.float32), np.empty((2, 100), np.float32)
        fill(across, KEY, Normal(), (2**35,), ((2**34 - 77, 2**34 + 123),))
        fill(run[0], KEY, Normal(), (2**35,), ((2**34 - 77, 2**34 + 23),))
        fill(run[1], KEY, Normal(), (2**35,), ((2**34 + 23, 2**34 + 123),))
        last = np.empty(3, np.float32)
        fill(last, KEY, Normal(), (2**64 - 1,), ((2**64 - 4, 2**64 - 1),))
    with kernels.using("numpy"):
        expected = np.empty(3, np.float32)
        fill(expected, KEY, Normal(), (2**64 - 1,), ((2**64 - 4, 2**64 - 1),))
    assert same_bits(across, run.reshape(-1))
    assert same_bits(last, expected)


@pytest.mark.parametrize("kernel", NATIVE)
def test_the_upper_word_may_change_anywhere_in_a_vector_of_memory(kernel: str):
    whole, memory = np.empty(60, np.float32), np.empty(80, np.float32)
    with kernels.using("numpy"):
        fill(whole, KEY, Normal(), (2**35,), ((2**34 - 30, 2**34 + 30),))
    with kernels.using(kernel):
        for offset in range(17):
            for before in range(30):
                out = memory[offset : offset + before + 30]
                fill(out, KEY, Normal(), (2**35,), ((2**34 - before, 2**34 + 30),))
                assert same_bits(out, whole[30 - before :]), (offset, before)


@pytest.mark.parametrize("kernel", NATIVE)
def test_the_upper_word_may_change_within_a_tile(kernel: str):
    """Row 7 of this part reaches index 2^34 in the middle of the box, whose memory is transposed."""
    shape, box = (16, 2**31 + 3), ((0, 16), (2**31 - 60, 2**31))
    expected, out = np.empty((16, 60), np.float32), np.zeros((60, 16), np.float32)
    with kernels.using("numpy"):
        fill(expected, KEY, Normal(), shape, box)
    with kernels.using(kernel):
        fill(out.T, KEY, Normal(), shape, box)
    assert same_bits(out.T, expected)


@pytest.mark.parametrize("kernel", kernels.available())
def test_flushing_to_zero_changes_nothing(kernel: str):
    """PyTorch sets the processor's flags for subnormal numbers; none arises at the smallest scales."""
    torch = pytest.importorskip("torch")
    laws = [Uniform.symmetric(2.0**-64), Normal(std=2.0**-64), TruncatedNormal(0.0, 2.0**-64, -(2.0**-65), 2.0**-65)]
    with kernels.using(kernel):
        expected = [draw(KEY, law, (2**16,)) for law in laws]
        assert torch.set_flush_denormal(True)
        try:
            for law, values in zip(laws, expected, strict=True):
                out = np.empty(2**16, np.float32)
                fill(out, KEY, law, out.shape, threads=1)
                assert same_bits(out, values)
        finally:
            torch.set_flush_denormal(False)


def test_bfloat16_is_rounded_as_ml_dtypes_rounds():
    values = draw(KEY, Normal(), (5000,), dtype=ml_dtypes.bfloat16)
    assert values.dtype == ml_dtypes.bfloat16
    assert same_bits(values, draw(KEY, Normal(), (5000,)).astype(ml_dtypes.bfloat16))
    bits = np.empty(5000, BFLOAT16)
    fill(bits, KEY, Normal(), bits.shape)
    assert same_bits(bits, values)


@pytest.mark.parametrize("kernel", kernels.available())
def test_every_float16_rounding(kernel: str):
    """Uniform values reach every exponent of float16, its subnormal ones and the ties between two of them."""
    with kernels.using(kernel):
        for bound in (2.0**-24, 2.0**-14, 1.0, 65504.0):
            law = Uniform.symmetric(bound)
            assert same_bits(draw(KEY, law, (2**17,), dtype=np.float16), draw(KEY, law, (2**17,)).astype(np.float16))


def test_many_arrays_at_once():
    laws = [Normal(), Uniform(0, 1), Constant(2.0)]
    fills = [Fill(np.empty((n % 70, 3), np.float32), key_of(n, "w"), laws[n % 3], (n % 70, 3)) for n in range(500)]
    fill_all(fills, threads=3)
    for one in fills:
        assert same_bits(one.out, draw(one.key, one.distribution, one.shape))


def test_nothing_is_written_where_one_of_many_is_refused():
    good, bad = np.zeros(4, np.float32), np.zeros(4, np.int64)
    with pytest.raises(GlorotError, match="^dtype int64 holds no weights"):
        fill_all([Fill(good, KEY, Normal(), (4,)), Fill(bad, KEY, Normal(), (4,))])
    assert not good.any()


def test_a_failure_in_a_thread_reaches_the_caller():
    with (
        mock.patch.object(schedule, "fill_pieces", side_effect=MemoryError("no scratch")),
        pytest.raises(MemoryError, match="no scratch"),
    ):
        fill(np.empty(2**20, np.float32), KEY, Normal(), (2**20,), threads=2)


def test_the_interpreter_runs_while_a_kernel_writes():
    """The GIL is free: a thread that wants it counts on during a fill of one piece."""
    if not NATIVE:
        pytest.skip("the native kernel is not built here, and NumPy holds the GIL for longer")
    ticks, done = 0, threading.Event()
    out = np.empty(2**25, np.float32)

    def write() -> None:
        with mock.patch.object(schedule, "LARGEST_TURN", 2**40), mock.patch.object(schedule, "SMALLEST_TURN", 2**40):
            fill(out, KEY, Normal(), out.shape, threads=1)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.wait(0.0005):
        ticks += 1
    writer.join()
    assert ticks > 5


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_a_bad_number_of_threads(threads: object):
    with pytest.raises(GlorotError, match=r"threads must be a whole number from 1 upwards, or None, got"):
        fill(np.empty(3, np.float32), KEY, Normal(), (3,), threads=threads)


def test_integers_of_numpy_count_threads():
    out = np.empty(3, np.float32)
    fill(out, KEY, Normal(), (3,), threads=np.int64(2))
    assert same_bits(out, draw(KEY, Normal(), (3,)))


@pytest.mark.parametrize(
    ("fills", "message"),
    [
        (Fill(np.empty(3, np.float32), KEY, Normal(), (3,)), "fills must be a sequence of stream.Fill, got one Fill"),
        (None, "fills must be a sequence of stream.Fill, got one NoneType"),
        ([(np.empty(3), KEY, Normal())], r"fills must hold stream.Fill\(out, key, distribution, shape\), got tuple"),
    ],
)
def test_what_is_no_list_of_fills(fills: object, message: str):
    with pytest.raises(GlorotError, match=message):
        fill_all(fills)


def test_scratch_is_bounded_where_no_vector_can_be_stored():
    """A run of many elements with gaps is written in turns, also by one thread, where each of its values takes scratch."""
    out = np.empty(2**22, np.float16)[::2]
    with kernels.using("numpy"), mock.patch.object(schedule, "fill_pieces", wraps=schedule.fill_pieces) as written:
        fill(out, KEY, Constant(0.5), out.shape, threads=1)
    assert (out == 0.5).all()
    assert max(piece.out.size for call in written.call_args_list for piece in call.args[0]) <= schedule.LARGEST_TURN


def test_an_unknown_kernel():
    with (
        pytest.raises(GlorotError, match=r"kernel must be one of .*numpy on this machine, got 'sse9'"),
        kernels.using("sse9"),
    ):
        pass


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ | environment
    )


@pytest.mark.parametrize("kernel", kernels.available())
def test_the_environment_forces_a_kernel(kernel: str):
    code = "from glorot.stream import kernels; print(kernels.chosen())"
    assert run_python(code, GLOROT_KERNEL=kernel).stdout.strip() == kernel


def test_an_unknown_kernel_in_the_environment():
    code = "import glorot; glorot.draw('xavier_uniform', (2, 2), seed=0)"
    result = run_python(code, GLOROT_KERNEL="mmx")
    assert "GlorotError: GLOROT_KERNEL in the environment must be one of" in result.stderr
    assert "got 'mmx'" in result.stderr


WITHOUT_NATIVE = """
import sys, warnings
sys.modules["glorot._native"] = None
import numpy as np
from glorot.distributions import Normal
from glorot.stream import fill, kernels, key_of
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    fill(np.empty(1000, np.float32), key_of(0, ""), Normal(), (1000,))
    assert not caught
    for _ in range(2):
        fill(np.empty(2**22, np.float16), key_of(0, ""), Normal(), (2**22,))
print(kernels.available(), [str(w.message) for w in caught], caught[0].filename)
"""


def test_without_the_native_kernel_numpy_serves_and_says_so_once():
    result = run_python(WITHOUT_NATIVE)
    assert result.stdout.startswith("('numpy',) [\"glorot's native kernel is not installed"), result.stderr
    assert result.stdout.count("install a C++17 compiler") == 1
    assert result.stdout.rstrip().endswith("<string>")  # the warning points at the caller
