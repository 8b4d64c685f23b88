"""The whole-matrix laws: drawn from the global matrix, then cut to the box."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Distribution, Identity
from glorot.errors import GlorotError
from glorot.stream.pieces import Box, Shape
from glorot.stream.reflections import haar

FillNormals = Callable[[NDArray[Any], Box], None]
SCRATCH = 2**20
"""As many elements of small matrices are worked on together; one matrix alone may be larger."""


def check_axes(distribution: Distribution, shape: Shape, axes: str | None) -> None:
    """Raise unless `axes` labels each axis of the shape with b, o, i or k, and the law finds its matrix."""
    law = type(distribution).__name__
    if not isinstance(axes, str) or len(axes) != len(shape) or not set(axes) <= set("boik"):
        raise GlorotError(
            f"{law} needs axes: one letter of b (batch), o (out), i (in), k (kernel) for each axis "
            f"of the shape {shape}, as in 'oi' or 'oikk'; got {axes!r}"
        )
    single = "oi" if isinstance(distribution, Identity) else "o"
    for letter in single:
        if axes.count(letter) != 1:
            raise GlorotError(f"{law} needs exactly one axis labelled {letter!r}, got axes {axes!r}")


def fill_orthogonal(
    out: NDArray[Any], gain: float, axes: str, shape: Shape, box: Box, *, fill_normals: FillNormals
) -> None:
    """Write gain · Q, one Q for each batch index, where Q is out × everything summed over."""
    whole = tuple(cut if letter == "b" else (0, n) for letter, cut, n in zip(axes, box, shape, strict=True))
    extents = tuple(hi - lo for lo, hi in whole)
    batch_axes = [axis for axis, letter in enumerate(axes) if letter == "b"]
    longest = max(batch_axes, key=extents.__getitem__, default=None)
    if longest is not None and extents[longest] > 1 and math.prod(extents) > SCRATCH:
        lo, hi = box[longest]
        middle = (lo + hi) // 2
        for start, stop in ((lo, middle), (middle, hi)):
            half = (*box[:longest], (start, stop), *box[longest + 1 :])
            place = (slice(None),) * longest + (slice(start - lo, stop - lo),)
            fill_orthogonal(out[place], gain, axes, shape, half, fill_normals=fill_normals)
        return
    normals = np.empty(extents, np.float32)
    fill_normals(normals, whole)
    order = [*batch_axes, axes.index("o"), *(axis for axis, letter in enumerate(axes) if letter in "ik")]
    normals = normals.transpose(order)
    stack = (math.prod(extents[axis] for axis in batch_axes), extents[axes.index("o")], -1)
    q = haar(np.ascontiguousarray(normals.reshape(stack)))
    q *= gain
    parts = q.reshape(normals.shape).transpose(np.argsort(order))
    cut = tuple(slice(lo - start, hi - start) for (lo, hi), (start, _) in zip(box, whole, strict=True))
    out[...] = parts[cut].astype(np.float32)


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
