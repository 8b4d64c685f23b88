"""Charts: panels drawn as SVG, once for a wide column and once for a telephone. No chart has a legend.

A chart is a Vega-Lite specification: plain data, which vl-convert draws without a browser.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from glorot.errors import GlorotError
from glorot.markup import html_text
from glorot.report.colors import FONT, letters, paint, stroke
from glorot.report.panels import LEADER, Frame, Panel, Point, Series, framed
from glorot.report.readout import overlay
from glorot.text import printable

Spec = dict[str, Any]


def load_converter() -> Any:
    """Import what draws the charts, or say how to get it."""
    try:
        import vl_convert
    except ImportError as error:
        raise GlorotError(f"charts need {error.name}: pip install 'glorot[report]'") from error
    return vl_convert


def charts(series: Sequence[Series], panel: Panel, finding: str) -> str:
    """Draw a panel for wide and for narrow columns; the sheet shows the one that fits.

    Args:
        series: one for each recipe.
        panel: what it is drawn on.
        finding: what the chart shows, for whoever cannot see it.

    Returns:
        HTML: each drawing with its values over it.
    """
    wide, narrow = (_with_values(framed(series, one), finding) for one in (panel, panel.narrow))
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def _with_values(frame: Frame, finding: str) -> str:
    drawing = svg(frame, finding)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    origin = re.search(r"translate\(([\d.]+),([\d.]+)\)", drawing)
    assert size
    assert origin
    return drawing + overlay(frame.readouts(), _pair(size), _pair(origin))


def _pair(found: re.Match[str]) -> tuple[float, float]:
    return float(found[1]), float(found[2])


def svg(frame: Frame, finding: str = "") -> str:
    """Draw a frame as SVG that fills the width of what it stands in."""
    drawing: str = load_converter().vegalite_to_svg(_escaped(_styled(_chart(frame), frame.panel.size)))
    end = drawing.index(">")
    box = drawing.split('viewBox="', 1)[1].split('"', 1)[0]
    words = f' aria-label="{html_text(finding)}"' if finding else ""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img"{words}>{drawing[end + 1 :]}'


def _escaped(spec: Any) -> Any:
    """Write as escapes what nobody sees in the texts of a specification: control characters end the converter."""
    if isinstance(spec, dict):
        return {name: _escaped(value) for name, value in spec.items()}
    if isinstance(spec, list | tuple):
        return [_escaped(value) for value in spec]
    return printable(spec) if isinstance(spec, str) else spec


def _styled(chart: Spec, size: float) -> Spec:
    """Return the specification of a chart in the style of the report."""
    axis = {
        "labelFontSize": size, "titleFontSize": size, "titleFontWeight": "normal", "titleColor": paint("soft"),
        "labelColor": paint("ink"), "gridColor": paint("grid"), "domainColor": paint("axis"),
        "tickColor": paint("axis"), "labelFlush": False,
    }  # fmt: skip
    config = {"font": FONT, "aria": False, "background": None, "axis": axis, "view": {"stroke": None}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        **chart,
        "padding": {"left": 0, "top": 5, "right": 0, "bottom": 5},
        "config": config,
    }


def _chart(frame: Frame) -> Spec:
    """Return the chart of a frame as a Vega-Lite specification."""
    panel = frame.panel
    x = _channel("x", _x_axis(panel), panel.x_log, frame.x)
    y = _channel("y", _y_axis(panel, *frame.y), panel.log, frame.y)
    floor = frame.y[0]
    layers = [*_lines(frame.series, floor), *_dots(frame.series, floor), *_labels(frame)]
    encoding = {"x": x, "y": y}
    return {"width": frame.width, "height": panel.height, "encoding": encoding, "layer": layers}


def _channel(name: str, axis: Spec, log: bool, domain: tuple[float, float]) -> Spec:
    scale = {"type": "log" if log else "linear", "domain": list(domain), "nice": False, "zero": False}
    return {**_field(name), "axis": axis, "scale": scale}


def _x_axis(panel: Panel) -> Spec:
    ticks = {"values": list(panel.x_values)} if panel.x_values else {"tickMinStep": 1}
    return {"title": panel.x_title, "format": "d", "grid": False, "labelOverlap": True, "titlePadding": 6, **ticks}


def _y_axis(panel: Panel, low: float, high: float) -> Spec:
    axis: Spec = {
        "title": panel.y_title, "tickCount": 6, "titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom",
        "titleX": -panel.axis, "titleY": -0.8 * panel.size,
    }  # fmt: skip
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
    names = ", ".join(f"'{power(p)}'" for p in range(first, last + 1))
    place = f"round(log(datum.value) / LN10) - ({first})"
    return {**axis, "values": [10.0**p for p in powers], "labelExpr": f"[{names}][{place}]"}


def power(exponent: int) -> str:
    """Write a power of ten: plain near 1; further off without superscripts, which many fonts lack.

    Example:
        >>> power(-2), power(-5)
        ('0.01', '1e-5')
    """
    return f"{10.0**exponent:g}" if -3 <= exponent <= 3 else f"1e{exponent}"


def _lines(series: Sequence[Series], floor: float) -> list[Spec]:
    """Return the bands, then the lines over them, as one layer for each kind of dash."""
    bands = [row for one in series if one.band for row in _rows(one, one.line, floor) if row["high"] > row["low"]]
    layers = [_layer({"type": "area", "opacity": 0.16}, bands, "fill", {"y": _field("low"), "y2": {"field": "high"}})]
    for dash, width in dict.fromkeys(_pen(one) for one in series):
        rows = [row for one in series if _pen(one) == (dash, width) for row in _rows(one, one.line, floor)]
        layers.append(_layer({"type": "line", "strokeDash": list(dash), "strokeWidth": width}, rows, "stroke"))
    return [layer for layer in layers if layer["data"]["values"]]


def _pen(one: Series) -> tuple[tuple[int, ...], float]:
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
            "color": stroke(one.hue),
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


def _labels(frame: Frame) -> list[Spec]:
    """Return a label beside each line's end, and a thin leader from the one to the other."""
    leaders: list[Spec] = []
    words: list[Spec] = []
    for one, label in zip(frame.series, frame.labels, strict=True):
        last = one.points[-1]
        row = {"name": one.name, "color": stroke(one.hue), "x": last.x, "y": last.y}
        leaders.append({**row, "beside": frame.value(label.middle)})
        top = label.middle - (len(label.words) - 1) * frame.panel.line / 2
        for row_number, line in enumerate(label.words):
            beside = frame.value(top + row_number * frame.panel.line)
            words.append({"name": one.name, "words": line, "color": letters(one.hue), "beside": beside})
    leader = {"x2": {"value": frame.width + LEADER - 4}, "y2": {"field": "beside"}}
    text = {"type": "text", "align": "left", "baseline": "middle", "fontSize": frame.panel.size, "fontWeight": 600}
    place = {"x": {"value": frame.width + LEADER}, "y": _field("beside"), "text": {"field": "words"}}
    return [
        _layer({"type": "rule", "strokeWidth": 1, "opacity": 0.7}, leaders, "stroke", leader),
        _layer(text, words, "color", place),
    ]
