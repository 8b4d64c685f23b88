"""The native kernel: which one runs, and what it reads of an array in one pass."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from glorot.errors import GlorotError

if TYPE_CHECKING:
    from glorot._native import NativePiece

try:
    import glorot._native as _native  # noqa: PLR0402 (from … import raises another error where it is missing)
except ModuleNotFoundError:  # installed without a C++ compiler
    _native = None  # type: ignore[assignment]

FASTEST_FIRST = ("avx512", "avx2", "portable", "numpy")
CHOICE = "GLOROT_KERNEL"  # the environment variable that forces one
ELEMENTS = ("float32", "bfloat16", "float16", "float64")
"""The types that native kernels know, in their order."""

SUMMED = ELEMENTS[:3]
"""The types of which they make sums."""

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


def fill(pieces: "list[NativePiece]", kernel: str) -> None:
    """Write pieces, one after the other and without the GIL, by a kernel that is not the NumPy reference.

    Args:
        pieces: each an array, the code of its element, its first index and its steps, two words of a key, the code of
            a law and the law's numbers.
        kernel: its name.
    """
    _native.fill(pieces, kernel)


def draw_for_xla() -> Any:
    """Return the function that XLA calls on a CPU, in a capsule."""
    return _native.draw_for_xla


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


class Ends(NamedTuple):
    """The ends of whole numbers that are not negative.

    Attributes:
        first: the least.
        last: the largest.
        top: the largest, were the first bit of each its sign.
    """

    first: int
    last: int
    top: int


def ends_of(bits: NDArray[Any]) -> Ends:
    """Return the ends of some whole numbers, found in one pass by a native kernel, and in three without.

    Args:
        bits: unsigned integers in one piece of memory, one at least.

    Example:
        >>> import numpy as np
        >>> ends_of(np.array([1, 127, 128, 255], np.uint8))
        Ends(first=1, last=255, top=127)
    """
    kernel = chosen()
    if kernel != "numpy":
        return Ends(*_native.ends(bits, kernel))
    blocks = [bits[n : n + BLOCK] for n in range(0, bits.size, BLOCK)]
    signed = f"i{bits.itemsize}"
    ends = [Ends(int(one.min()), int(one.max()), int(one.view(signed).max())) for one in blocks]
    first, last, top = zip(*ends, strict=True)
    return Ends(min(first), max(last), max(top))
