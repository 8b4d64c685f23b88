"""A panel: one chart of lines, bands and dots, labelled at the ends of its lines. No chart has a legend.

A chart is a Vega-Lite specification: plain data, which vl-convert draws without a browser.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from glorot.errors import GlorotError
from glorot.report.colors import ink
from glorot.report.labels import set_apart, short_names

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"  # of one width on every system, so that labels fit
LABEL_GAP = 18.0
MOST_POINTS = 160
BEYOND = 30.0
"""How far above all others a series that broke off may stretch a log axis."""

Spec = dict[str, Any]


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
        x_log: whether the x axis is logarithmic.
        log: whether the y axis is logarithmic.
        percent: whether y is a share from 0 to 1.
        width: of the plot, in pixels.
        height: of the plot, in pixels.
    """

    x_title: str
    y_title: str
    x_values: tuple[float, ...] | None = None
    x_log: bool = False
    log: bool = False
    percent: bool = False
    width: int = 470
    height: int = 330


def load_converter() -> Any:
    """Import what draws the charts, or say how to get it."""
    try:
        import vl_convert
    except ImportError as error:
        raise GlorotError(f"charts need {error.name}: pip install 'glorot[report]'") from error
    return vl_convert


def svg(chart: Spec) -> str:
    """Draw a chart as SVG that fills the width of what it stands in."""
    drawing: str = load_converter().vegalite_to_svg(styled(chart))
    end = drawing.index(">")
    box = drawing.split('viewBox="', 1)[1].split('"', 1)[0]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">{drawing[end + 1 :]}'


def styled(chart: Spec) -> Spec:
    """Return the specification of a chart in the style of the report."""
    axis = {
        "labelFontSize": 14, "titleFontSize": 14, "titleFontWeight": "normal", "titleColor": "#55626f",
        "labelColor": "#1b2530", "gridColor": "#e6eaee", "domainColor": "#8894a0", "tickColor": "#8894a0",
        "titlePadding": 10, "labelFlush": False,
    }  # fmt: skip
    config = {
        "font": FONT,
        "aria": False,
        "background": "#ffffff",
        "axis": axis,
        "view": {"stroke": None},
    }
    return {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **chart, "config": config}


def draw(series: Sequence[Series], panel: Panel) -> Spec:
    """Draw a panel.

    Args:
        series: one for each recipe; what has no finite point, or none above zero on a log axis, is left out.
        panel: what it is drawn on.

    Returns:
        The chart as a Vega-Lite specification.
    """
    kept = drawable(series, panel.log)
    panel = replace(panel, height=max(panel.height, round(len(kept) * LABEL_GAP)))
    low, high = _range(kept, panel)
    kept = [_within(one, high) for one in kept]
    x = _channel("x", _x_axis(panel), panel.x_log, _x_range(kept))
    y = _channel("y", _y_axis(panel, low, high), panel.log, [low, high])
    layers = [*_lines(kept, low), *_dots(kept, low), *_labels(kept, panel, low, high)]
    return {"width": panel.width, "height": panel.height, "encoding": {"x": x, "y": y}, "layer": layers}


def _channel(name: str, axis: Spec, log: bool, domain: list[float]) -> Spec:
    scale = {"type": "log" if log else "linear", "domain": domain, "nice": False, "zero": False}
    return {**_field(name), "axis": axis, "scale": scale}


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


def _x_range(series: Sequence[Series]) -> list[float]:
    places = [p.x for one in series for p in (*one.line, *one.dots)]
    low, high = min(places, default=0.0), max(places, default=1.0)
    return [low, high] if high > low else [low - 0.5, high + 0.5]


def _x_axis(panel: Panel) -> Spec:
    ticks = {"values": list(panel.x_values)} if panel.x_values else {"tickMinStep": 1}
    return {"title": panel.x_title, "format": "d", "grid": False, "labelOverlap": True, **ticks}


def _y_axis(panel: Panel, low: float, high: float) -> Spec:
    axis: Spec = {"title": panel.y_title, "tickCount": 6}
    if panel.percent:
        return {**axis, "labelExpr": "round(100 * datum.value) + ' %'"}
    if not panel.log:
        return axis
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / 7))
    powers = [p for p in range(first, last + 1) if p % step == 0]
    if last - first < 2 or len(powers) < 2:
        ticks = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5) if low <= m * 10.0**p <= high]
        return {**axis, "values": ticks, "format": "~g"}
    names = ", ".join(f"'{_power(p)}'" for p in range(first, last + 1))
    place = f"round(log(datum.value) / LN10) - ({first})"
    return {**axis, "values": [10.0**p for p in powers], "labelExpr": f"[{names}][{place}]"}


def _power(exponent: int) -> str:
    """Write a power of ten: plain near 1; further off without superscripts, which many fonts lack."""
    return f"{10.0**exponent:g}" if -3 <= exponent <= 3 else f"1e{exponent}"


def _lines(series: Sequence[Series], floor: float) -> list[Spec]:
    """Return the bands, then the lines over them, as one layer for each kind of dash."""
    bands = [row for one in series if one.band for row in _rows(one, one.line, floor) if row["high"] > row["low"]]
    layers = [_layer({"type": "area", "opacity": 0.16}, bands, "fill", {"y": _field("low"), "y2": {"field": "high"}})]
    for dash, width in dict.fromkeys(_stroke(one) for one in series):
        rows = [row for one in series if _stroke(one) == (dash, width) for row in _rows(one, one.line, floor)]
        layers.append(_layer({"type": "line", "strokeDash": list(dash), "strokeWidth": width}, rows, "stroke"))
    return [layer for layer in layers if layer["data"]["values"]]


def _stroke(one: Series) -> tuple[tuple[int, ...], float]:
    return ((2, 4), 1.2) if one.faint else (one.dash, 2.4)


def _dots(series: Sequence[Series], floor: float) -> list[Spec]:
    """Return whiskers and dots, and a cross where a series breaks off."""
    rows = [row for one in series for row in _rows(one, one.dots, floor)]
    whiskers = [row for row in rows if row["high"] > row["low"]]
    broken = [row for one in series if one.broken for row in _rows(one, one.points[-1:], floor)]
    layers = [
        _layer({"type": "rule", "strokeWidth": 1.5}, whiskers, "stroke", {"y": _field("low"), "y2": {"field": "high"}}),
        _layer({"type": "point", "size": 52, "opacity": 1, "strokeWidth": 0}, rows, "fill"),
        _layer({"type": "text", "text": "✕", "fontSize": 19, "fontWeight": "bold"}, broken, "color"),
    ]
    return [layer for layer in layers if layer["data"]["values"]]


def _rows(one: Series, points: Sequence[Point], floor: float) -> list[Spec]:
    return [
        {
            "name": one.name,
            "color": one.color,
            "x": p.x,
            "y": _short(p.y),
            "low": _short(max(p.low, floor)),
            "high": _short(p.high),
        }
        for p in points
    ]


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _field(name: str) -> Spec:
    return {"field": name, "type": "quantitative"}


def _layer(mark: Spec, rows: list[Spec], paint: str, encoding: Spec | None = None) -> Spec:
    """Return a layer whose rows bring their own colour; `paint` says what it colours."""
    own = {"detail": {"field": "name", "type": "nominal"}, paint: {"field": "color", "type": "nominal", "scale": None}}
    return {"data": {"values": rows}, "mark": mark, "encoding": {**own, **(encoding or {})}}


def _labels(series: Sequence[Series], panel: Panel, low: float, high: float) -> list[Spec]:
    """Return a label beside each line's end, and a thin leader from the one to the other."""
    bottom, top = (math.log(end) if panel.log else end for end in (low, high))
    scale = panel.height / (top - bottom)
    wanted = [(top - (math.log(one.points[-1].y) if panel.log else one.points[-1].y)) * scale for one in series]
    places = set_apart(wanted, LABEL_GAP, 4, panel.height - 4)
    rows = []
    names = short_names([one.name for one in series])
    for one, place in zip(series, places, strict=True):
        last, beside = one.points[-1], top - place / scale
        words = f"{names[one.name]} {one.label}".rstrip()
        row = {"name": one.name, "words": words, "color": one.color, "ink": ink(one.color), "x": last.x, "y": last.y}
        rows.append({**row, "beside": math.exp(beside) if panel.log else beside})
    leader = {"x2": {"value": panel.width + 14}, "y2": {"field": "beside"}}
    text = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 14, "fontWeight": 600}
    named = {
        "x": {"value": panel.width + 18}, "y": _field("beside"), "text": {"field": "words"},
        "color": {"field": "ink", "type": "nominal", "scale": None},
    }  # fmt: skip
    return [
        _layer({"type": "rule", "strokeWidth": 1, "opacity": 0.7}, rows, "stroke", leader),
        _layer(text, rows, "color", named),
    ]
