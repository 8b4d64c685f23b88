"""Stacks: pieces of one matrix that were drawn together with an orthogonal law, of which none is orthogonal."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from glorot.checks.evidence import Array, Evidence, part_of
from glorot.checks.law.measures import DRAWN
from glorot.inventory import Parameter, Part
from glorot.inventory.cells import Span, cells_in

COLUMNS = 8
"""Columns that are compared with all others: of two that are drawn independently some products are far from 0."""

LEAST = 4
"""The fewest columns of which orthogonal ones are told from others."""

ROUNDED = 0.1
"""How far products of orthogonal columns may be off 0, in what is usual for independent ones: bf16 rounds less."""


class Stack(NamedTuple):
    """Pieces that were drawn as one orthogonal matrix.

    Attributes:
        names: their names; that of the matrix, if they have none.
        gain: the root mean square singular value of the first piece.
        whole: that of the matrix, which each piece would have if it were drawn by itself.
    """

    names: tuple[str, ...]
    gain: float
    whole: float


def stacks_in(evidence: Evidence) -> Iterator[Stack]:
    """Yield the stacks of a model that are orthogonal as a whole and not piece by piece."""
    known = set[str]()
    for parameter in evidence.inventory.parameters:
        if parameter.tied_to is None and parameter.path in evidence.weights and _is_stack(parameter):
            stored, parts = evidence.weights[parameter.path], parameter.parts
            known.add(parameter.path)
            yield from _told(tuple(part.name for part in parts), stored, (part_of(stored, part) for part in parts))
    for cell in () if evidence.folded is None else cells_in(evidence.folded):
        for path in sorted({span.path for span in cell["f"].kernels if span.start is not None} - known):
            stored = evidence.weights[path]  # whose gates are cut apart only after several kernels are summed
            spans = [span for gate in cell.values() for span in gate.kernels if span.path == path]
            yield from _told((path,), stored, (_outputs(stored, span) for span in spans))


def _told(names: tuple[str, ...], stored: Array, pieces: Iterable[Array]) -> Iterator[Stack]:
    if stored.ndim == 2 and stored.dtype.kind == "f" and is_orthogonal(stored):
        found = list(pieces)
        if not any(is_orthogonal(piece) for piece in found):
            yield Stack(names, _gain(found[0]), _gain(stored))


def _outputs(stored: Array, span: Span) -> Array:
    """Return some outputs of a matrix, which are the longer axis of one with several gates."""
    return stored[span.start : span.stop] if stored.shape[0] > stored.shape[1] else stored[:, span.start : span.stop]


def is_orthogonal(matrix: Array) -> bool:
    """Tell whether the columns of a matrix, or its rows if they are fewer, are orthogonal and of one length.

    Example:
        >>> q = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 16)))[0]
        >>> is_orthogonal(3 * q), is_orthogonal(3 * q[:, :8].T), is_orthogonal(q[:32])
        (True, True, False)
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    columns = tall.shape[1]
    if columns < LEAST:
        return False
    chosen = np.linspace(0, columns - 1, min(COLUMNS, columns)).astype(int)
    return _are_apart(tall[:, chosen], tall[:, chosen]) and _are_apart(tall[:, chosen], tall, chosen)


def _are_apart(some: Array, columns: Array, at: Array | None = None) -> bool:
    """Tell whether some columns have one length, and no product with any others.

    Args:
        some: the columns.
        columns: all columns that they are multiplied by.
        at: where among those the same ones stand; in their own order, if this is not given.
    """
    own = range(some.shape[1]), range(some.shape[1]) if at is None else at
    with np.errstate(all="ignore"):
        products = some.astype(np.float64).T @ columns.astype(np.float64)
    length = float(np.mean(products[own]))
    if not 0 < length < math.inf:
        return False
    products[own] -= length
    return bool(np.sqrt(np.mean(products**2)) < ROUNDED / math.sqrt(len(some)) * length)


def _is_stack(parameter: Parameter) -> bool:
    """Tell whether a parameter holds pieces for different ends: gates, q, k and v, or several squares."""
    parts = parameter.parts
    if len(parts) < 2 or any(part.role not in DRAWN or len(part.shape) != 2 for part in parts):
        return False
    are_named = not any(_piece(part).isdigit() for part in parts)
    are_squares = len(parts) > 2 and all(part.shape[0] == part.shape[1] for part in parts)
    return are_named or are_squares


def _piece(part: Part) -> str:
    return part.name.removeprefix(part.path).strip("[]")


def _gain(matrix: Array) -> float:
    return float(np.linalg.norm(matrix.astype(np.float64))) / math.sqrt(min(matrix.shape))
