"""One picture of a comparison, for a README or a slide."""

import textwrap
from dataclasses import replace

from glorot.comparison.results import Comparison
from glorot.report import curves, findings
from glorot.report.panels import Panel, Series, Spec, draw, drawable, load_converter, styled

WIDTH, HEIGHT = 540, 440
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
    panels = [(left, curves.LEARNING[learning], finding)]
    panels.append(
        (right, curves.layer_panel(comparison, "gradient_std"), findings.propagation(comparison, "gradient_std"))
    )
    drawn = [_titled(*panel) for panel in panels if drawable(panel[0], panel[1].log)]
    chart = {"hconcat": drawn, "spacing": 56, "padding": 28}
    picture: bytes = load_converter().vegalite_to_png(styled(chart), scale=2)
    return picture


def _titled(series: list[Series], panel: Panel, finding: str) -> Spec:
    title = tuple(textwrap.wrap(finding.replace(" %", "\u00a0%"), LETTERS))
    return draw(series, replace(panel, width=WIDTH, height=HEIGHT, title=title))
