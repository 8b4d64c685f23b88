"""The figures of topics for the browser: lines, histograms, bars and small matrices, as SVG."""

import math
from collections.abc import Sequence

import numpy as np

from glorot.report.colors import letters
from glorot.report.explanation.marks import (
    BLUE,
    CELL,
    EDGE,
    GREEN,
    ORANGE,
    WIDTH,
    Frame,
    axis,
    drawing,
    heat,
    line,
    room_of,
    words,
)
from glorot.report.labels import set_apart
from glorot.text import number
from glorot.topics import Bars, Figure, Grids, Histograms, Lines
from glorot.topics.figures import Histogram

COLOURS = (BLUE, ORANGE, GREEN, letters(8))
PLOT, ROW, LETTER = 240, 64, 14
"""Heights of the field of a chart and of one histogram, and the size of letters."""


def figure_svg(figure: Figure, width: int = WIDTH) -> str:
    """Draw a figure for a column of this width.

    Example:
        >>> from glorot.topics import TOPICS
        >>> figure_svg(TOPICS.make("variance").figure).startswith("<svg")
        True
    """
    match figure:
        case Lines():
            return _lines(figure, width)
        case Histograms():
            return _histograms(figure, width)
        case Bars():
            return _bars(figure, width)
        case Grids():
            return _grids(figure, width)


def _lines(figure: Lines, width: int) -> str:
    """Draw curves, each with its name at its end where there is room, else in rows above."""
    names = [one.name for one in figure.curves]
    beside = max(room_of(name, LETTER, bold=True) for name in names) + 14
    is_beside = width == WIDTH
    top = 34 if is_beside else 28 + 19 * len(names)
    values = np.concatenate([one.y for one in figure.curves])
    low, high = _ends(values, figure.log)
    x = [place for one in figure.curves for place in one.x]
    scaled = tuple(_scaled(end, figure.log) for end in (low, high))
    right = width - EDGE - (beside if is_beside else 8)
    frame = Frame(EDGE + 44, right, top, top + PLOT, (min(x), max(x)), (scaled[0], scaled[1]))
    parts = [axis(frame, figure.x), _levels(frame, low, high, figure.log), words(EDGE, top - 14, figure.y, "start")]
    ends = [frame.down(_scaled(one.y[-1], figure.log)) for one in figure.curves]
    heights = set_apart(ends, [19.0] * len(ends), top, top + PLOT) if is_beside else []
    for n, one in enumerate(figure.curves):
        colour = COLOURS[n % len(COLOURS)]
        y = np.array([_scaled(value, figure.log) for value in one.y])
        parts.append(line(frame.path(np.array(one.x, dtype=float), y), colour))
        across, down = (right + 10, heights[n] + 5) if is_beside else (EDGE, 18.0 + 19 * n)
        parts.append(words(across, down, one.name, "start", colour, LETTER, bold=True))
    if not is_beside:
        parts[2] = words(EDGE, 18 + 19 * len(names), figure.y, "start", size=13)
    return drawing(parts, width, top + PLOT + 46, figure.title)


def _scaled(value: float, log: bool) -> float:
    return math.log10(value) if log else value


def _ends(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], log: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if log:
        return low / 1.3, high * 1.3
    low = min(low, 0.0) if low < 0.3 * high else low
    margin = 0.06 * (high - low) or 1.0
    return low - margin * (low != 0), high + margin


def _levels(frame: Frame, low: float, high: float, log: bool) -> str:
    """Draw quiet lines across at round values."""
    if log:
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        step = max(1, math.ceil((last - first + 1) / 6))
        values = [10.0**power for power in range(first, last + 1, step)] or [math.sqrt(low * high)]
    else:
        step_size = 10.0 ** math.floor(math.log10((high - low) / 2))
        step_size *= next(s for s in (1, 2, 5, 10) if (high - low) / (s * step_size) <= 5)
        values = [n * step_size for n in range(math.ceil(low / step_size), math.floor(high / step_size) + 1)]
    parts = []
    for value in values:
        y = frame.down(_scaled(value, log))
        parts.append(
            f'<line x1="{frame.left:.1f}" x2="{frame.right:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            'stroke-opacity="0.15"/>'
        )
        parts.append(words(frame.left - 6, y + 4, number(round(value, 12) + 0.0), "end", size=12))
    return "".join(parts)


def _histograms(figure: Histograms, width: int) -> str:
    """Draw histograms one above the other on one axis, each under its name."""
    parts = []
    low, high = figure.rows[0].low, figure.rows[0].high
    bottom = 8 + len(figure.rows) * (ROW + 34)
    frame = Frame(EDGE + 2, width - EDGE - 2, 8, bottom, (low, high), (0, 1))
    for n, row in enumerate(figure.rows):
        base = 8 + (n + 1) * (ROW + 34)
        colour = COLOURS[n % len(COLOURS)]
        parts += [_steps(frame, row, base, colour)]
        parts.append(words(EDGE, base - ROW - 10, row.name, "start", colour, LETTER, bold=True))
        parts.append(words(width - EDGE, base - ROW - 10, row.told, "end", size=13))
    parts.append(axis(frame, figure.x))
    return drawing(parts, width, bottom + 44, figure.title)


def _steps(frame: Frame, row: Histogram, base: float, colour: str) -> str:
    shares = np.array(row.shares)
    heights = base - ROW * shares / max(float(shares.max()), 1e-300)
    edges = [frame.across(x) for x in np.linspace(row.low, row.high, len(shares) + 1)]
    steps = " ".join(
        f"{edge:.1f},{height:.1f}" for n, height in enumerate(heights) for edge in (edges[n], edges[n + 1])
    )
    points = f"{edges[0]:.1f},{base:.1f} {steps} {edges[-1]:.1f},{base:.1f}"
    return f'<polygon points="{points}" fill="{colour}" fill-opacity="0.5" stroke="{colour}" stroke-opacity="0.9"/>'


def _bars(figure: Bars, width: int) -> str:
    """Draw lengths, each under its name."""
    most = max(abs(bar.value) for bar in figure.bars) or 1.0
    room = width - 2 * EDGE - max(room_of(bar.told, 13) for bar in figure.bars) - 12
    parts = [words(EDGE, 18, figure.x, "start", size=13)]
    for n, bar in enumerate(figure.bars):
        top = 34 + 44 * n
        length = max(abs(bar.value) / most * room, 1.0)
        colour = COLOURS[n % len(COLOURS)]
        parts.append(words(EDGE, top + 13, bar.name, "start", colour, LETTER, bold=True))
        parts.append(
            f'<rect x="{EDGE}" y="{top + 19}" width="{length:.1f}" height="14" fill="{colour}" fill-opacity="0.65"/>'
        )
        parts.append(words(EDGE + length + 7, top + 31, bar.told, "start", size=13))
    return drawing(parts, width, 34 + 44 * len(figure.bars), figure.title)


def _grids(figure: Grids, width: int) -> str:
    """Draw small matrices, side by side while there is room."""
    largest = max(abs(value) for one in figure.grids for row in one.values for value in row)
    parts: list[str] = []
    left, top, tallest = EDGE, 8, 0
    for one in figure.grids:
        values = np.array(one.values)
        across = max(values.shape[1] * CELL, math.ceil(room_of(one.name, LETTER, bold=True)))
        if left > EDGE and left + across > width - EDGE:
            left, top, tallest = EDGE, top + tallest + 18, 0
        parts.append(words(left, top + 14, one.name, "start", size=LETTER, bold=True))
        parts.append(heat(values, left, top + 24, largest))
        left += across + 40
        tallest = max(tallest, 24 + values.shape[0] * CELL)
    return drawing(parts, width, top + tallest + 8, figure.title)


def figure_words(figure: Figure) -> Sequence[str]:
    """Return what a caption says of a figure: what is seen, and how it is to be read."""
    return [figure.title, figure.told] if isinstance(figure, Grids) else [figure.title]
