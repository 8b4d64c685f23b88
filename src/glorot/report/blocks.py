"""Pictures of a few lines, set in block letters for a terminal."""

import numpy as np
from numpy.typing import NDArray

from glorot.text import number

Floats = NDArray[np.float64]
WIDTH = 37
"""Letters across; two pictures and a gap fill a terminal of 80."""

EIGHTHS = " ▁▂▃▄▅▆▇█"


def area(heights: Floats, rows: int) -> list[str]:
    r"""Fill the area under heights in [0, 1], a column each, in eighths of a line.

    Example:
        >>> print("\n".join(area(np.array([0.25, 1.0, 0.5]), 2)))
         █
        ▄██
    """
    eighths = np.rint(heights * rows * 8).astype(int)
    return ["".join(EIGHTHS[min(max(h - 8 * row, 0), 8)] for h in eighths).rstrip() for row in reversed(range(rows))]


def axis(left: str, right: str, zero: int | None, width: int = WIDTH) -> str:
    """Draw a line between two labels, with a 0 in its column where there is room for one.

    Example:
        >>> axis("-2", "4", zero=5, width=16)
        '-2───0─────────4'
    """
    line = left + "─" * (width - len(left) - len(right)) + right
    if zero is None or not len(left) < zero < width - len(right) - 1:
        return line
    return f"{line[:zero]}0{line[zero + 1 :]}"


def spike(value: float, rows: int, width: int = WIDTH) -> list[str]:
    """Draw a single value as a pole, with the value under it."""
    side = "─" * (width // 2)
    return [*[" " * (width // 2) + "█"] * (rows - 1), f"{side}┴{side}", number(value).center(width).rstrip()]


def histogram(values: Floats, rows: int = 4, width: int = WIDTH) -> list[str]:
    r"""Draw how often values occur between the least and the greatest; no lines where there are no values.

    The fewer values, the wider the bars; one that holds any value is at least an eighth of a line high.

    Example:
        >>> print("\n".join(histogram(np.array([-1.0, 0.0, 0.0, 1.0]), rows=2, width=12)))
            ████
        ████████████
        -1────0────1
    """
    if not values.size:
        return []
    low, high = float(values.min()), float(values.max())
    if low == high:
        return spike(low, rows, width)
    columns = max(1, round(width / round(2 * values.size ** (1 / 3))))  # of each bar, whose number is by Rice's rule
    bars = width // columns
    bar = np.minimum((values - low) / (high - low) * bars, bars - 1).astype(int)
    counts = np.bincount(bar, minlength=bars)
    heights = np.where(counts > 0, np.maximum(counts / counts.max(), 1 / (8 * rows)), 0.0)
    across = bars * columns
    zero = int(-low / (high - low) * across) if low < 0 < high else None
    return [*area(heights.repeat(columns), rows), axis(number(low), number(high), zero, across)]
