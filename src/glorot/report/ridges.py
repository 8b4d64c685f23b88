"""Histograms of what enters the activations, as ridges under φ and its slope on the same axis.

Drawn as plain SVG: dozens of small shapes on one shared axis need no chart library.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glorot.activations import Activation, activation
from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult, Run, hidden
from glorot.errors import GlorotError
from glorot.markup import html_text
from glorot.probe.signal import SATURATED_BELOW, Histogram
from glorot.report.colors import FONT, letters, paint, stroke
from glorot.report.curves import style
from glorot.report.labels import short_names, shorten

MOST_LAYERS = 6
WHEN = (("start", "start", 0.35), ("first", "epoch 1", 0.6), ("end", "end", 0.95))
TOP, CURVE, RIDGE, SPACE = 30.0, 104.0, 30.0, 20.0
SOFT = paint("soft")
WORTH_TELLING = 0.01


@dataclass(frozen=True)
class Look:
    """One width that the histograms are drawn for.

    Attributes:
        name: of the class by which the sheet shows it.
        width: of the whole, in pixels.
        left: the room of the names; 0 sets them above.
        gap: between two layers.
        edge: the width of the block of what lies beyond the axis.
        letters: the size of the letters.
        ticks: how many parts the axis has.
    """

    name: str
    width: float
    left: float
    gap: float
    edge: float
    letters: float
    ticks: int


LOOKS = (
    Look("small", 340, 0, 6, 5, 12, 2),
    Look("medium", 760, 120, 8, 6, 12, 2),
    Look("large", 1320, 190, 16, 10, 14, 4),
)


@dataclass(frozen=True)
class Column:
    """One layer: where it stands, what its axis spans, and the activation that follows it (None: unknown)."""

    layer: int
    name: str
    left: float
    width: float
    edge: float
    low: float
    high: float
    phi: Activation | None

    @property
    def middle(self) -> float:
        """The place of its middle on the page."""
        return self.left + self.width / 2

    def x(self, z: float) -> float:
        """Return the place of a value on the page."""
        inner = self.width - 2 * self.edge
        return self.left + self.edge + (z - self.low) / (self.high - self.low) * inner


def ridges(comparison: Comparison, finding: str) -> str:
    """Draw the histograms of every recipe and hidden layer, at the start, after one epoch and at the end.

    Args:
        comparison: the comparison; of more than six hidden layers, six are shown.
        finding: what the drawing shows, for whoever cannot see it.

    Returns:
        HTML: a drawing for each width; the sheet shows the one that fits.
    """
    return "".join(f'<div class="{look.name}">{_drawing(comparison, look, finding)}</div>' for look in LOOKS)


def _drawing(comparison: Comparison, look: Look, finding: str) -> str:
    columns = _columns(comparison, look)
    above = 0.0 if look.left else 1.6 * look.letters
    first = TOP + CURVE + SPACE
    group = above + len(WHEN) * RIDGE + SPACE
    bottom = first + group * len(comparison.results)
    most = int((look.left or 170) / (0.6 * look.letters))
    names = short_names([style(comparison, result.recipe)[0] for result in comparison.results], most)
    parts = [_zones(column, bottom) + _curves(column, look) for column in columns]
    for place, result in enumerate(comparison.results):
        name, hue, _ = style(comparison, result.recipe)
        parts += _names(names[name], hue, look, first + place * group)
        parts += _group(result, columns, hue, first + place * group + above)
    parts += [_axis(column, look, bottom) for column in columns]
    parts.append(_words("what enters φ", (look.left + look.width) / 2, bottom + 32, "middle", f'fill="{SOFT}"'))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {look.width:.0f} {bottom + 44:.0f}" role="img" '
        f'aria-label="{html_text(finding)}" font-family="{FONT}" font-size="{look.letters:g}" fill="{paint("ink")}">'
        f"{''.join(parts)}</svg>"
    )


def caption(comparison: Comparison) -> str:
    """Say how the drawing is read."""
    columns = _columns(comparison, LOOKS[0])
    words = [
        "Each curve is scaled to its own peak; all seeds together. The blocks at both edges hold what lies beyond the "
        "axis, with its share where it is 1 % or more."
    ]
    if any(column.phi for column in columns):
        words.insert(0, "Top: the activation φ (solid) and its slope φ′ (dashed).")
        if any(_saturated(column) for column in columns):
            words.insert(1, "Shaded: the saturated zone, where the slope is below 5 % of its maximum.")
    total = len(hidden(comparison.results[0].runs[0].start))
    if total > len(columns):
        words.append(f"{len(columns)} of {total} hidden layers are shown.")
    return " ".join(words)


def _columns(comparison: Comparison, look: Look) -> list[Column]:
    layers = hidden(comparison.results[0].runs[0].start)
    shown = sorted({round(i) for i in np.linspace(0, len(layers) - 1, min(MOST_LAYERS, len(layers)))})
    width = min((look.width - look.left - look.gap * (len(shown) - 1)) / len(shown), 420.0)
    columns = []
    for place, index in enumerate(shown):
        layer = layers[index]
        try:
            phi = activation(layer.activation)
        except GlorotError:  # a function of the user's, which the catalogue cannot draw
            phi = None
        left = look.left + place * (width + look.gap)
        ends = layer.histogram.low, layer.histogram.high
        columns.append(Column(index, layer.layer, left, width, look.edge, *ends, phi))
    return columns


def _saturated(column: Column) -> list[tuple[float, float]]:
    """Return the ranges of z in which the slope is below 5 % of its maximum."""
    if column.phi is None:
        return []
    z = np.linspace(column.low, column.high, 481)
    flat = np.abs(column.phi.derivative(z)) < SATURATED_BELOW * column.phi.steepest
    turns = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(int)))
    return [(float(z[a]), float(z[b - 1])) for a, b in zip(turns[::2], turns[1::2], strict=True) if b - a > 2]


def _zones(column: Column, bottom: float) -> str:
    rectangles = []
    for low, high in _saturated(column):
        left = column.left if low == column.low else column.x(low)
        right = column.left + column.width if high == column.high else column.x(high)
        size = f'width="{right - left:.1f}" height="{bottom - TOP:.1f}"'
        rectangles.append(f'<rect x="{left:.1f}" y="{TOP}" {size} fill="{paint("zone")}"/>')
    return "".join(rectangles)


def _curves(column: Column, look: Look) -> str:
    """Draw the name of the layer, and φ and φ′ where they are known."""
    room = int(column.width / (0.59 * look.letters))
    head = _words(shorten(column.name, room), column.middle, 18, "middle", 'font-weight="600"')
    if column.phi is None:
        return head
    z = np.linspace(column.low, column.high, 97)
    value, slope = column.phi.function(z), column.phi.derivative(z)
    low = max(min(value.min(), slope.min()), -1.3) - 0.1
    high = min(max(value.max(), slope.max()), 1.3) + 0.1
    scale = CURVE / (high - low)
    zero = TOP + high * scale
    lines = f'<path d="M{column.left:.1f},{zero:.1f}h{column.width:.1f}" stroke="{paint("axis")}" stroke-width="1"/>'
    for y, dash, name in ((value, "", "φ"), (slope, ' stroke-dasharray="5 3"', "φ′")):
        inside = (y >= low) & (y <= high)
        path = _path(column, z, TOP + (high - y) * scale, inside)
        lines += f'<path d="{path}" fill="none" stroke="{paint("ink")}" stroke-width="1.8"{dash}/>'
        if column.left == look.left > 0:
            place = TOP + CURVE * (0.75 if name == "φ" else 0.25)
            lines += _words(f"{name} {'- -' if dash else '—'}", look.left - 12, place + 5, "end", 'font-weight="600"')
    return head + lines


def _path(column: Column, z: NDArray[np.float64], y: NDArray[np.float64], inside: NDArray[np.bool_]) -> str:
    """Join the points that lie inside, lifting the pen over those that do not."""
    steps = []
    for place in np.flatnonzero(inside):
        pen = "L" if place and inside[place - 1] else "M"
        steps.append(f"{pen}{column.x(z[place]):.1f},{y[place]:.1f}")
    return "".join(steps)


def _names(name: str, hue: int, look: Look, top: float) -> list[str]:
    """Write the name of a recipe and those of its three lines: beside them, or above where there is no room."""
    whose, small = f'font-weight="600" fill="{letters(hue)}"', f'font-size="{0.9 * look.letters:g}" fill="{SOFT}"'
    times = [words for _, words, _ in WHEN]
    if not look.left:
        below = f"{', '.join(times)} ↓"
        return [_words(name, 0, top + 8, "start", whose), _words(below, look.width, top + 8, "end", small)]
    beside = enumerate(times, 1)
    return [
        _words(name, 0, top + 10, "start", whose),
        *(_words(words, look.left - 12, top + place * RIDGE - 3, "end", small) for place, words in beside),
    ]


def _group(result: RecipeResult, columns: list[Column], hue: int, top: float) -> list[str]:
    """Draw the ridges of one recipe: three lines for each layer."""
    return [
        _ridge(column, _pooled(result.runs, column.layer, when), top + place * RIDGE, hue, strength)
        for place, (when, _, strength) in enumerate(WHEN, 1)
        for column in columns
    ]


def _pooled(runs: tuple[Run, ...], layer: int, when: str) -> Histogram | None:
    """Add up a layer's histograms over the seeds that got so far."""
    found = [hidden(signal)[layer].histogram for run in runs if (signal := getattr(run, when)) is not None]
    if not found:
        return None
    counts = np.sum([one.counts for one in found], axis=0)
    return Histogram(found[0].low, found[0].high, tuple(counts.tolist()))


def _ridge(column: Column, pooled: Histogram | None, base: float, hue: int, strength: float) -> str:
    line = f'<path d="M{column.left:.1f},{base:.1f}h{column.width:.1f}" stroke="{paint("line")}" stroke-width="1"/>'
    total = sum(pooled.counts) if pooled else 0
    if pooled is None or not total:
        return line + _words("no number", column.middle, base - 6, "middle", f'font-size=".86em" fill="{SOFT}"')
    counts = np.array(pooled.counts, dtype=np.float64)
    beyond = counts[[0, -1]] / total
    counts[[0, -1]] = 0
    step = (pooled.high - pooled.low) / len(counts)
    room = (RIDGE - 5) / (2 if beyond.max() >= WORTH_TELLING else 1)  # leave room for the shares above it
    tops = base - counts / max(float(counts.max()), 1.0) * room
    edges = [column.x(pooled.low + place * step) for place in range(len(counts) + 1)]
    kept = np.flatnonzero(base - tops >= 0.05)
    path = ""
    if kept.size:
        first, last = int(kept[0]), int(kept[-1])
        steps = "".join(f"V{tops[place]:.1f}H{edges[place + 1]:.1f}" for place in range(first, last + 1))
        outline = f"M{edges[first]:.1f},{base:.1f}{steps}V{base:.1f}Z"
        path = f'<path d="{outline}" fill="{stroke(hue)}" fill-opacity="{strength}"/>'
    return line + path + _blocks(column, beyond, base, hue, strength)


def _blocks(column: Column, beyond: NDArray[np.float64], base: float, hue: int, strength: float) -> str:
    """Draw what lies beyond both ends of the axis, with its share."""
    parts = []
    sides = (
        (column.left, column.left + column.edge + 3, "start"),
        (column.left + column.width - column.edge, column.left + column.width - column.edge - 3, "end"),
    )
    for share, (left, beside, anchor) in zip(beyond, sides, strict=True):
        if share < WORTH_TELLING:
            continue
        height = share * (RIDGE - 5) / 2
        size = f'width="{column.edge:g}" height="{height:.1f}"'
        look = f'fill="{stroke(hue)}" fill-opacity="{strength}"'
        parts.append(f'<rect x="{left:.1f}" y="{base - height:.1f}" {size} {look}/>')
        words = f"{100 * share:.0f} %"
        parts.append(_words(words, beside, base - 16, anchor, f'font-size=".86em" fill="{letters(hue)}"'))
    return "".join(parts)


def _axis(column: Column, look: Look, bottom: float) -> str:
    places = [column.low + part * (column.high - column.low) / look.ticks for part in range(look.ticks + 1)]
    line = f'<path d="M{column.left:.1f},{bottom - 10:.1f}h{column.width:.1f}" stroke="{paint("axis")}"/>'
    for z in places:
        line += f'<path d="M{column.x(z):.1f},{bottom - 10:.1f}v5" stroke="{paint("axis")}"/>'
        line += _words(f"{z:g}".replace("-", "−"), column.x(z), bottom + 10, "middle", 'font-size=".9em"')
    return line


def _words(words: str, x: float, y: float, anchor: str, look: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {look}>{html_text(words)}</text>'
