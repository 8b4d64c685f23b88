"""The whole-matrix laws: drawn from the global matrix, then cut to the box."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Bilinear, Distribution, Identity, Orthogonal
from glorot.errors import GlorotError
from glorot.stream.pieces import Box, Shape
from glorot.stream.reflections import haar

FillNumbers = Callable[[NDArray[Any], Box], None]
SCRATCH = 2**20
"""As many elements of small matrices are worked on together; one matrix alone may be larger."""

SINGLE: dict[type[Distribution], str] = {Orthogonal: "o", Identity: "oi"}
"""The letters that a law must find on one axis each."""


def check_axes(distribution: Distribution, shape: Shape, axes: str | None) -> None:
    """Raise unless `axes` labels each axis of the shape with b, o, i or k, and the law finds its matrix."""
    law = type(distribution).__name__
    if not isinstance(axes, str) or len(axes) != len(shape) or not set(axes) <= set("boik"):
        raise GlorotError(
            f"{law} needs axes: one letter of b (batch), o (out), i (in), k (kernel) for each axis "
            f"of the shape {shape}, as in 'oi' or 'oikk'; got {axes!r}"
        )
    if isinstance(distribution, Bilinear):
        _check_kernel(shape, axes)
    for letter in SINGLE.get(type(distribution), ""):
        if axes.count(letter) != 1:
            raise GlorotError(f"{law} needs exactly one axis labelled {letter!r}, got axes {axes!r}")


def _check_kernel(shape: Shape, axes: str) -> None:
    sides = [extent for extent, letter in zip(shape, axes, strict=True) if letter == "k"]
    if len(sides) != 2 or sides[0] != sides[1]:
        raise GlorotError(
            f"Bilinear fills square kernels: it needs exactly two axes labelled 'k', of one length; got the shape "
            f"{shape} with axes {axes!r}"
        )


def _shares(axes: str, shape: Shape, box: Box) -> Iterator[tuple[Box, Box]]:
    """Cut a box along its axes b, and tell of each share from which whole matrices it is taken."""
    whole = tuple(cut if letter == "b" else (0, n) for letter, cut, n in zip(axes, box, shape, strict=True))
    extents = _extents(whole)
    longest = max(_axes_of("b", axes), key=extents.__getitem__, default=None)
    if longest is None or extents[longest] <= 1 or math.prod(extents) <= SCRATCH:
        yield box, whole
        return
    lo, hi = box[longest]
    middle = (lo + hi) // 2
    for half in ((lo, middle), (middle, hi)):
        yield from _shares(axes, shape, (*box[:longest], half, *box[longest + 1 :]))


def _extents(box: Box) -> Shape:
    return tuple(hi - lo for lo, hi in box)


def _axes_of(letters: str, axes: str) -> list[int]:
    return [axis for axis, letter in enumerate(axes) if letter in letters]


def _within(box: Box, outer: Box) -> tuple[slice, ...]:
    """Return where a box lies in another one."""
    return tuple(slice(lo - start, hi - start) for (lo, hi), (start, _) in zip(box, outer, strict=True))


def fill_orthogonal(
    out: NDArray[Any], gain: float, axes: str, shape: Shape, box: Box, *, fill_normals: FillNumbers
) -> None:
    """Write gain · Q, one Q for each batch index, where Q is out × everything summed over."""
    batch_axes, (out_axis,) = _axes_of("b", axes), _axes_of("o", axes)
    order = [*batch_axes, out_axis, *_axes_of("ik", axes)]
    for share, whole in _shares(axes, shape, box):
        extents = _extents(whole)
        normals = np.empty(extents, np.float32)
        fill_normals(normals, whole)
        normals = normals.transpose(order)
        stack = (math.prod(extents[axis] for axis in batch_axes), extents[out_axis], -1)
        q = haar(np.ascontiguousarray(normals.reshape(stack)))
        q *= gain
        parts = q.reshape(normals.shape).transpose(np.argsort(order))
        out[_within(share, box)] = parts[_within(share, whole)].astype(np.float32)


def slice_axes(each: str, axes: str) -> str:
    """Return axes with b for those that a slice does not run over, and i for those that it does."""
    return "".join("b" if letter in each else "i" for letter in axes)


def fill_unitball(
    out: NDArray[Any], gain: float, each: str, axes: str, shape: Shape, box: Box, *, fill_uniforms: FillNumbers
) -> None:
    """Write gain times uniform numbers, each slice divided by its sum; a slice of zeros is one of equal numbers."""
    axes = slice_axes(each, axes)
    along = tuple(_axes_of("i", axes))
    for share, whole in _shares(axes, shape, box):
        values = np.empty(_extents(whole), np.float32)
        fill_uniforms(values, whole)
        is_blank = ~values.any(along, keepdims=True)
        np.copyto(values, 1, where=is_blank)
        total = values.sum(along, np.float64, keepdims=True)
        np.multiply(values, gain / total, out=values, casting="same_kind")
        out[_within(share, box)] = values[_within(share, whole)]


def bilinear_kernel(box: Box, width: int) -> NDArray[np.float64]:
    """Return a box of the kernel of bilinear interpolation, whose whole is width × width."""
    half = math.ceil(width / 2)
    middle = (width - 1) / (2 * half)
    rows, columns = (1 - np.abs(np.arange(lo, hi) / half - middle) for lo, hi in box)
    kernel: NDArray[np.float64] = rows[:, np.newaxis] * columns
    return kernel


def fill_bilinear(out: NDArray[Any], gain: float, axes: str, shape: Shape, box: Box) -> None:
    """Write gain times the kernel of bilinear interpolation into every slice of the two axes k."""
    first, second = _axes_of("k", axes)
    (start, stop), columns = box[first], box[second]
    kernels = np.moveaxis(out, (first, second), (-2, -1))
    step = max(1, SCRATCH // max(1, columns[1] - columns[0]))
    for lo in range(start, stop, step):
        hi = min(lo + step, stop)
        rows = gain * bilinear_kernel(((lo, hi), columns), shape[first])
        kernels[..., lo - start : hi - start, :] = rows.astype(np.float32)


def fill_identity(out: NDArray[Any], gain: float, axes: str, shape: Shape, box: Box) -> None:
    """Write gain where input = output channel at the centre of the kernel, and zero elsewhere."""
    out[...] = 0
    start = dict(zip(axes, (lo for lo, _ in box), strict=True))
    stop = dict(zip(axes, (hi for _, hi in box), strict=True))
    diagonal = np.arange(max(start["o"], start["i"]), min(stop["o"], stop["i"]))
    index: list[Any] = []
    for letter, extent, (lo, hi) in zip(axes, shape, box, strict=True):
        if letter == "k" and not lo <= extent // 2 < hi:
            return
        index.append({"b": slice(None), "k": extent // 2 - lo}.get(letter, diagonal - lo))
    out[tuple(index)] = np.float32(gain)
