"""The marks of all drawings: frames, axes, lines and words, as SVG.

Lines and letters take the colour of the text around them, so a drawing suits light and dark pages; it needs no sheet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from glorot.report.colors import FONT, letters
from glorot.report.labels import text_width
from glorot.text import number

Floats = NDArray[np.float64]
BLUE, ORANGE, GREEN = letters(11), letters(12), letters(10)
WIDTH, NARROW, HEIGHT, CELL = 720, 340, 300, 26
"""The widths of drawings, in a wide column and on a telephone; the height of most, and the side of a cell."""

EDGE, TOP, BOTTOM = 6, 46, 44


@dataclass(frozen=True)
class Frame:
    """A rectangle of the drawing, and the numbers that its edges stand for."""

    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, x: float) -> float:
        """Return where a number lies from left to right."""
        return self.left + (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def down(self, y: float) -> float:
        """Return where a number lies from top to bottom."""
        return self.bottom - (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)

    def path(self, x: Floats, y: Floats) -> str:
        """Return the points of a curve."""
        return " ".join(f"{self.across(a):.1f},{self.down(b):.1f}" for a, b in zip(x, y, strict=True))


def axis(frame: Frame, label: str) -> str:
    """Draw the line below a frame, with round numbers and what they are."""
    parts = [
        f'<line x1="{frame.left:.1f}" x2="{frame.right:.1f}" y1="{frame.bottom}" y2="{frame.bottom}" '
        f'stroke="currentColor" stroke-opacity="0.6"/>'
    ]
    for tick in ticks(*frame.x):
        x = frame.across(tick)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{frame.bottom}" y2="{frame.bottom + 5}" stroke="currentColor"/>'
        )
        place = kept_inside(x, number(tick), "middle", 12, frame)
        parts.append(words(place, frame.bottom + 19, number(tick), "middle", size=12))
    parts.append(words((frame.left + frame.right) / 2, frame.bottom + 37, label, "middle", size=13))
    return "".join(parts)


def ticks(low: float, high: float) -> list[float]:
    """Return five to ten round numbers between two ends."""
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = max((s for s in (1, 2, 5) if (high - low) / (s * power) >= 4), default=1) * power
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def line(points: str, colour: str) -> str:
    """Draw a curve through points."""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>'


def rule(x: float, top: float, bottom: float, colour: str) -> str:
    """Draw a dashed line from top to bottom."""
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{colour}" stroke-opacity="0.8" '
        'stroke-dasharray="4 4"/>'
    )


def words(
    x: float, y: float, text: str, anchor: str, colour: str = "currentColor", size: int = 14, *, bold: bool = False
) -> str:
    """Write words, whose `anchor` (start, middle, end) stands at x."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}"{weight}>'
        f"{escape(text)}</text>"
    )


def room_of(text: str, size: float, bold: bool = False) -> float:
    """Return how much room a text may take in the wider of the fonts that it may be set in."""
    return 1.2 * text_width(text, size, bold)


def kept_inside(x: float, text: str, anchor: str, size: float, frame: Frame) -> float:
    """Return the place nearest to x at which a text does not leave the drawing around a frame."""
    room = room_of(text, size, bold=True)
    before = {"start": 0.0, "middle": room / 2, "end": room}[anchor]
    return min(max(x, frame.left - EDGE + before), frame.right + EDGE - room + before)


def drawing(parts: Sequence[str], width: float, height: float, title: str) -> str:
    """Put marks together to one drawing; the title is for whoever cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="100%" role="img" '
        f'aria-label="{escape(title)}" font-family="{FONT}">{"".join(parts)}</svg>'
    )


def heat(values: Floats, left: float, top: float, largest: float | None = None) -> str:
    """Draw a small matrix: orange above 0, blue below, the stronger the further from 0."""
    full = max(float(np.abs(values).max()) if largest is None else largest, 1e-300)
    cells = []
    for (row, column), value in np.ndenumerate(values):
        colour = BLUE if value < 0 else ORANGE
        cells.append(
            f'<rect x="{left + column * CELL}" y="{top + row * CELL}" width="{CELL - 1}" height="{CELL - 1}" '
            f'fill="{colour}" fill-opacity="{abs(value) / full:.3f}" stroke="currentColor" stroke-opacity="0.12"/>'
        )
    return "".join(cells)
