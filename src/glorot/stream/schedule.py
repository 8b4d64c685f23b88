"""Filling arrays: arguments checked first, then pieces dealt out to threads."""

import contextlib
import functools
import operator
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glorot import native
from glorot.distributions import Bilinear, Distribution, Identity, Normal, Orthogonal, PositiveUnitball, Uniform
from glorot.errors import GlorotError
from glorot.stream.checks import (
    DISTRIBUTIONS,
    check_law,
    checked_box,
    checked_dtype,
    checked_key,
    checked_out,
    checked_shape,
)
from glorot.stream.elements import BFLOAT16, bits_or_values, element_of, rounded
from glorot.stream.kernels import KIND_CODES, chosen, fill_pieces, fill_simple, is_simple, warn_if_slow
from glorot.stream.matrix import check_axes, fill_bilinear, fill_identity, fill_orthogonal, fill_unitball
from glorot.stream.philox import Key
from glorot.stream.pieces import Box, Piece, Shape, row_major_steps
from glorot.stream.spec import Law, law_of

LARGEST_TURN, SMALLEST_TURN = 2**20, 2**16  # elements that a thread writes before it takes the next ones
TURNS = 4  # of each thread, so that none waits long for another
PLAIN_DTYPES = [np.dtype(np.float32), BFLOAT16, np.dtype(np.float16), np.dtype(np.float64)]
"""Those of the elements that native kernels write, in their order."""

MATRIX_LAWS = frozenset({Orthogonal, Identity, PositiveUnitball, Bilinear})


class Fill(NamedTuple):
    """One array to be filled; see `fill`."""

    out: NDArray[Any]
    key: Key
    distribution: Distribution
    shape: Shape
    box: Box | None = None
    axes: str | None = None


def fill(
    out: NDArray[Any],
    key: Key,
    distribution: Distribution,
    shape: Sequence[int],
    box: Sequence[tuple[int, int]] | None = None,
    axes: str | None = None,
    threads: int | None = None,
) -> None:
    """Write the values of a box of a part into an array.

    out[j] = cast(law(word(i))), where i is the row-major index of element j in the *global* shape: a shard
    or a slice holds what the whole would hold there.

    Args:
        out: a writable array with the extents of the box, of any strides, in float16, float32, float64, or of
            ml_dtypes bfloat16 or a float8 that has a sign and a zero.
        key: the key of the part's stream, from `key_of`.
        distribution: the law to draw from.
        shape: the global shape of the part.
        box: (start, stop) along each axis of the shape; None is the whole.
        axes: a letter for each axis: b (batch), o (out), i (in), k (kernel). Only the whole-matrix laws
            (`Orthogonal`, `Identity`, `PositiveUnitball`, `Bilinear`) need it.
        threads: how many threads write; None takes the processors that this process may use.

    Raises:
        GlorotError: if an argument does not fit; nothing has been written then.

    Example:
        >>> import numpy as np
        >>> from glorot.distributions import Uniform
        >>> from glorot.stream import draw, fill, key_of
        >>> key, law = key_of(0, "w"), Uniform.symmetric(0.1)
        >>> row = np.empty((1, 3), np.float32)
        >>> fill(row, key, law, (4, 3), box=((2, 3), (0, 3)))
        >>> bool((row == draw(key, law, (4, 3))[2]).all())
        True
    """
    fill_all([Fill(out, key, distribution, shape, box, axes)], threads)  # type: ignore[arg-type]


def fill_all(fills: Iterable[Fill], threads: int | None = None) -> None:
    """Fill many arrays at once: small ones are dealt out whole, large ones in pieces.

    Args:
        fills: what `fill` takes, array by array.
        threads: how many threads write; None takes the processors that this process may use.

    Raises:
        GlorotError: if an argument does not fit; nothing has been written then.

    Example:
        >>> import numpy as np
        >>> from glorot.distributions import Normal
        >>> from glorot.stream import Fill, fill_all, key_of
        >>> weights = {name: np.empty((64, 64), np.float32) for name in ("a", "b")}
        >>> fill_all(Fill(w, key_of(0, name), Normal(std=0.02), w.shape) for name, w in weights.items())
    """
    count = checked_threads(threads)
    if isinstance(fills, Fill) or not isinstance(fills, Iterable):
        raise GlorotError(f"fills must be a sequence of stream.Fill, got one {type(fills).__name__}")
    fills = list(fills)
    kernel = chosen()
    batch = None if kernel == "numpy" else native.batch(fills, Fill, PLAIN_DTYPES, _plain_law)
    pieces, matrices = _sorted_out(fills if batch is None else batch.rest)
    if batch is not None:
        batch.fill(kernel, count)
    _write(pieces, count, kernel)
    for one in matrices:
        _fill_matrix(one, count)


def _plain_law(distribution: Distribution, dtype: np.dtype[Any]) -> tuple[int, tuple[float, ...]] | None:
    """Return a law as the native kernel takes it; None for one that takes more than one word of each element."""
    if type(distribution) not in DISTRIBUTIONS - MATRIX_LAWS:
        return None
    law = _checked_law(distribution, element_of(dtype))
    return None if law.is_sparse else (KIND_CODES[law.kind], law.numbers)


def _sorted_out(fills: Iterable[Fill]) -> tuple[list[Piece], list[Fill]]:
    """Return the pieces that fills are, and the fills whose laws need the whole matrix; without those of nothing."""
    pieces, matrices = list[Piece](), list[Fill]()
    for one in fills:
        checked = _checked(one)
        if not one.out.size:
            continue
        if isinstance(checked, Piece):
            pieces.append(checked)
        else:
            matrices.append(checked)
    return pieces, matrices


def draw(
    key: Key,
    distribution: Distribution,
    shape: Sequence[int],
    axes: str | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Return a whole part as a new array.

    w[j] = cast(law(word(i))), i the row-major index of element j.

    Args:
        key: the key of the part's stream, from `key_of`.
        distribution: the law to draw from.
        shape: the shape of the part.
        axes: a letter for each axis, as in `fill`.
        dtype: float16, float32, float64, or of ml_dtypes bfloat16 or a float8 that has a sign and a zero.

    Returns:
        A C-contiguous array.

    Raises:
        GlorotError: if an argument does not fit.

    Example:
        >>> from glorot.distributions import Normal
        >>> from glorot.stream import draw, key_of
        >>> draw(key_of(0, "layers.0.weight"), Normal(std=0.02), (2, 3)).shape
        (2, 3)
    """
    out = np.empty(checked_shape(shape), checked_dtype(dtype))
    fill(out, key, distribution, out.shape, axes=axes)
    return out


def _checked(one: Fill) -> Piece | Fill:
    """Return the piece that a fill is, or the fill itself where its law needs the whole matrix."""
    if not isinstance(one, Fill):
        raise GlorotError(f"fills must hold stream.Fill(out, key, distribution, shape), got {type(one).__name__}")
    out, key, distribution, shape, box, axes = one
    shape = checked_shape(shape)
    if box is not None:
        box = checked_box(box, shape)
    element = checked_out(out, shape if box is None else tuple([stop - start for start, stop in box]))
    key = checked_key(key)
    if type(distribution) in MATRIX_LAWS:
        check_law(distribution, element)
        check_axes(distribution, shape, axes)
        return Fill(out, key, distribution, shape, checked_box(box, shape), axes)
    return _piece(out, element, key, _checked_law(distribution, element), shape, box)


def _checked_law(distribution: Distribution, element: str) -> Law:
    try:
        return _remembered_law(distribution, element)
    except TypeError:  # what cannot be hashed is no distribution
        check_law(distribution, element)
        raise


@functools.lru_cache(maxsize=1024)
def _remembered_law(distribution: Distribution, element: str) -> Law:
    check_law(distribution, element)
    return law_of(distribution)


def _piece(out: NDArray[Any], element: str, key: Key, law: Law, shape: Shape, box: Box | None) -> Piece:
    steps = row_major_steps(shape)
    first = 0 if box is None else sum([start * step for (start, _), step in zip(box, steps, strict=True)])
    return Piece(out, element, key, law, first, steps)


def checked_threads(threads: int | None) -> int:
    """Return how many threads write: as many as asked for, or as there are processors that this process may use."""
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = 0
    with contextlib.suppress(TypeError):
        count = operator.index(threads)
    if count < 1 or isinstance(threads, bool):
        raise GlorotError(f"threads must be a whole number from 1 upwards, or None, got {threads!r}")
    return count


def _write(pieces: Sequence[Piece], threads: int, kernel: str) -> None:
    """Write pieces: few elements at once, many by threads that take turns; those of native kernels are their own."""
    if kernel != "numpy":
        simple = [piece for piece in pieces if is_simple(piece)]
        fill_simple(simple, kernel, threads)
        pieces = [piece for piece in pieces if not is_simple(piece)]
    total = sum([piece.out.size for piece in pieces])
    warn_if_slow(total)
    if total <= SMALLEST_TURN:
        fill_pieces(pieces, kernel)
    else:
        turn = LARGEST_TURN if threads == 1 else total // (threads * TURNS)
        turn = min(LARGEST_TURN, max(SMALLEST_TURN, turn))
        _write_in_turns(list(_batches(pieces, turn)), threads, kernel)


def _batches(pieces: Sequence[Piece], turn: int) -> Iterator[list[Piece]]:
    """Cut what is large and gather what is small, to batches worth a thread's turn."""
    batch: list[Piece] = []
    size = 0
    for whole in pieces:
        for piece in (whole,) if whole.out.size <= turn else whole.in_memory_order().cut(turn):
            batch.append(piece)
            size += piece.out.size
            if size >= turn:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _write_in_turns(batches: list[list[Piece]], threads: int, kernel: str) -> None:
    """Let each thread take the next batch until none is left."""
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            try:
                batch = batches.pop()
            except IndexError:
                return
            try:
                fill_pieces(batch, kernel)
            except BaseException as failure:  # raised again below, in the thread that asked
                failures.append(failure)

    helpers = [threading.Thread(target=work) for _ in range(min(threads, len(batches)) - 1)]
    try:
        for helper in helpers:
            helper.start()
        work()
    finally:  # nobody writes on once this returns
        batches.clear()
        for helper in helpers:
            if helper.ident is not None:
                helper.join()
    if failures:
        raise failures[0]


def _fill_matrix(one: Fill, threads: int) -> None:
    out, key, distribution, shape, box, axes = one
    element = element_of(out.dtype)
    values = np.empty(out.shape, np.float32) if element == "bfloat16" else out
    place = str(axes), shape, box or ()

    def fill_from(law: Distribution, numbers: NDArray[Any], part: Box) -> None:
        _write([_piece(numbers, "float32", key, law_of(law), shape, part)], threads, chosen())

    match distribution:
        case Orthogonal(gain):
            fill_orthogonal(values, gain, *place, fill_normals=functools.partial(fill_from, Normal()))
        case PositiveUnitball(each, gain):
            fill_unitball(values, gain, each, *place, fill_uniforms=functools.partial(fill_from, Uniform(0, 1)))
        case Identity(gain):
            fill_identity(values, gain, *place)
        case Bilinear(gain):
            fill_bilinear(values, gain, *place)
    if values is not out:
        bits_or_values(out, element)[...] = rounded(values, element)
