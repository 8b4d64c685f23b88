"""Drawings of a signal step by step: what was measured, what was predicted, and how well that is known.

Plain SVG, because its lines have gaps: no figure is drawn that is not known.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from glorot.graph.propagation.state import Grade
from glorot.markup import html_text
from glorot.probe.signal import Signal
from glorot.probe.steps import Histogram, StepSignal
from glorot.report.charts import power
from glorot.report.colors import FONT, paint, stroke
from glorot.report.document import figure, prose
from glorot.report.readout import Readout, overlay
from glorot.text import number

MEASURED, PREDICTED = stroke(12), stroke(11)
ZONE = f'fill="{paint("zone")}" stroke="{paint("axis")}" stroke-width=".5"'
DASHES = 'stroke-dasharray="6 4"'
SIZES = (("small", 340, 190, 12), ("medium", 720, 220, 14), ("large", 1180, 240, 15))
"""Class by which the sheet shows it, width, height of the plot, size of the letters."""


@dataclass(frozen=True)
class Quantity:
    """One figure of a step that is drawn.

    Attributes:
        title: what it is.
        of: reads it off a step.
        grade: reads how well it is known.
        is_square: whether it is a mean square, on a logarithmic axis; else a correlation.
    """

    title: str
    of: Callable[[StepSignal], float]
    grade: Callable[[StepSignal], Grade]
    is_square: bool = True


GRADIENT = "Gradient: mean square at each step"
QUANTITIES = (
    Quantity("Signal: mean square after each step", lambda step: step.second_moment, lambda step: step.grade),
    Quantity(GRADIENT, lambda s: s.gradient_std**2, lambda s: s.gradient_grade),
    Quantity("Correlation of two examples", lambda step: step.correlation, lambda step: step.grade, is_square=False),
)


@dataclass(frozen=True)
class Line:
    """The values of one quantity, at places counted from 1; NaN where it is not known.

    Attributes:
        values: one for each step of the page.
        grades: how well each is known.
    """

    values: tuple[float, ...]
    grades: tuple[Grade, ...]


def signal_figures(signal: Signal, predicted: Signal | None = None) -> str:
    """Draw signal, gradient and correlation, each with its legend; what nobody knows is left out.

    Args:
        signal: measured or predicted.
        predicted: the prediction beside a measured one.

    Returns:
        HTML, empty for a signal without steps.
    """
    names = [step.name for step in signal.steps]
    return "\n".join(_figure(each, names, signal, predicted) for each in QUANTITIES if names)


def _figure(quantity: Quantity, names: Sequence[str], signal: Signal, predicted: Signal | None) -> str:
    expected = signal if signal.is_predicted else predicted
    measured = None if signal.is_predicted else _line(quantity, names, signal)
    theory = None if expected is None else _line(quantity, names, expected)
    caption = ""
    if quantity.title == GRADIENT and measured and theory and math.isfinite(signal.loss):
        theory = _scaled(theory, measured)
        caption = "Predicted for unit noise at the output, and scaled here to what the loss sends back there."
    lines = [line for line in (measured, theory) if line is not None]
    if not any(math.isfinite(value) for line in lines for value in line.values):
        return ""
    drawing = "".join(_drawn(quantity, names, measured, theory, size) for size in SIZES)
    return figure(quantity.title, drawing, caption) + _legend(quantity, measured, theory)


def _line(quantity: Quantity, names: Sequence[str], signal: Signal) -> Line:
    known = {step.name: step for step in signal.steps}
    missing = StepSignal("", "", grade=MISSING, gradient_grade=MISSING)
    steps = [known.get(name, missing) for name in names]
    grades = tuple(quantity.grade(step) for step in steps)
    values = [
        math.nan if grade.kind == "none" else quantity.of(step) for step, grade in zip(steps, grades, strict=True)
    ]
    return Line(tuple(values), grades)


def _scaled(theory: Line, measured: Line) -> Line:
    """Let a predicted gradient start where the measured one does: at the last step that both know."""
    pairs = [(one, other) for one, other in zip(measured.values, theory.values, strict=True) if one > 0 and other > 0]
    factor = pairs[-1][0] / pairs[-1][1] if pairs else 1.0
    return replace(theory, values=tuple(factor * value for value in theory.values))


MISSING = Grade("none", "not predicted")


@dataclass(frozen=True)
class _Grid:
    """Where values stand: steps to the right, a logarithmic axis or a plain one upwards."""

    width: float
    height: float
    letters: float
    steps: int
    low: float
    high: float
    is_log: bool

    @property
    def left(self) -> float:
        return 3.8 * self.letters

    def across(self, place: float) -> float:
        room = self.width - self.left - 16
        return self.left + 8 + (room * (place - 1) / (self.steps - 1) if self.steps > 1 else room / 2)

    def down(self, value: float) -> float:
        """Return where a value stands; what lies beyond an edge, as zero on a logarithmic axis, stands at it."""
        inside = min(max(value, self.low), self.high)
        if self.is_log:
            return 10 + self.height * math.log(self.high / inside) / math.log(self.high / self.low)
        return 10 + self.height * (self.high - inside) / (self.high - self.low)

    def points(self, line: Line) -> list[tuple[float, float] | None]:
        pairs = enumerate(line.values, start=1)
        return [None if math.isnan(value) else (self.across(place), self.down(value)) for place, value in pairs]


def _grid(quantity: Quantity, lines: Sequence[Line], steps: int, width: float, height: float, letters: float) -> _Grid:
    values = [value for line in lines for value in line.values if math.isfinite(value)]
    if quantity.is_square:
        above = [value for value in values if value > 0] or [1.0]
        return _Grid(width, height, letters, steps, min(above) / 1.6, max(above) * 1.6, is_log=True)
    return _Grid(width, height, letters, steps, min(0.0, *values) * 1.05, max(1.0, *values) * 1.02, is_log=False)


def _drawn(
    quantity: Quantity,
    names: Sequence[str],
    measured: Line | None,
    theory: Line | None,
    size: tuple[str, int, int, int],
) -> str:
    name, width, height, letters = size
    lines = [line for line in (measured, theory) if line is not None]
    grid = _grid(quantity, lines, len(names), width, height, letters)
    parts, readouts = [_zones(grid, theory), _axes(grid)], []
    if theory is not None:
        parts.append(_theory(grid, theory, quantity.is_square))
        readouts += _readouts(grid, names, theory, "predicted")
    if measured is not None:
        parts.append(_points(grid, measured))
        readouts += _readouts(grid, names, measured, "measured")
    total = height + 20 + 3 * letters
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total:g}" role="img" '
        f'aria-label="{html_text(quantity.title)}" font-family="{FONT}" font-size="{letters}" '
        f'fill="{paint("soft")}">{"".join(parts)}</svg>'
    )
    return f'<div class="{name}">{svg}{overlay(readouts, (width, total))}</div>'


def _readouts(grid: _Grid, names: Sequence[str], line: Line, told: str) -> list[Readout]:
    found = zip(names, grid.points(line), line.values, strict=True)
    points = tuple((*at, f"{n}. {name}: {number(v)}") for n, (name, at, v) in enumerate(found, 1) if at is not None)
    return [Readout(told, points)] if points else []


def _axes(grid: _Grid) -> str:
    parts = []
    for value, name in _ticks(grid):
        y = grid.down(value)
        parts.append(f'<path d="M{grid.left:.1f},{y:.1f}H{grid.width}" stroke="{paint("grid")}"/>')
        parts.append(_words(name, grid.left - 6, y + 0.35 * grid.letters, "end"))
    every = _every(grid.steps, int((grid.width - grid.left) / (2.8 * grid.letters)))
    base = grid.height + 16 + grid.letters
    numbers = [place for place in range(1, grid.steps + 1) if place == 1 or place % every == 0]
    parts += [
        _words(str(place), grid.across(place), base, "middle") for place in numbers if place == 1 or place > every / 2
    ]
    parts.append(_words("step, as numbered below", (grid.left + grid.width) / 2, base + 1.4 * grid.letters, "middle"))
    return "".join(parts)


def _every(steps: int, most: int) -> int:
    """Return the least round distance that leaves at most so many numbers."""
    return next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, steps) if steps <= step * most)


def _ticks(grid: _Grid) -> list[tuple[float, str]]:
    if not grid.is_log:
        values = [place / 4 for place in range(-8, 9) if grid.low <= place / 4 <= grid.high]
        return [(value, f"{value:g}") for value in values]
    inside = range(math.ceil(math.log10(grid.low)), math.floor(math.log10(grid.high)) + 1)
    if len(inside) > 2:
        step = math.ceil(len(inside) / 6)
        return [(10.0**place, power(place)) for place in inside if place % step == 0]
    digits = (1, 2, 5) if grid.high / grid.low > 4 else (1, 1.5, 2, 3, 4, 5, 7)
    values = [digit * 10.0**place for place in range(inside.start - 1, inside.stop + 1) for digit in digits]
    return [(value, f"{value:.3g}") for value in values if grid.low <= value <= grid.high]


def _words(words: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html_text(words)}</text>'


def _zones(grid: _Grid, theory: Line | None) -> str:
    """Shade the steps that nothing is predicted of."""
    half, zones = (grid.across(2) - grid.across(1)) / 2 if grid.steps > 1 else 20.0, []
    for first, last in _runs([] if theory is None else _places(theory, lambda grade: grade.kind == "none")):
        left, right = max(grid.across(first) - half, grid.left), min(grid.across(last) + half, grid.width)
        area = f"M{left:.1f},10H{right:.1f}v{grid.height}H{left:.1f}Z"
        zones.append(f'<path d="{area}" {ZONE}/>')
    return "".join(zones)


def _theory(grid: _Grid, line: Line, is_square: bool) -> str:
    """Draw a prediction: solid where exact, dashed where approximate, with a band as high as its error."""
    points, parts = grid.points(line), []
    if is_square:
        for at, value, grade in zip(points, line.values, line.grades, strict=True):
            if at is not None and grade.error:
                high, low = (grid.down(value * (1 + side * grade.error) ** 2) for side in (1, -1))
                parts.append(f"M{at[0]:.1f},{high:.1f}V{low:.1f}")
        wide = min(14.0, max(2.0, 0.5 * grid.width / grid.steps))
        parts = [f'<path d="{"".join(parts)}" stroke="{PREDICTED}" stroke-opacity=".22" stroke-width="{wide:.1f}"/>']
    strokes: dict[bool, str] = {}
    previous: tuple[tuple[float, float] | None, bool] = (None, False)
    for (one, other), grades in zip(pairwise(points), pairwise(line.grades), strict=True):
        if one is None or other is None:
            continue
        dashed = any(grade.kind == "approximate" for grade in grades)
        start = "" if previous == (one, dashed) else f"M{one[0]:.1f},{one[1]:.1f}"
        strokes[dashed] = strokes.get(dashed, "") + f"{start}L{other[0]:.1f},{other[1]:.1f}"
        previous = other, dashed
    for dashed, path in strokes.items():
        dashes = f" {DASHES}" if dashed else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{PREDICTED}" stroke-width="2.5"{dashes}/>')
    if len(strokes) == 0 or _has_lone(points):
        dots = "".join(f"M{at[0]:.1f},{at[1]:.1f}h0" for at in points if at is not None)
        parts.append(f'<path d="{dots}" stroke="{PREDICTED}" stroke-width="5" stroke-linecap="round"/>')
    return "".join(parts)


def _has_lone(points: Sequence[tuple[float, float] | None]) -> bool:
    """Return whether some point has no neighbour to draw a line to."""
    padded = [None, *points, None]
    around = zip(padded, padded[1:], padded[2:], strict=False)
    return any(at is not None and one is None and other is None for one, at, other in around)


def _points(grid: _Grid, line: Line) -> str:
    """Draw what was measured as points on a thin line."""
    points = grid.points(line)
    dots = "".join(f"M{at[0]:.1f},{at[1]:.1f}h0" for at in points if at is not None)
    joined = "".join(
        f"M{one[0]:.1f},{one[1]:.1f}L{other[0]:.1f},{other[1]:.1f}"
        for one, other in pairwise(points)
        if one is not None and other is not None
    )
    wide = min(7.0, max(3.0, 0.5 * grid.width / grid.steps))
    return (
        f'<path d="{joined}" fill="none" stroke="{MEASURED}" stroke-width="1" stroke-opacity=".6"/>'
        f'<path d="{dots}" stroke="{MEASURED}" stroke-width="{wide:.1f}" stroke-linecap="round"/>'
    )


def _legend(quantity: Quantity, measured: Line | None, theory: Line | None) -> str:
    rows = []
    if measured is not None:
        dot = f'<path d="M16,6h0" stroke="{MEASURED}" stroke-width="7" stroke-linecap="round"/>'
        rows.append((f'<path d="M1,6H31" stroke="{MEASURED}" stroke-opacity=".6"/>{dot}', "measured"))
    if theory is not None:
        for grade in dict.fromkeys(sorted(theory.grades, key=lambda grade: ORDER.index(grade.kind))):
            dashes = f" {DASHES}" if grade.kind == "approximate" else ""
            mark = f'<path d="M1,6H31" stroke="{PREDICTED}" stroke-width="2.5"{dashes}/>'
            if grade.kind == "none":
                mark = f'<path d="M1,0H31V12H1Z" {ZONE}/>'
            rows.append((mark, _told(grade, _places(theory, grade.__eq__), quantity.is_square)))
    items = "".join(
        f'<li><svg width="32" height="12" aria-hidden="true">{mark}</svg> {prose(t)}</li>' for mark, t in rows
    )
    return f'\n<ul class="legend">{items}</ul>'


ORDER = ("measured", "exact", "approximate", "none")


def _told(grade: Grade, places: Sequence[int], is_square: bool) -> str:
    """Say how well a prediction is known, why, and at which steps."""
    if grade.kind == "exact":
        return "predicted, exact as the width grows"
    steps = ", ".join(str(one) if one == last else f"{one}–{last}" for one, last in _runs(places))
    where = f"{'step' if len(places) == 1 else 'steps'} {steps}"
    if grade.kind == "none":
        return f"left out: {grade.why} ({where})"
    error = f", ±{100 * grade.error:.0f} % of the root mean square" if is_square and grade.error else ""
    return f"predicted, approximate{error}: {grade.why} ({where})"


def _places(line: Line, chosen: Callable[[Grade], bool]) -> list[int]:
    return [place for place, grade in enumerate(line.grades, start=1) if chosen(grade)]


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Join neighbouring places: the first and the last of each run."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = runs[-1][0], place
        else:
            runs.append((place, place))
    return runs


def histogram_svg(found: Histogram, told: str, hue: str) -> str:
    """Draw a histogram, as high as its fullest bin."""
    most = max(1, *found.counts)
    tops = "".join(f"V{60 - 58 * count / most:.1f}h1" for count in found.counts)
    wide = len(found.counts)
    return (
        f'<svg viewBox="0 0 {wide} 60" width="100%" height="90" preserveAspectRatio="none" role="img" '
        f'aria-label="{html_text(told)}"><path d="M0,60{tops}V60Z" fill="{hue}"/></svg>'
    )
