"""Tables: tensors that are computed and not drawn, such as identities, sinusoids and kernels of interpolation."""

import numpy as np
from numpy.typing import NDArray

from glorot.stream.matrix import bilinear_kernel
from glorot.text import number

Values = NDArray[np.float64]

MOST_LEVELS = 4
"""Different values that a mask, an identity or a bias in pieces has at most."""


def describe(head: Values, shape: tuple[int, ...], levels: Values) -> str:
    """Say how a tensor is computed; nothing where no rule is known.

    Args:
        head: its first elements, flat.
        shape: its shape.
        levels: the different values in a sample, in ascending order.

    Returns:
        A sentence's end, such as "an identity, times 1".

    Example:
        >>> describe(np.arange(64.0), (64,), np.arange(64.0))
        'numbers in equal steps of 1'
    """
    lengths = [length for length in shape if length > 1]
    if len(lengths) == 4 and lengths[-1] == lengths[-2] > 1 and _is_bilinear(head, lengths[-1]):
        return "the kernel of bilinear interpolation"
    if len(levels) <= MOST_LEVELS:
        return _of_levels(head, shape, levels)
    if len(lengths) == 1:
        steps = np.diff(head)
        is_even = np.ptp(steps) <= 1e-4 * np.abs(steps).max() + 2.0**-21 * np.abs(head).max()
        return f"numbers in equal steps of {number(float(steps.mean()))}" if is_even else ""
    width = int(np.prod(lengths[1:]))
    rows = head[: len(head) // width * width].reshape(-1, width)
    is_repeated = len(rows) >= 2 and np.array_equal(rows[0], rows[1])
    if is_repeated and np.array_equal(rows[1:], np.broadcast_to(rows[0], rows[1:].shape)):
        return "the same slice along the first axis"
    if len(rows) >= 2 and not np.any(rows != rows[:, :1]):
        return "one value along each slice of the first axis"
    return "a table of sinusoids" if len(lengths) == 2 and _is_sinusoid(rows[:, :64]) else ""


def _of_levels(head: Values, shape: tuple[int, ...], levels: Values) -> str:
    if len(shape) == 2 and len(levels) == 2 and levels[0] == 0:
        row, column = np.divmod(np.flatnonzero(head), shape[1])
        if len(row) and np.array_equal(row, column):
            return f"an identity, times {number(float(levels[1]))}"
    return f"the values {', '.join(map(number, levels))} alone"


def _is_bilinear(head: Values, side: int) -> bool:
    kernel = bilinear_kernel(((0, side), (0, side)), side).reshape(-1)
    slices = head[: len(head) // kernel.size * kernel.size].reshape(-1, kernel.size)
    written = slices[np.any(slices != 0, axis=1)]
    return len(written) > 0 and bool(np.allclose(written, kernel * written[:1].max() / kernel.max(), rtol=1e-2))


def _is_sinusoid(rows: Values) -> bool:
    """Tell whether each column is a sinusoid: x(t+1) + x(t-1) = 2·cos ω·x(t), with |cos ω| ≤ 1."""
    if len(rows) < 8:
        return False
    middle, around = rows[1:-1], rows[2:] + rows[:-2]
    energy = np.einsum("ij,ij->j", middle, middle)
    factor = np.einsum("ij,ij->j", around, middle) / np.where(energy, energy, 1)
    strayed = around - factor * middle
    return bool(np.vdot(strayed, strayed) < 1e-4 * energy.sum() and np.all(np.abs(factor) < 2.01))
