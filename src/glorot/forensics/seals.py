"""Seals: traces of a generator's arithmetic, which the first step of training breaks.

PyTorch draws normal numbers on a CPU in pairs, by Box and Muller: √(−2 ln u)·(cos 2πv, sin 2πv), where v is a multiple
of 2⁻²⁴. The two of a pair lie 8 elements apart, and their angle gives v back, whatever they were multiplied with.
"""

import math

import numpy as np
from numpy.typing import NDArray

STEPS = 2**24
"""The numbers that v can be."""

CLEAR = 6.0
"""Standard deviations from which a seal is no chance."""

ENOUGH = 2**11
"""Elements that show a seal clearly."""


def box_muller(head: NDArray[np.float64]) -> float:
    """Return by how many standard deviations angles of pairs lie on PyTorch's grid, rather than anywhere.

    Args:
        head: elements from the start of a tensor, in stored order, as float32 held them; some thousand show enough.

    Returns:
        A standard normal number for elements of any other origin; 13 or more for 1,024 that PyTorch drew.

    Example:
        >>> v = np.random.default_rng(0).integers(1, STEPS, (64, 8)) / STEPS
        >>> radius = np.sqrt(-2 * np.log(np.random.default_rng(1).random((64, 8))))
        >>> pairs = np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], 1).astype(np.float32)
        >>> box_muller(0.02 * pairs.astype(np.float64).reshape(-1)) > CLEAR
        True
        >>> box_muller(np.random.default_rng(0).standard_normal(1024).astype(np.float32).astype(np.float64)) > CLEAR
        False
    """
    pairs = head[: min(len(head), ENOUGH) // 16 * 16].reshape(-1, 2, 8)
    first, second = pairs[:, 0], pairs[:, 1]
    is_sharp = (first > 0) & (second > 0)  # larger angles are rounded more coarsely than the grid is
    angles = np.arctan2(second[is_sharp], first[is_sharp])
    sharp = angles[(angles > 0) & (angles < math.pi / 2)]
    return float(np.sum(np.cos(sharp * STEPS))) * math.sqrt(2 / max(1, len(sharp)))
