"""The whole-matrix laws: drawn from the global matrix, then cut to the box."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.distributions import Identity, Orthogonal
from glorot.errors import GlorotError

Shape = tuple[int, ...]
Box = tuple[tuple[int, int], ...]
FillNormals = Callable[[NDArray[Any], Box], None]


def check_axes(distribution: Orthogonal | Identity, shape: Shape, axes: str | None) -> None:
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
    batches = [range(lo, hi) if letter == "b" else [None] for letter, (lo, hi) in zip(axes, box, strict=True)]
    batch_axes = tuple(axis for axis, letter in enumerate(axes) if letter == "b")
    cut = tuple(slice(lo, hi) for letter, (lo, hi) in zip(axes, box, strict=True) if letter != "b")
    row_axis = axes.replace("b", "").index("o")
    for batch in itertools.product(*batches):
        whole = tuple((0, n) if b is None else (b, b + 1) for b, n in zip(batch, shape, strict=True))
        normals = np.empty(tuple(hi - lo for lo, hi in whole), np.float32)
        fill_normals(normals, whole)
        rows = np.moveaxis(normals.squeeze(batch_axes).astype(np.float64), row_axis, 0)
        rows = _haar(rows.reshape(len(rows), -1)).reshape(rows.shape)
        target = tuple(slice(None) if b is None else b - lo for b, (lo, _) in zip(batch, box, strict=True))
        out[target] = (gain * np.moveaxis(rows, 0, row_axis)[cut]).astype(np.float32)


def _haar(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the orthogonal factor of a normal matrix; a positive diagonal of R makes it Haar-distributed."""
    rows, columns = normals.shape
    if rows < columns:
        return _haar(normals.T).T
    q, r = np.linalg.qr(normals)
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)


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
