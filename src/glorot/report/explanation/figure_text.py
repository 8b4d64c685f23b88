"""The figures of topics for a terminal: a row for each line, histogram or bar."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glorot.report.blocks import EIGHTHS
from glorot.text import brief
from glorot.topics import Bars, Figure, Grids, Histograms, Lines

Floats = NDArray[np.float64]
ACROSS, LEAST = 80, 16
"""Letters of a line, and the least of them that a chart takes."""

SHADES, BELOW = " ░▒▓█", " ·-=#"


def figure_text(figure: Figure) -> list[str]:
    r"""Draw a figure in lines of at most 80 letters.

    Example:
        >>> from glorot.topics.figures import Lines, curve
        >>> print("\n".join(figure_text(Lines("It fades.", "layer", "signal", (curve("small", [1.0, 0.5, 0.0]),)))))
          It fades.
          small  ██████████████████████▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄                       1 → 0
          signal by layer, 1 to 3
    """
    match figure:
        case Lines():
            rows = _lines(figure)
        case Histograms():
            rows = _histograms(figure)
        case Bars():
            rows = _bars(figure)
        case Grids():
            rows = _grids(figure)
    return [f"  {row}".rstrip() for row in (*textwrap.wrap(figure.title, ACROSS - 2), *rows)]


def _lines(figure: Lines) -> list[str]:
    values = [np.array(one.y) for one in figure.curves]
    if figure.log:
        values = [np.log10(one) for one in values]
    low, high = min(float(one.min()) for one in values), max(float(one.max()) for one in values)
    if not figure.log:
        low = min(low, 0.0)
    heights = [(one - low) / max(high - low, 1e-300) for one in values]
    told = [f"{brief(one.y[0])} → {brief(one.y[-1])}" for one in figure.curves]
    charts = _charts([one.name for one in figure.curves], heights, told)
    x = figure.curves[0].x
    scale = ", in powers of ten" if figure.log else ""
    return [*charts, f"{figure.y} by {figure.x}, {brief(x[0])} to {brief(x[-1])}{scale}"]


def _charts(names: Sequence[str], heights: Sequence[Floats], told: Sequence[str]) -> list[str]:
    """Draw rows of equal width: name, chart, and what is told of it."""
    wide, words = max(map(len, names)), max(map(len, told))
    room = max(ACROSS - 2 - wide - 2 - 2 - words, LEAST)
    rows = []
    for name, height, word in zip(names, heights, told, strict=True):
        shown = height[(np.arange(room) * len(height) // room)]
        row = "".join(EIGHTHS[_eighth(value)] for value in shown)
        rows.append(f"{name:<{wide}}  {row:<{room}}  {word}".rstrip())
    return rows


def _eighth(value: float) -> int:
    """Return how many eighths of a letter stand for a height in [0, 1]; what is not quite 0 can be seen."""
    return min(max(round(8 * float(value)), int(value > 0)), 8)


def _histograms(figure: Histograms) -> list[str]:
    shares = [np.array(row.shares) for row in figure.rows]
    heights = [share / max(float(share.max()), 1e-300) for share in shares]
    charts = _charts([row.name for row in figure.rows], heights, [row.told for row in figure.rows])
    return [*charts, f"{figure.x}, {brief(figure.rows[0].low)} to {brief(figure.rows[0].high)}"]


def _bars(figure: Bars) -> list[str]:
    wide = max(len(bar.name) for bar in figure.bars)
    room = ACROSS - 2 - wide - 2 - 1 - max(len(bar.told) for bar in figure.bars)
    most = max(abs(bar.value) for bar in figure.bars) or 1.0
    rows = [
        f"{bar.name:<{wide}}  {'█' * max(math.ceil(abs(bar.value) / most * room), 1)} {bar.told}" for bar in figure.bars
    ]
    return [*rows, figure.x]


def _grids(figure: Grids) -> list[str]:
    largest = max(abs(value) for one in figure.grids for row in one.values for value in row) or 1.0
    columns = []
    for one in figure.grids:
        shaded = ["│" + "".join(_shade(value / largest) for value in row) + "│" for row in one.values]
        wide = max(len(one.name), *(len(row) for row in shaded))
        columns.append([f"{row:<{wide}}" for row in (one.name, *shaded)])
    tallest = max(map(len, columns))
    filled = [[*column, *[" " * len(column[0])] * (tallest - len(column))] for column in columns]
    return [*("   ".join(row) for row in zip(*filled, strict=True)), *textwrap.wrap(figure.told, ACROSS - 2)]


def _shade(value: float) -> str:
    level = min(round(abs(value) * 4 + 0.49), 4) if value else 0
    return (BELOW if value < 0 else SHADES)[level] * 2
