"""Arrays: from assignments to the values of one stored tensor, free of any framework."""

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot import stream
from glorot.errors import GlorotError
from glorot.inventory.layouts import place_in
from glorot.plans import Assignment
from glorot.stream.checks import check_law
from glorot.stream.digest import Bits
from glorot.stream.elements import BFLOAT16, check_element
from glorot.stream.pieces import Box, Shape


class HeldBlock(NamedTuple):
    """A block of a stored tensor, as this process holds it.

    Attributes:
        path: the path of the tensor.
        shape: the shape of the whole tensor.
        dtype: the name of the type of its elements.
        box: (start, stop) of the block along each axis of the whole.
        bits: the elements of the block, as unsigned integers of their size.
    """

    path: str
    shape: Shape
    dtype: str
    box: Box
    bits: Bits


def element_name(dtype: np.dtype[Any]) -> str:
    """Return what the stream calls the dtype of an array.

    Example:
        >>> element_name(BFLOAT16), element_name(np.dtype(np.int64))
        ('bfloat16', 'int64')
    """
    return "bfloat16" if dtype == BFLOAT16 else dtype.name


def block_of(path: str, values: NDArray[Any]) -> HeldBlock:
    """Return an array as the one block of a tensor.

    Example:
        >>> block_of("w", np.zeros(3, np.float16)).bits.dtype
        dtype('uint16')
    """
    bits = values.view(f"u{values.dtype.itemsize}")
    return HeldBlock(path, values.shape, element_name(values.dtype), tuple((0, size) for size in values.shape), bits)


def check(assignment: Assignment, dtype: str) -> None:
    """Raise unless a part can be drawn from its law and stored in a dtype.

    Args:
        assignment: what a part is written from.
        dtype: the name of the dtype that it is stored in.

    Raises:
        GlorotError: if weights are not drawn in the dtype, it cannot hold what the law draws, or the law does not fit
            the part.

    Example:
        >>> from glorot.distributions import Constant
        >>> from glorot.inventory import Part
        >>> check(Assignment(Part("b", "o", (3,), "bias", "Dense"), Constant(1e5), stream.key_of(0, "b")), "float16")
        Traceback (most recent call last):
        glorot.errors.GlorotError: b: Constant(value=100000.0) reaches 100000, but float16 holds at most 65504; choose \
a smaller scale or a wider dtype
    """
    part, law, key = assignment
    try:
        check_element(dtype)
    except GlorotError as error:
        raise GlorotError(f"{part.path}: {error}; cast it, or skip it by a rule") from None
    nothing = ((0, 0),) * len(part.shape)
    try:
        check_law(law, dtype)
        stream.fill(np.empty((0,) * len(part.shape)), key, law, part.shape, nothing, part.axes or None)
    except GlorotError as error:
        raise GlorotError(f"{part.name}: {error}") from error


def widened(values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return arrays by their path, with those of bfloat16 and float8, which NumPy cannot save, as float32.

    Example:
        >>> widened({"w": np.zeros(2, np.float16)})["w"].dtype
        dtype('float16')
    """
    return {
        path: one.astype(np.float32) if one.dtype.name.startswith(("bfloat", "float8")) else one
        for path, one in values.items()
    }


def is_whole(shape: Sequence[int], assignments: Sequence[Assignment]) -> bool:
    """Tell whether assignments write every element of a stored tensor, so that its old values do not matter."""
    return sum(math.prod(assignment.part.shape) for assignment in assignments) == math.prod(shape)


def filled(
    shape: Sequence[int], assignments: Sequence[Assignment], current: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return the values of a stored tensor.

    Args:
        shape: its stored shape.
        assignments: what its parts are written from.
        current: its values now, for the elements that no part writes; without them, those are undefined.

    Returns:
        A float32 array, to be cast once; a float64 one where the current values are.

    Example:
        >>> from glorot.distributions import Constant
        >>> from glorot.inventory import Part, View
        >>> part = Part("w[b]", "o", (2,), "bias", "Dense", view=View(box=((1, 3),)))
        >>> filled((3,), [Assignment(part, Constant(7.0), stream.key_of(0, "w[b]"))], np.zeros(3))
        array([0., 7., 7.])
    """
    if current is None:
        array: NDArray[Any] = np.empty(tuple(shape), np.float32)
    else:
        array = np.array(current, np.float64 if current.dtype == np.float64 else np.float32, order="C")
    fill_parts(array, assignments)
    return array


def fill_parts(array: NDArray[Any], assignments: Sequence[Assignment]) -> None:
    """Write parts into a stored array, each rounded once to its type.

    Args:
        array: the stored array, of a type that the stream writes.
        assignments: what its parts are written from.

    Example:
        >>> from glorot.distributions import Constant
        >>> from glorot.inventory import Part, View
        >>> part = Part("w[b]", "o", (2,), "bias", "Dense", view=View(box=((1, 3),)))
        >>> stored = np.zeros(3, np.float16)
        >>> fill_parts(stored, [Assignment(part, Constant(7.0), stream.key_of(0, "w[b]"))])
        >>> stored
        array([0., 7., 7.], dtype=float16)
    """
    fills = []
    for part, law, key in assignments:
        place = place_in(array, part.view)
        if type(law) in stream.MATRIX_LAWS:
            place[...] = stream.draw(key, law, part.shape, part.axes).reshape(place.shape)
        else:
            fills.append(stream.Fill(place, key, law, place.shape))
    stream.fill_all(fills)


def check_memory(size: int, what: str) -> None:
    """Raise if some bytes are more than the memory of this machine, or of the part of it that this process may have.

    Args:
        size: how many bytes will be asked for.
        what: what they are for.

    Raises:
        GlorotError: if they do not fit.

    Example:
        >>> check_memory(2**60, "net.prototxt: its weights")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        glorot.errors.GlorotError: net.prototxt: its weights take 1073741824.0 GiB, and there are ... GiB of memory
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**63
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(limit.read_text()))
    if size > memory:
        raise GlorotError(f"{what} take {size / 2**30:.1f} GiB, and there are {memory / 2**30:.1f} GiB of memory")
