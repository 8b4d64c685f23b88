"""The largest singular value of a kernel, by power iteration."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph import Folded
from glorot.inventory.kernels import kernel_of

TURNS, CLOSE = 300, 1e-6
"""The most turns of an iteration, and the relative change at which it has come to rest."""


def largest_of(folded: Folded, path: str, arrays: Mapping[str, NDArray[Any]]) -> float:
    """Return the largest singular value of a kernel as a matrix of its outputs by all that each of them sums.

    Args:
        folded: the graph, which tells how the kernel is stored.
        path: its path.
        arrays: what the model holds.

    Returns:
        The value; of several copies, as groups or experts, the largest; NaN where it is not known.
    """
    matrices = matrices_of(folded, path, arrays)
    return math.nan if matrices is None else largest_in(matrices)


def matrices_of(folded: Folded, path: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32] | None:
    """Return a kernel as matrices: copies, outputs, all that each output sums; None where that is not known.

    Args:
        folded: the graph, which tells how the kernel is stored.
        path: its path.
        arrays: what the model holds.
    """
    uses = [use for use in folded.uses.get(path, ()) if use.role == "kernel"]
    kernel = kernel_of(folded, uses[0]) if uses else None
    array = arrays.get(path)
    if kernel is None or array is None or array.shape != folded.leaf(path).shape or not np.all(np.isfinite(array)):
        return None
    return _matrices(np.asarray(array, np.float32), kernel.letters, kernel.groups)


def largest_in(matrices: NDArray[np.float32]) -> float:
    """Return the largest singular value of any of several matrices."""
    return max(_largest(matrix) for matrix in matrices)


def _matrices(array: NDArray[np.float32], letters: Sequence[str], groups: int) -> NDArray[np.float32]:
    """Return (copies, outputs, inputs) of a stored kernel."""
    shared = [n for n, own in enumerate(letters) if own[:1] == "b" and len(own) > 1]
    for n in shared:  # groups lie outermost on an axis of outputs or inputs
        split = (*array.shape[:n], groups, array.shape[n] // groups, *array.shape[n + 1 :])
        array, letters = array.reshape(split), [*letters[:n], "b", letters[n][1:], *letters[n + 1 :]]
    order = [n for kind in ("b", "o", "ik") for n, own in enumerate(letters) if (own or "i")[0] in kind]
    sizes = [math.prod(array.shape[n] for n in order if (letters[n] or "i")[0] in kind) for kind in ("b", "o", "ik")]
    return array.transpose(order).reshape(sizes)


def _largest(matrix: NDArray[np.float32]) -> float:
    """Return the largest singular value of a matrix.

    Example:
        >>> round(_largest(np.diag(np.array([3.0, 1.0], np.float32))), 4)
        3.0
    """
    vector = np.random.default_rng(0).standard_normal((matrix.shape[1],), dtype=np.float32)
    before = 0.0
    for _ in range(TURNS):
        vector = matrix.T @ (matrix @ (vector / max(float(np.linalg.norm(vector)), 1e-30)))
        now = math.sqrt(float(np.linalg.norm(vector)))
        if abs(now - before) <= CLOSE * now:
            break
        before = now
    return now
