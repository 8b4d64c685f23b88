"""A panel: one chart of lines, bands and dots, labelled at the ends of its lines. No chart has a legend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from glorot.errors import GlorotError
from glorot.report.colors import ink
from glorot.report.labels import set_apart, shorten

if TYPE_CHECKING:
    import altair as alt

FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
LABEL_GAP = 18.0
MOST_POINTS = 160
DECADES = 15
"""A log axis spans no more: what lies deeper is rounding noise."""


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
        name: the recipe.
        color: its colour.
        dash: the dashes of its line.
        line: the points of its line.
        band: whether the spread of the line is shaded.
        dots: points with whiskers, measured where the line is predicted.
        faint: whether the line only joins the dots.
        label: what stands at its end; the name if empty.
        broken: whether it ends early because its loss is no number any more.
    """

    name: str
    color: str
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
        x_values: where the x axis has ticks; None leaves it to the chart.
        log: whether the y axis is logarithmic.
        percent: whether y is a share from 0 to 1.
        width: of the plot, in pixels.
        height: of the plot, in pixels.
        title: what stands above, for pictures; pages set it as text.
    """

    x_title: str
    y_title: str
    x_values: tuple[float, ...] | None = None
    log: bool = False
    percent: bool = False
    width: int = 470
    height: int = 330
    title: tuple[str, ...] = ()


def load_altair() -> Any:
    """Import what draws the charts, or say how to get it."""
    try:
        import altair
        import vl_convert  # noqa: F401 - needed by every rendering that follows
    except ImportError as error:
        raise GlorotError(f"charts need {error.name}: pip install 'glorot[report]'") from error
    return altair


def svg(chart: "alt.LayerChart") -> str:
    """Draw a chart as SVG that fills the width of what it stands in."""
    load_altair()
    import vl_convert

    drawing = vl_convert.vegalite_to_svg(configured(chart))
    start, end = drawing.index("<svg"), drawing.index(">")
    box = drawing[drawing.index('viewBox="', start) :].split('"', 2)[1]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">{drawing[end + 1 :]}'


def configured(chart: Any) -> dict[str, Any]:
    """Return the specification of a chart in the style of the report."""
    styled = chart.configure(font=FONT, aria=False, background="#ffffff").configure_axis(
        labelFontSize=14, titleFontSize=14, titleFontWeight="normal", titleColor="#55626f", labelColor="#1b2530",
        gridColor="#e6eaee", domainColor="#8894a0", tickColor="#8894a0", titlePadding=10,
    ).configure_view(stroke=None).configure_title(
        anchor="start", fontSize=19, fontWeight=600, lineHeight=25, color="#1b2530", offset=14
    )  # fmt: skip
    specification: dict[str, Any] = styled.to_dict(validate=False)
    return specification


def draw(series: Sequence[Series], panel: Panel) -> "alt.LayerChart":
    """Draw a panel.

    Args:
        series: one for each recipe; what has no finite point, or none above zero on a log axis, is left out.
        panel: what it is drawn on.

    Returns:
        The chart.
    """
    alt = load_altair()
    kept = drawable(series, panel.log)
    panel = replace(panel, height=max(panel.height, round(len(kept) * LABEL_GAP)))
    low, high = _range(kept, panel)
    scale = alt.Scale(type="log", domain=[low, high], nice=False) if panel.log else alt.Scale(domain=[low, high], nice=False)
    y = alt.Y("y:Q", scale=scale, axis=_y_axis(alt, panel, low, high))
    x = alt.X("x:Q", scale=alt.Scale(domain=_x_range(kept), nice=False), axis=_x_axis(alt, panel))
    layers = [layer for one in kept for layer in _marks(alt, one, x, y, low)]
    layers += _labels(alt, kept, panel, x, y, (low, high))
    title = {"title": alt.TitleParams(text=list(panel.title))} if panel.title else {}
    return alt.layer(*layers).properties(width=panel.width, height=panel.height, **title)


def drawable(series: Sequence[Series], log: bool) -> list[Series]:
    """Keep of every series what the axis can show, thinned to what the eye can tell apart."""
    floor = 0.0
    if log:
        finite = [p.y for one in series for p in (*one.line, *one.dots) if math.isfinite(p.y)]
        floor = max(finite, default=0.0) / 10**DECADES
    kept = []
    for one in series:
        line, dots = (tuple(p for p in points if _shows(p, log, floor)) for points in (one.line, one.dots))
        if line or dots:
            step = math.ceil(len(line) / MOST_POINTS) or 1
            kept.append(replace(one, line=line[:-1:step] + line[-1:], dots=dots))
    return kept


def _shows(point: Point, log: bool, floor: float) -> bool:
    return math.isfinite(point.y) and (not log or point.y > floor)


def _range(series: Sequence[Series], panel: Panel) -> tuple[float, float]:
    if panel.percent:
        return 0.0, 1.0
    values = [v for one in series for p in (*one.line, *one.dots) for v in (p.y, p.high) if math.isfinite(v)]
    # on a log axis a spread as wide as its mean would reach down without end
    values += [max(p.low, p.y / 10) if panel.log else p.low for one in series for p in (*one.line, *one.dots)]
    low, high = min(values, default=1.0), max(values, default=1.0)
    if panel.log:
        return low / 1.25, high * 1.25
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _x_range(series: Sequence[Series]) -> list[float]:
    places = [p.x for one in series for p in (*one.line, *one.dots)]
    low, high = min(places, default=0.0), max(places, default=1.0)
    return [low, high] if high > low else [low - 0.5, high + 0.5]


def _x_axis(alt: Any, panel: Panel) -> Any:
    options: dict[str, Any] = {"values": list(panel.x_values)} if panel.x_values else {"tickMinStep": 1}
    return alt.Axis(title=panel.x_title, format="d", grid=False, labelOverlap=True, **options)


def _y_axis(alt: Any, panel: Panel, low: float, high: float) -> Any:
    if panel.percent:
        return alt.Axis(title=panel.y_title, format=".0%", tickCount=6)
    if not panel.log:
        return alt.Axis(title=panel.y_title, tickCount=6)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / 7))
    powers = [p for p in range(first, last + 1) if p % step == 0]
    if last - first < 2 or len(powers) < 2:
        ticks = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5) if low <= m * 10.0**p <= high]
        return alt.Axis(title=panel.y_title, values=ticks, format="~g")
    names = ", ".join(f"'{_power(p)}'" for p in range(first, last + 1))
    place = f"round(log(datum.value) / LN10) - ({first})"
    return alt.Axis(title=panel.y_title, values=[10.0**p for p in powers], labelExpr=f"[{names}][{place}]")


def _power(exponent: int) -> str:
    """Write a power of ten as people do: plain near 1, and as a power far from it."""
    if -3 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _marks(alt: Any, one: Series, x: Any, y: Any, floor: float) -> list[Any]:
    """Return the band, line, whiskers, dots and cross of one series."""
    marks = []
    if one.band and any(p.high > p.low for p in one.line):
        marks.append(_chart(alt, one.line, floor).mark_area(color=one.color, opacity=0.16).encode(x, alt.Y("low:Q"), alt.Y2("high:Q")))
    if one.line:
        style = {"strokeDash": [2, 4], "strokeWidth": 1.2} if one.faint else {"strokeDash": list(one.dash), "strokeWidth": 2.4}
        marks.append(_chart(alt, one.line, floor).mark_line(color=one.color, **style).encode(x, y))
    if one.dots:
        dots = _chart(alt, one.dots, floor)
        if any(p.high > p.low for p in one.dots):
            marks.append(dots.mark_rule(color=one.color, strokeWidth=1.5).encode(x, alt.Y("low:Q"), alt.Y2("high:Q")))
        marks.append(dots.mark_point(color=one.color, fill=one.color, size=52, opacity=1, strokeWidth=0).encode(x, y))
    if one.broken:
        last = _chart(alt, one.points[-1:], floor)
        marks.append(last.mark_text(text="✕", fontSize=19, fontWeight="bold", color=ink(one.color)).encode(x, y))
    return marks


def _chart(alt: Any, points: Sequence[Point], floor: float) -> Any:
    rows = [
        {"x": p.x, **{k: float(f"{v:.5g}") for k, v in (("y", p.y), ("low", max(p.low, floor)), ("high", p.high))}}
        for p in points
    ]
    return alt.Chart(alt.Data(values=rows))


def _labels(alt: Any, series: Sequence[Series], panel: Panel, x: Any, y: Any, ends: tuple[float, float]) -> list[Any]:
    """Return a label beside each line's end and a thin leader from the one to the other."""
    low, high = (math.log(end) if panel.log else end for end in ends)
    scale = panel.height / (high - low)
    wanted = [(high - (math.log(one.points[-1].y) if panel.log else one.points[-1].y)) * scale for one in series]
    places = set_apart(wanted, LABEL_GAP, 4, panel.height - 4)
    layers = []
    for one, place in zip(series, places, strict=True):
        value = high - place / scale
        there = {"v": math.exp(value) if panel.log else value, "y": one.points[-1].y, "x": one.points[-1].x}
        base = alt.Chart(alt.Data(values=[there]))
        layers.append(
            base.mark_rule(color=one.color, strokeWidth=1, opacity=0.7, strokeDash=[2, 2] if one.broken else [1, 0])
            .encode(x, alt.X2Value(panel.width + 14), alt.Y("y:Q"), alt.Y2("v:Q"))
        )  # fmt: skip
        words = shorten(one.name) + (f" {one.label}" if one.label else "")
        layers.append(
            base.mark_text(text=words, align="left", baseline="middle", fontSize=14, fontWeight=600, color=ink(one.color))
            .encode(x=alt.value(panel.width + 18), y=alt.Y("v:Q"))
        )  # fmt: skip
    return layers
