"""What a native kernel reads of an array in one pass, against NumPy."""

import subprocess
import sys

import numpy as np
import pytest

from glorot.native import available, skim, sums_of, using

NATIVE = [kernel for kernel in available() if kernel != "numpy"]
WORDS = [np.uint8, np.uint16, np.uint32, np.uint64]


def matrix_of(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0.3, 2.0, (rows, columns)).astype(np.float32)


def stored_as(element: str, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix as it is stored, and its numbers in double precision."""
    if element == "bfloat16":
        bits = (matrix.view(np.uint32) >> 16).astype(np.uint16)
        return bits, (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    stored = matrix.astype(element)
    return stored, stored.astype(np.float64)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("center", [0.0, 0.25])
@pytest.mark.parametrize("element", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 5), (1, 5000), (65, 2049), (200, 64), (64, 129), (5, 0)], ids=str)
def test_sums_are_those_of_numpy(sizes: tuple[int, int], element: str, center: float, kernel: str):
    stored, exact = stored_as(element, matrix_of(*sizes))
    with using(kernel):
        found = sums_of(stored, element, center=center)
    exact = exact - center
    expected = exact.sum(), (exact**2).sum(), (exact.sum(axis=0) ** 2).sum()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6 * exact.size)


@pytest.mark.parametrize("kernel", NATIVE)
def test_numbers_too_small_for_float16s_normal_ones_are_summed(kernel: str):
    tiny = np.array([[2.0**-24, -(2.0**-24), 3 * 2.0**-24, 65504.0, -0.0]], np.float16)
    with using(kernel):
        assert sums_of(tiny[:, :3], "float16").total == 3 * 2.0**-24
        assert sums_of(tiny, "float16").squares == 65504.0**2


def test_only_a_native_kernel_makes_sums_and_of_no_double_precision():
    with using("numpy"):
        assert sums_of(matrix_of(3, 4), "float32") is None
    with using(NATIVE[0]):
        assert sums_of(matrix_of(3, 4).astype(np.float64), "float64") is None
        assert sums_of(matrix_of(3, 4), "float32") is not None


def test_an_array_that_a_kernel_cannot_read_is_refused():
    with using(NATIVE[0]), pytest.raises(ValueError, match="a matrix with rows in one piece"):
        sums_of(matrix_of(3, 4)[:, ::2], "float32")
    with using(NATIVE[0]), pytest.raises(ValueError, match="an array of the element's size"):
        sums_of(matrix_of(3, 4), "float16")


@pytest.mark.parametrize("kernel", available())
@pytest.mark.parametrize("kind", ["any", "none negative", "all negative"])
@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.__name__)
@pytest.mark.parametrize("size", [1, 63, 1000, 300_000])
def test_ends_and_what_is_picked_are_those_of_numpy(size: int, word: type, kind: str, kernel: str):
    bits = np.random.default_rng(size).integers(0, np.iinfo(word).max, size, word, endpoint=True)
    sign = word(1 << (8 * bits.itemsize - 1))
    bits = {"any": bits, "none negative": bits & ~sign, "all negative": bits | sign}[kind]
    bits.flags.writeable = False
    with using(kernel):
        found = skim(bits, 1, 37)
    assert found[:3] == (bits.min(), bits.max(), bits.view(f"i{bits.itemsize}").max())
    np.testing.assert_array_equal(found.picked, bits[1::37])
    assert found.sums is None


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("element", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("size", [1, 100, 4096, 70_001])
def test_what_is_skimmed_is_summed_on_the_way(size: int, element: str, kernel: str):
    stored, exact = stored_as(element, matrix_of(1, size))
    bits = stored.reshape(-1).view(f"u{stored.itemsize}")
    with using(kernel):
        found = skim(bits, 0, 1, element)
    assert found.sums == pytest.approx((exact.sum(), (exact**2).sum()), rel=1e-6, abs=1e-6 * size)


def test_what_cannot_be_skimmed_is_refused():
    bits = np.arange(6, dtype=np.uint32)
    with using(NATIVE[0]):
        with pytest.raises(ValueError, match="an array with elements"):
            skim(bits[:0], 0, 1)
        with pytest.raises(ValueError, match="an array of the element's size"):
            skim(bits, 0, 1, "bfloat16")
    with using("numpy"):
        assert skim(bits, 0, 2, "float32").sums is None
    with using(NATIVE[0]):
        assert skim(bits.astype(np.uint64), 0, 2, "float64").sums is None


ALONE = """
import sys
import numpy as np
from glorot.native import sums_of
matrix = np.random.default_rng(0).normal(0, 1, (40, 30_000)).astype(np.float32)
print(sums_of(matrix, "float32", threads=1) == sums_of(matrix, "float32", threads=3), "torch" in sys.modules)
"""


def test_threads_of_its_own_share_the_work_where_no_framework_has_any():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
