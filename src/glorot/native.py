"""The native kernel: which one runs, and what it reads of an array in one pass."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.errors import GlorotError

if TYPE_CHECKING:
    from glorot._native import Batch, NativePiece

try:
    import glorot._native as _native  # noqa: PLR0402 (from … import raises another error where it is missing)
except ModuleNotFoundError:  # installed without a C++ compiler
    _native = None  # type: ignore[assignment]

FASTEST_FIRST = ("avx512_bf16", "avx512", "avx2", "portable", "numpy")
CHOICE = "GLOROT_KERNEL"  # the environment variable that forces one
ELEMENTS = ("float32", "bfloat16", "float16", "float64")
"""The types that native kernels know, in their order."""

SUMMED = ELEMENTS[:3]
"""The types of which they make sums."""

WITH_PRODUCTS = ("avx512_bf16", "avx512", "avx2")
"""The kernels that multiply rows faster than NumPy does."""

BLOCK = 2**17
"""Elements that NumPy looks at together, several times: they stay in the processor's cache."""

_forced: list[str] = []


@functools.cache
def available() -> tuple[str, ...]:
    """Return the kernels that this machine can run, the fastest first."""
    native = _native.kernels() if _native else []
    return tuple(kernel for kernel in FASTEST_FIRST if kernel in native or kernel == "numpy")


def chosen() -> str:
    """Return the kernel that runs: the fastest, unless one is forced.

    Raises:
        GlorotError: if the environment variable GLOROT_KERNEL names one that this machine can't run.
    """
    return _forced[-1] if _forced else _default()


@functools.cache
def _default() -> str:
    wanted = os.environ.get(CHOICE)
    return _checked(wanted, f"{CHOICE} in the environment") if wanted else available()[0]


@contextlib.contextmanager
def using(kernel: str) -> Iterator[None]:
    """Force a kernel inside a with block, for all threads of the process.

    Raises:
        GlorotError: if this machine can't run it.
    """
    _forced.append(_checked(kernel, "kernel"))
    try:
        yield
    finally:
        _forced.pop()


def _checked(kernel: str, what: str) -> str:
    if kernel not in available():
        raise GlorotError(f"{what} must be one of {', '.join(available())} on this machine, got {kernel!r}")
    return kernel


def fill(pieces: "list[NativePiece]", kernel: str, threads: int = 1) -> None:
    """Write pieces, without the GIL, by a kernel that is not the NumPy reference.

    Args:
        pieces: each an array, the code of its element, its first index and its steps, two words of a key, the code of
            a law and the law's numbers.
        kernel: its name.
        threads: how many threads share the work, at most.
    """
    _native.fill(pieces, kernel, threads)


def batch(
    fills: list[Any],
    kind: type,
    dtypes: list[np.dtype[Any]],
    law_of: Callable[..., tuple[int, tuple[float, ...]] | None],
) -> "Batch":
    """Sort out arrays that are filled as a whole and in one piece of memory; nothing is written yet.

    Args:
        fills: tuples of some kind, each an array, a key, a distribution, the array's shape, a box and axes.
        kind: their type; what is of another one is left over.
        dtypes: those that elements have, in the order of `ELEMENTS`.
        law_of: a function of a distribution and a dtype that returns the code and the numbers of a law, or None.

    Returns:
        An object whose `rest` holds the fills that are left over, and whose `fill(kernel, threads)` writes the others.
    """
    return _native.Batch(fills, kind, dtypes, law_of)


def fill_run(
    address: int, count: int, element: int, key: int, law: int, numbers: tuple[float, ...], threads: int, kernel: str
) -> None:
    """Write memory that lies in one piece, without the GIL, from the first element of a stream on.

    Args:
        address: where it begins; nobody checks that it is there.
        count: how many elements it has.
        element: the code of their type, its place in `ELEMENTS`.
        key: the two words of a key as one number of 64 bits, the first word the lower half.
        law: the code of a law.
        numbers: the law's numbers.
        threads: how many threads share the work, at most.
        kernel: its name.
    """
    _native.fill_run(address, count, element, key, law, numbers, threads, kernel)


def draw_for_xla() -> Any:
    """Return the function that XLA calls on a CPU, in a capsule."""
    return _native.draw_for_xla


def digest(bits: NDArray[Any], key: int, first: int, steps: tuple[int, ...], threads: int) -> tuple[int, int]:
    """Return the two sums of a digest of an array, as `glorot.stream.digest` defines them, without the GIL.

    Args:
        bits: unsigned integers of any strides.
        key: the key of the tensor.
        first: the index of the first element in the whole tensor.
        steps: by how much the index grows along each axis, modulo 2⁶⁴.
        threads: how many threads share the work, at most.
    """
    return _native.digest(bits, key, first, steps, threads)


class Sums(NamedTuple):
    """Sums of a matrix, less a number that was taken off each of its elements.

    Attributes:
        total: the sum of its elements.
        squares: the sum of their squares.
        squares_of_columns: the sum of the squares of the sums of its columns.
    """

    total: float
    squares: float
    squares_of_columns: float


def sums_of(matrix: NDArray[Any], element: str, *, center: float = 0.0, threads: int = 1) -> Sums | None:
    """Return sums of a matrix, made in one pass; None where no native kernel makes them.

    Args:
        matrix: (rows, columns), each row in one piece of memory; bfloat16 as its bits.
        element: the type of its elements.
        center: what is taken off each element first, rounded to binary32.
        threads: how many threads share the work, at most.

    Example:
        >>> import numpy as np
        >>> sums_of(np.ones((3, 4), np.float32), "float32") or "no native kernel"
        Sums(total=12.0, squares=12.0, squares_of_columns=36.0)
    """
    kernel = chosen()
    if kernel == "numpy" or element not in SUMMED:
        return None
    return Sums(*_native.sums(matrix, ELEMENTS.index(element), center, threads, kernel))


class Skimmed(NamedTuple):
    """What one pass over whole numbers that are not negative shows: their ends, and more.

    Attributes:
        first: the least.
        last: the largest.
        top: the largest, were the first bit of each its sign.
        picked: a copy of some.
        sums: were they the bits of floating numbers, the sum of these and of their squares; None if not asked for, or
            where no native kernel makes them.
    """

    first: int
    last: int
    top: int
    picked: NDArray[Any]
    sums: tuple[float, float] | None


def skim(bits: NDArray[Any], first: int, step: int, summed_as: str = "") -> Skimmed:
    """Return the ends of some whole numbers, a copy of each step-th of them, and their sums, in one pass over memory.

    Args:
        bits: unsigned integers in one piece of memory, one at least.
        first: the first of those that are copied.
        step: how far apart the next ones are.
        summed_as: the type of the elements of which they are the bits, if sums are wanted.

    Example:
        >>> import numpy as np
        >>> skim(np.array([1, 127, 128, 255], np.uint8), first=1, step=2)
        Skimmed(first=1, last=255, top=127, picked=array([127, 255], dtype=uint8), sums=None)
    """
    kernel = chosen()
    if kernel != "numpy":
        picked = np.empty(len(range(first, bits.size, step)), bits.dtype)
        element = ELEMENTS.index(summed_as) if summed_as in SUMMED else -1
        least, last, top, total, squares = _native.skim(bits, first, step, picked, element, kernel)
        return Skimmed(least, last, top, picked, None if element < 0 else (total, squares))
    blocks = [bits[n : n + BLOCK] for n in range(0, bits.size, BLOCK)]
    signed = f"i{bits.itemsize}"
    ends = [(int(one.min()), int(one.max()), int(one.view(signed).max())) for one in blocks]
    lows, highs, tops = zip(*ends, strict=True)
    return Skimmed(min(lows), max(highs), max(tops), bits[first::step].copy(), None)


class Lines(NamedTuple):
    """What the rows and columns of a matrix show, less a number that was taken off each of its elements.

    Attributes:
        squares: the sum of the squares of its elements.
        rows: the sums of its rows, and those of their squares: (2, rows).
        columns: the same of its columns: (2, columns).
        largest: of the matrix scaled to a mean square of 1, the largest eigenvalue of the products of its rows, or the
            lower bound that some turns of the power iteration find.
        correlated: the sum of the squares of the correlations of all rows with all; NaN where a row is 0.
    """

    squares: float
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    largest: float
    correlated: float


def look_at_lines(matrix: NDArray[np.float32], center: float, turns: int) -> Lines | None:
    """Return what the rows and columns of a matrix show; None where no native kernel is faster than NumPy.

    Args:
        matrix: (rows, columns), not empty; it should have no more rows than columns.
        center: what is taken off each element first, rounded to binary32.
        turns: those of the power iteration.

    Example:
        >>> import numpy as np
        >>> look_at_lines(np.ones((2, 3), np.float32), 0.0, 8) or "no native kernel"  # doctest: +ELLIPSIS
        Lines(squares=6.0, rows=array([[3., 3.],...
    """
    kernel = chosen()
    if kernel not in WITH_PRODUCTS:
        return None
    rows, columns = np.empty((2, matrix.shape[0])), np.empty((2, matrix.shape[1]))
    squares, *rest = _native.look_at_lines(np.ascontiguousarray(matrix), center, turns, rows, columns, kernel)
    return Lines(squares, rows, columns, *rest)


class Compared(NamedTuple):
    """How a sample differs from a law.

    Attributes:
        distance: the largest one between the law and the sample, between its different values; 1 where it has but one.
        third: the third moment of the sample, less the mean and in standard deviations.
        fourth: the fourth.
    """

    distance: float
    third: float
    fourth: float


def compare_sample(
    sample: NDArray[np.float64], moments: tuple[float, float], scale: float, tail: float
) -> Compared | None:
    """Compare a sorted sample with a law; None where there is no native kernel.

    Args:
        sample: in ascending order, one element at least.
        moments: mean and standard deviation of the law; those of the sample where the second is NaN.
        scale: the standard deviation of a normal law after it was cut, in that before; 0 for a uniform law.
        tail: the share that was cut at each end.

    Example:
        >>> import numpy as np
        >>> compare_sample(np.arange(4.0), (1.5, 2.0), 0.0, 0.0) or "no native kernel"  # doctest: +ELLIPSIS
        Compared(distance=0.1056..., third=0.0, fourth=0.16015625)
    """
    kernel = chosen()
    if kernel == "numpy":
        return None
    return Compared(*_native.compare_sample(np.ascontiguousarray(sample), *moments, scale, tail, kernel))
