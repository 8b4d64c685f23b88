"""A panel: what one chart of lines, bands and dots shows, where each value lies on it, and what stands at its lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from glorot.report.coinciding import coinciding
from glorot.report.labels import set_apart, short_names, text_width, wrapped
from glorot.report.readout import Readout
from glorot.text import brief

MOST_POINTS = 160
BEYOND = 30.0
"""How far above all others a series that broke off may stretch a log axis."""

LABELS = 0.37
"""The share of a panel's width that labels take at most."""

LEADER = 18.0
"""From the end of a line to its label."""


@dataclass(frozen=True)
class Point:
    """A mean with its spread at one place of the x axis."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """What one recipe shows in a panel.

    Attributes:
        name: what the recipe is called.
        hue: the number of its colour.
        dash: the dashes of its line.
        line: the points of its line.
        band: whether the spread of the line is shaded.
        dots: points with whiskers, measured where the line is predicted.
        faint: whether the line only joins the dots.
        label: what stands at its end; the name if empty.
        broken: whether it ends early because its loss is no number any more.
    """

    name: str
    hue: int
    dash: tuple[int, ...] = (1, 0)
    line: tuple[Point, ...] = ()
    band: bool = False
    dots: tuple[Point, ...] = ()
    faint: bool = False
    label: str = ""
    broken: bool = False

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, dots first, for it is measured what a label must stand at."""
        return self.dots or self.line


@dataclass(frozen=True)
class Panel:
    """What a panel is drawn on.

    Attributes:
        x_title: what goes to the right.
        y_title: what goes up.
        where: how a place on the x axis is named, as in "epoch {}".
        x_values: where the x axis has ticks; None leaves it to the chart.
        x_log: whether the x axis is logarithmic.
        log: whether the y axis is logarithmic.
        percent: whether y is a share from 0 to 1.
        width: of the whole drawing, in pixels.
        height: of the plot, in pixels.
        size: of its letters, in pixels.
    """

    x_title: str
    y_title: str
    where: str
    x_values: tuple[float, ...] | None = None
    x_log: bool = False
    log: bool = False
    percent: bool = False
    width: int = 600
    height: int = 300
    size: float = 14.0

    @property
    def narrow(self) -> "Panel":
        """The same for the width of a telephone."""
        return replace(self, width=330, height=self.height * 5 // 6, size=12.0)

    @property
    def axis(self) -> float:
        """The room that the numbers on the y axis take."""
        return 4.1 * self.size

    @property
    def line(self) -> float:
        """From one line of letters to the next."""
        return round(1.2 * self.size, 1)


@dataclass(frozen=True)
class Label:
    """What stands at the end of a line: its lines of letters, and where their middle is."""

    words: tuple[str, ...]
    middle: float


@dataclass(frozen=True)
class Frame:
    """What a panel shows, with the scales that say where.

    Attributes:
        panel: what it is drawn on.
        series: what is drawn; lines that coincide are one.
        x: the ends of the x axis.
        y: the ends of the y axis.
        width: of the plot, in pixels.
        labels: one for each series.
    """

    panel: Panel
    series: tuple[Series, ...]
    x: tuple[float, float]
    y: tuple[float, float]
    width: float
    labels: tuple[Label, ...] = ()

    def across(self, x: float) -> float:
        """Return where a value lies from left to right, in pixels of the plot."""
        return self.width * _share(x, self.x, self.panel.x_log)

    def down(self, y: float) -> float:
        """Return where a value lies from top to bottom."""
        return self.panel.height * (1 - _share(y, self.y, self.panel.log))

    def value(self, down: float) -> float:
        """Return the value at a place from top to bottom."""
        low, high = (math.log(end) if self.panel.log else end for end in self.y)
        value = high - down / self.panel.height * (high - low)
        return math.exp(value) if self.panel.log else value

    def readouts(self) -> list[Readout]:
        """Return what can be read off each line."""
        return [Readout(one.name, tuple(self._read(point) for point in one.points)) for one in self.series]

    def _read(self, point: Point) -> tuple[float, float, str]:
        value = f"{100 * point.y:.1f} %" if self.panel.percent else brief(point.y)
        return self.across(point.x), self.down(point.y), f"{self.panel.where.format(f'{point.x:g}')}: {value}"


def framed(series: Sequence[Series], panel: Panel) -> Frame:
    """Find what a panel shows, and where.

    Args:
        series: one for each recipe; what has no finite point, or none above zero on a log axis, is left out.
        panel: what it is drawn on.

    Returns:
        The panel with its scales; higher than asked for where the labels need it.
    """
    kept = drawable(series, panel.log)
    short = short_names([one.name for one in kept], 24 if panel.width > 400 else 15)
    y = _range(kept, panel)
    kept = [_within(one, y[1]) for one in kept]
    frame = Frame(panel, tuple(kept), _x_range(kept), y, panel.width)
    groups = coinciding(_paths(frame))
    names = [[short[kept[place].name] for place in group] for group in groups]
    return _labelled(replace(frame, series=tuple(_merged(frame, group) for group in groups)), names)


def _paths(frame: Frame) -> list[list[tuple[float, float]]]:
    return [[(frame.across(p.x), frame.down(p.y)) for p in (*one.dots, *one.line)] for one in frame.series]


def _merged(frame: Frame, group: Sequence[int]) -> Series:
    """Draw lines that coincide as the first of them, under the names of all."""
    names, labels = ([getattr(frame.series[place], what) for place in group] for what in ("name", "label"))
    return replace(frame.series[group[0]], name=" · ".join(names), label=" · ".join(dict.fromkeys(labels)))


def _labelled(frame: Frame, names: Sequence[Sequence[str]]) -> Frame:
    """Set a label beside the end of each line, apart from the others, and leave the plot what room they do not take."""
    panel, most = frame.panel, LABELS * frame.panel.width
    blocks = []
    for one, called in zip(frame.series, names, strict=True):
        *others, last = [name.replace(" ", "\u00a0") for name in called]
        words = [*(f"{name}\u00a0·" for name in others), last, *([one.label] if one.label else [])]
        blocks.append(tuple(wrapped(words, most, panel.size, bold=True)))
    room = max((text_width(line, panel.size, bold=True) for block in blocks for line in block), default=0.0)
    heights = [len(block) * panel.line + 2 for block in blocks]
    panel = replace(panel, height=max(panel.height, round(sum(heights))))
    frame = replace(frame, panel=panel, width=round(panel.width - panel.axis - min(room, most) - LEADER - 4))
    wanted = [frame.down(one.points[-1].y) for one in frame.series]
    middles = set_apart(wanted, heights, -4, panel.height + 8)
    return replace(frame, labels=tuple(map(Label, blocks, middles)))


def _share(value: float, ends: tuple[float, float], log: bool) -> float:
    low, high = (math.log(end) if log else end for end in ends)
    return ((math.log(value) if log else value) - low) / (high - low)


def drawable(series: Sequence[Series], log: bool) -> list[Series]:
    """Keep of every series what the axis can show, thinned to what the eye can tell apart."""
    kept = []
    for one in series:
        line, dots = (tuple(p for p in points if _shows(p, log)) for points in (one.line, one.dots))
        if line or dots:
            step = math.ceil(len(line) / MOST_POINTS) or 1
            kept.append(replace(one, line=line[:-1:step] + line[-1:], dots=dots))
    return kept


def _shows(point: Point, log: bool) -> bool:
    return math.isfinite(point.y) and (not log or point.y > 0)


def _within(one: Series, high: float) -> Series:
    """Set what lies above the axis on its upper edge."""
    line, dots = (
        tuple(replace(p, y=min(p.y, high), low=min(p.low, high), high=min(p.high, high)) for p in points)
        for points in (one.line, one.dots)
    )
    return replace(one, line=line, dots=dots)


def _range(series: Sequence[Series], panel: Panel) -> tuple[float, float]:
    if panel.percent:
        return 0.0, 1.0
    points = [p for one in series for p in (*one.line, *one.dots)]
    values = [v for p in points for v in (p.y, p.high) if math.isfinite(v)]
    # on a log axis a spread as wide as its mean would reach down without end
    values += [max(p.low, p.y / 10) if panel.log else p.low for p in points]
    low, high = min(values, default=1.0), max(values, default=1.0)
    if panel.log:
        calm = [p.y for one in series if not one.broken for p in one.points]
        return low / 1.25, 1.25 * min(high, BEYOND * max(calm, default=math.inf))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _x_range(series: Sequence[Series]) -> tuple[float, float]:
    places = [p.x for one in series for p in (*one.line, *one.dots)]
    low, high = min(places, default=0.0), max(places, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
