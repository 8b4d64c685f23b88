"""What the values of a tensor look like: drawn, or made by a rule."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from glorot.checks.evidence import Array, Evidence
from glorot.inventory import Part

DRAWN = ("kernel", "recurrent", "embedding")
"""Roles that are drawn, so that equal values are no chance."""

LEAST = 8
"""Random values of which so many agree were drawn as one: by chance so many never do, even in half precision."""

FEW = 3
"""Values of so few kinds are set, as those of an identity or a mask."""


def drawn_parts(evidence: Evidence) -> Iterator[tuple[Part, Array]]:
    """Yield the parts that are drawn and trained, with what they hold."""
    frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
    for part, values in evidence.parts():
        if part.role in DRAWN and part.path not in frozen and values.size and values.dtype.kind == "f":
            yield part, values


def looks_drawn(values: Array) -> bool:
    """Tell whether values may be random: many different ones, none of them much more frequent than others.

    Example:
        >>> looks_drawn(np.eye(8)), looks_drawn(np.random.default_rng(0).normal(size=64))
        (False, True)
    """
    if values.size < LEAST:
        return False
    sample = values.ravel("K")[: 1 << 14]  # as it lies, so that a transposed matrix is not copied
    if not np.isfinite(sample).all():
        return False
    _, counts = np.unique(sample, return_counts=True)
    return bool(len(counts) > max(FEW, sample.size // 8) and counts.max() <= max(2, sample.size // 8))


def is_centred(values: Array) -> bool:
    """Tell whether the mean of values is that of draws around zero, up to six standard errors."""
    exact = values.astype(np.float64)
    return bool(abs(exact.mean()) <= 6 * exact.std() / np.sqrt(exact.size))


def as_rows(part: Part, values: Array) -> NDArray[np.float64] | NDArray[np.float32]:
    """Return values with one row for each output unit, or row of a table; groups and experts stay apart.

    Returns:
        (copies, rows, values of a row).
    """
    is_table = part.role == "embedding"  # whose axis b are its rows
    copies = part.shape[: part.axes.index("o")] if "o" in part.axes and not is_table else ()
    count = int(np.prod(copies, dtype=int))
    rows = part.shape[len(copies)] if len(part.shape) > len(copies) else 1
    return values.reshape(count, rows, -1)
