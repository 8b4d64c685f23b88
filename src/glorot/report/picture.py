"""One picture of a comparison, for a README or a slide."""

import textwrap
from dataclasses import replace

from glorot.comparison.comparison import Comparison
from glorot.report import curves, findings
from glorot.report.labels import shorten
from glorot.report.panels import Panel, Series, Spec, draw, drawable, load_converter, styled

WIDTH, HEIGHT, AXIS = 540, 440, 90
LETTERS = 58
"""Letters of a title's line that fit above a panel."""


def comparison_png(comparison: Comparison) -> bytes:
    """Draw learning on the left and the backpropagated gradient by layer on the right.

    Args:
        comparison: what was trained and measured.

    Returns:
        A PNG file of about 1600 × 600 pixels at twice the density.

    Raises:
        GlorotError: if the package that draws the charts is not installed.
    """
    if comparison.classifies:
        learning, finding = "test_accuracy", findings.pace(comparison)
    else:
        learning, finding = "test_loss", findings.losses(comparison, "test")
    left, right = curves.learning(comparison, learning), curves.layers(comparison, "gradient_std")
    panels = [(left, curves.learning_panel(comparison, learning), finding)]
    panels.append(
        (right, curves.layer_panel(comparison, "gradient_std"), findings.propagation(comparison, "gradient_std"))
    )
    kept = [(series, panel, _wrapped(finding)) for series, panel, finding in panels if drawable(series, panel.log)]
    above = 26 * max(len(title) for _, _, title in kept) + 18
    drawn = [_titled(series, panel, title, above) for series, panel, title in kept]
    chart = {"hconcat": drawn, "bounds": "flush", "spacing": _beside(left) + AXIS, "padding": 28}
    picture: bytes = load_converter().vegalite_to_png(styled(chart), scale=2)
    return picture


def _beside(series: list[Series]) -> int:
    """The room that the labels at the ends of the lines take."""
    return 18 + max(9 * len(f"{shorten(one.name)} {one.label}") for one in series)


def _wrapped(finding: str) -> list[str]:
    return textwrap.wrap(finding.replace(" %", "\u00a0%"), LETTERS)


def _titled(series: list[Series], panel: Panel, title: list[str], above: int) -> Spec:
    """Draw a panel under a title that starts at a fixed height, so that titles side by side stand level."""
    chart = draw(series, replace(panel, width=WIDTH, height=HEIGHT))
    mark = {
        "type": "text", "text": title, "align": "left", "baseline": "top", "fontSize": 20, "fontWeight": 600,
        "lineHeight": 26, "color": "#1b2530",
    }  # fmt: skip
    place = {"x": {"value": 30 - AXIS}, "y": {"value": -above}}
    return {**chart, "layer": [*chart["layer"], {"data": {"values": [{}]}, "mark": mark, "encoding": place}]}
