"""The first picture of a page: the signal of every start, layer by layer, before training.

Drawn as plain SVG: dozens of shapes, whose labels must stand inside at every width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from glorot.comparison.comparison import Comparison
from glorot.comparison.nicknames import OLD_RULE, nicknames
from glorot.markup import html_text
from glorot.report.charts import power
from glorot.report.coinciding import coinciding
from glorot.report.colors import FONT, letters, paint, stroke
from glorot.report.courses import Course, courses, summarize
from glorot.report.labels import set_apart, short_names, text_width, wrapped
from glorot.report.readout import Readout, overlay
from glorot.text import brief

TURN = 9
"""How far a line that stands for several starts is drawn in the colour of each, in pixels."""

SPAN = 1e8
"""How far from where it usually starts a signal is drawn; what goes further stays at the edge."""

HEAD, EDGE = 16.0, 10.0
"""The line of words above the plot, and the room between its sides and its lines."""

ZERO = 26.0
"""How far below the plot zero has its place, for a log axis never reaches it."""


@dataclass(frozen=True)
class Size:
    """One width that the picture is drawn for.

    Attributes:
        name: of the class by which the sheet shows it.
        width: of the whole, in pixels.
        height: of the plot.
        letters: the size of its letters.
        labels: the most room that labels take.
        results: whether the figures after training stand beside the labels.
    """

    name: str
    width: float
    height: float
    letters: float
    labels: float
    results: bool


SIZES = (
    Size("small", 340, 330, 12, 150, results=False),
    Size("medium", 720, 330, 14, 262, results=True),
    Size("large", 1180, 340, 16, 365, results=True),
)


def hero(comparison: Comparison) -> str:
    """Draw the signal of every start for each width; the sheet shows the one that fits.

    Args:
        comparison: what was measured.

    Returns:
        HTML: each drawing with its values over it; empty without hidden layers.
    """
    return "".join(map(_with_values, _pictures(comparison, SIZES)))


def hero_svg(comparison: Comparison, size: Size) -> str:
    """Draw the signal of every start for one width; empty without hidden layers."""
    return "".join(map(_svg, _pictures(comparison, [size])))


def caption(comparison: Comparison) -> str:
    """Say what the picture shows."""
    seeds = f", mean of {comparison.seeds} seeds" if comparison.seeds > 1 else ", from one seed"
    words = (
        f"Signal: standard deviation of a unit's activation across examples{seeds}; only what differs tells one "
        "example from another."
    )
    found = courses(comparison)
    if max((len(course.values) for course in found), default=0) > 1:
        words += " ×: in the last layer, as a multiple of the first."
    if OLD_RULE in nicknames(comparison).values():
        words += f" The {OLD_RULE}: uniform on ±1/√fan_in, usual before Xavier."
    low, high = _reach(found)
    beyond = any(value and not low <= value <= high for course in found for value in course.values)
    return f"{words} A line at the edge goes on beyond it." if beyond else words


def _reach(found: Sequence[Course]) -> tuple[float, float]:
    """Return the least and the greatest signal that are drawn."""
    values = sorted(v for course in found for v in course.values if math.isfinite(v) and v > 0) or [1.0]
    firsts = sorted(v for course in found for v in course.values[:1] if math.isfinite(v) and v > 0) or values
    middle = firsts[len(firsts) // 2]
    return max(values[0], middle / SPAN) / 1.5, min(values[-1], middle * SPAN) * 1.5


@dataclass(frozen=True)
class _Grid:
    """Where a signal stands: log scale upwards, zero below it, layers to the right."""

    size: Size
    reach: tuple[float, float]
    layers: int
    zero: bool
    height: float
    room: float

    @property
    def top(self) -> float:
        """Where the plot begins, below a line of words, or two where the results have a head."""
        return HEAD + (40.0 if self.size.results else 20.0)

    @property
    def left(self) -> float:
        return 4.0 * self.size.letters

    @property
    def right(self) -> float:
        right = self.size.width - self.room
        return right if self.layers > 1 else min(right, self.left + 10 * self.size.letters)

    @property
    def last(self) -> float:
        """The lowest place that a line can have."""
        return self.top + self.height + (ZERO if self.zero else 0.0)

    @property
    def total(self) -> float:
        """The height of the whole picture."""
        return self.last + 22 + 1.7 * self.size.letters

    def across(self, layer: int) -> float:
        """Return where a layer, counted from 1, stands."""
        if self.layers == 1:
            return self.right - EDGE
        return self.left + EDGE + (layer - 1) / (self.layers - 1) * (self.right - self.left - 2 * EDGE)

    def down(self, value: float) -> float:
        """Return where a signal stands; what is not a number stands at the upper edge."""
        low, high = self.reach
        if value == 0:
            return self.last
        inside = min(max(value, low), high) if math.isfinite(value) else high
        return self.top + self.height * math.log(high / inside) / math.log(high / low)

    def inside(self, course: Course) -> int:
        """Return how many points a line has before it leaves over the edge, if it does."""
        low, high = self.reach
        beyond = [bool(value) and not low <= value <= high for value in course.values]
        return beyond.index(True) if any(beyond) else len(beyond)

    def path(self, course: Course) -> list[tuple[float, float]]:
        """Return where the points of a line stand; those beyond the edge stand at it."""
        return [(self.across(layer), self.down(value)) for layer, value in enumerate(course.values, 1)]


class Piece(NamedTuple):
    """Some words of a label: bold where they are a name or a result, and a name in its colour (0: none)."""

    text: str
    bold: bool = False
    hue: int = 0


Row = tuple[Piece, ...]


@dataclass(frozen=True)
class _Line:
    """One line of the picture: lines that coincide, under all their names.

    Attributes:
        course: the first of them.
        names: what all of them are called.
        hues: the numbers of their colours.
        result: what training made of them.
        block: the lines of letters of its label, each in pieces.
        middle: where its label stands.
    """

    course: Course
    names: tuple[str, ...]
    hues: tuple[int, ...]
    result: str
    block: tuple[Row, ...]
    middle: float = 0.0


@dataclass(frozen=True)
class _Picture:
    """The picture for one width.

    Attributes:
        grid: where signals stand.
        lines: what is drawn.
        told: what it shows, for whoever cannot see it.
        head: what stands above the figures after training.
    """

    grid: _Grid
    lines: tuple[_Line, ...]
    told: str
    head: tuple[str, str]


def _pictures(comparison: Comparison, sizes: Sequence[Size]) -> list[_Picture]:
    found = [course for course in courses(comparison) if course.values]
    head = f"test {'accuracy' if comparison.classifies else 'loss'}", f"at epoch {comparison.epochs}"
    return [_Picture(*_placed(found, size), summarize(found), head) for size in sizes if found]


def _placed(found: Sequence[Course], size: Size) -> tuple[_Grid, tuple[_Line, ...]]:
    """Find where everything stands; the picture is as high as its labels need."""
    zero = any(value == 0 for course in found for value in course.values)
    grid = _Grid(size, _reach(found), max(len(course.values) for course in found), zero, size.height, size.labels)
    short = short_names([course.name for course in found], 26 if size.results else 18)
    lines = []
    for group in coinciding([grid.path(course) for course in found]):
        course, names = found[group[0]], tuple(found[place].name for place in group)
        hues = tuple(found[place].hue for place in group)
        result = " · ".join(dict.fromkeys(found[place].result for place in group))
        called = [Piece(short[name], bold=True, hue=hue) for name, hue in zip(names, hues, strict=True)]
        lines.append(_Line(course, names, hues, result, _block(called, course.words, result, size)))
    step = 1.25 * size.letters
    heights = [len(line.block) * step + 5 for line in lines]
    taken = max(_width(row, size.letters) for line in lines for row in line.block) + 1.5 * size.letters + 4
    results = ("test accuracy", *(line.result for line in lines))
    beside = 10 + max(text_width(words, size.letters, bold=True) for words in results) if size.results else 0.0
    height = max(size.height, sum(heights) - (ZERO if zero else 0.0))
    grid = replace(grid, height=height, room=min(taken, size.labels) + beside)
    wanted = [grid.path(line.course)[-1][1] for line in lines]
    middles = set_apart(wanted, heights, grid.top - 5, grid.last + 0.6 * step)
    return grid, tuple(replace(line, middle=middle) for line, middle in zip(lines, middles, strict=True))


def _width(row: Row, size: float) -> float:
    return sum(text_width(piece.text, size, piece.bold) for piece in row) + (len(row) - 1) * size / 2


def _block(names: Sequence[Piece], words: str, result: str, size: Size) -> tuple[Row, ...]:
    """Set names and words in one line if there is room, else one below the other; without a column, the result too."""
    room, words = size.labels - 1.5 * size.letters - 4, words.replace(" %", "\u00a0%")
    called = [piece._replace(text=f"{piece.text} ·") for piece in names[:-1]] + [names[-1]]
    if size.results:
        line = (*called[:-1], called[-1]._replace(text=f"{names[-1].text}:"), Piece(words))
        if _width(line, size.letters) <= room:
            return (line,)
    else:
        called.append(Piece(result.replace(" %", "\u00a0%"), bold=True))
    below = [(Piece(each),) for each in wrapped(words.split(" "), room, size.letters)]
    return (*_rows(called, room, size.letters), *below)


def _rows(pieces: Sequence[Piece], room: float, letters: float) -> list[Row]:
    """Break pieces into rows that fit."""
    rows: list[Row] = [()]
    for piece in pieces:
        longer = (*rows[-1], piece)
        rows[-1:] = [longer] if not rows[-1] or _width(longer, letters) <= room else [rows[-1], (piece,)]
    return rows


def _with_values(picture: _Picture) -> str:
    size, readouts = picture.grid.size, []
    for line in picture.lines:
        pairs = zip(picture.grid.path(line.course), line.course.values, strict=True)
        points = tuple((x, y, f"layer {n}: {brief(value)}") for n, ((x, y), value) in enumerate(pairs, 1))
        readouts.append(Readout(" · ".join(line.names), points))
    over = overlay(readouts, (size.width, picture.grid.total))
    return f'<div class="{size.name}">{_svg(picture)}{over}</div>'


def _svg(picture: _Picture) -> str:
    grid = picture.grid
    parts = [_axes(grid)]
    for draw in (_curve, _label):
        parts += [draw(grid, line) for line in picture.lines]
    if grid.size.results:
        for row, words in enumerate(picture.head):
            y = HEAD + 1.2 * row * grid.size.letters
            parts.append(_words(words, grid.size.width, y, "end", f'fill="{paint("soft")}"'))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {grid.size.width:g} {grid.total:g}" role="img" '
        f'aria-label="{html_text(picture.told)}" font-family="{FONT}" '
        f'font-size="{grid.size.letters:g}" fill="{paint("ink")}">{"".join(parts)}</svg>'
    )


def _axes(grid: _Grid) -> str:
    soft = f'fill="{paint("soft")}"'
    parts = [_words("std across examples, log scale", 0, HEAD, "start", soft)]
    for value, name in _ticks(*grid.reach):
        y = grid.down(value)
        parts.append(f'<path d="M{grid.left:.1f},{y:.1f}H{grid.right:.1f}" stroke="{paint("grid")}"/>')
        parts.append(_words(name, grid.left - 8, y + 0.35 * grid.size.letters, "end", soft))
    if grid.zero:
        dashes = f'stroke="{paint("axis")}" stroke-dasharray="2 4"'
        parts.append(f'<path d="M{grid.left:.1f},{grid.last:.1f}H{grid.right:.1f}" {dashes}/>')
        parts.append(_words("0", grid.left - 8, grid.last + 0.35 * grid.size.letters, "end", soft))
    step = math.ceil(grid.layers * 1.6 * grid.size.letters / (grid.right - grid.left))
    for layer in range(1, grid.layers + 1, step):
        parts.append(_words(str(layer), grid.across(layer), grid.last + 22, "middle", soft))
    middle = (grid.left + grid.right) / 2 if grid.layers > 1 else grid.right - EDGE
    parts.append(_words("hidden layer", middle, grid.last + 22 + 1.25 * grid.size.letters, "middle", soft))
    return "".join(parts)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return seven powers of ten at most, or round numbers where there are not three of them, each with its name."""
    inside = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    if len(inside) > 2:
        step = math.ceil(len(inside) / 7)
        return [(10.0**place, power(place)) for place in inside if place % step == 0]
    digits = (1, 2, 5) if high / low > 4 else (1, 1.5, 2, 3, 4, 5, 7)
    values = [digit * 10.0**place for place in range(inside.start - 1, inside.stop + 1) for digit in digits]
    return [(value, f"{value:g}") for value in values if low <= value <= high]


def _curve(grid: _Grid, line: _Line) -> str:
    """Draw a line; one for several starts takes turns in their colours."""
    inside, several = grid.inside(line.course), len(line.hues)
    points = [f"{x:.1f},{y:.1f}" for x, y in grid.path(line.course)[: inside + 1]]
    dots = "".join(f"M{point}h0" for point in points[:inside])
    wide = min(8.0, max(3.0, 0.6 * (grid.right - grid.left) / grid.layers))
    parts = []
    for turn, hue in enumerate(line.hues):
        dash = line.course.dash if line.course.dash != (1, 0) else (TURN, TURN * (several - 1)) if turn else ()
        dashes = f' stroke-dasharray="{" ".join(map(str, dash))}" stroke-dashoffset="{-turn * TURN}"' if dash else ""
        parts.append(
            f'<path d="M{"L".join(points)}" fill="none" stroke="{stroke(hue)}" stroke-width="3" '
            f'stroke-linejoin="round"{dashes}/>'
        )
    look = f'stroke="{stroke(line.course.hue)}" stroke-width="{wide:.1f}" stroke-linecap="round"'
    return "".join(parts) + f'<path d="{dots}" {look}/>'


def _label(grid: _Grid, line: _Line) -> str:
    """Draw a label with a thin leader from the end of its line, and what training made of it."""
    size, (x, y) = grid.size.letters, grid.path(line.course)[: grid.inside(line.course) + 1][-1]
    place = grid.right + 1.5 * size
    leader = f'd="M{x + 6:.1f},{y:.1f}L{place - 5:.1f},{line.middle:.1f}" stroke="{stroke(line.course.hue)}"'
    parts = [f'<path {leader} stroke-opacity=".6"/>']
    base = line.middle - (len(line.block) - 1) * 1.25 * size / 2 + 0.35 * size
    for row, pieces in enumerate(line.block):
        spans = " ".join(map(_span, pieces))
        parts.append(f'<text x="{place:.1f}" y="{base + row * 1.25 * size:.1f}">{spans}</text>')
    if grid.size.results:
        parts.append(_words(line.result, grid.size.width, base, "end", 'font-weight="600"'))
    return "".join(parts)


def _span(piece: Piece) -> str:
    text, fill = html_text(piece.text), f' fill="{letters(piece.hue)}"' if piece.hue else ""
    return f'<tspan font-weight="700"{fill}>{text}</tspan>' if piece.bold else text


def _words(words: str, x: float, y: float, anchor: str, look: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {look}>{html_text(words)}</text>'
