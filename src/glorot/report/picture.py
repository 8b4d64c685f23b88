"""One picture of a comparison, for a README or a slide."""

import re
from dataclasses import replace

from glorot.comparison.comparison import Comparison
from glorot.markup import html_text
from glorot.report import curves
from glorot.report.charts import load_converter, svg
from glorot.report.colors import FONT, paint, plain
from glorot.report.conclusions import finding
from glorot.report.hero import Size, hero_svg
from glorot.report.labels import wrapped
from glorot.report.panels import drawable, framed

WIDTH, MARGIN, LINE = 1480, 36, 42
TITLE, HEAD, LETTERS = 32, 22, 19
"""Sizes of letters that are read where a README is 830 pixels wide."""

LEFT, RIGHT, HEIGHT = 820, 550, 420
"""The widths of the two drawings, and how high their plots are."""


def comparison_png(comparison: Comparison) -> bytes:
    """Draw the finding, below it the signal by layer before training, and beside that the learning curves.

    Args:
        comparison: what was trained and measured.

    Returns:
        A PNG file, 1480 pixels wide at twice the density, on white ground.

    Raises:
        GlorotError: if the package that draws the charts is not installed.
    """
    converter = load_converter()
    picture: bytes = converter.svg_to_png(comparison_svg(comparison), scale=2)
    return picture


def comparison_svg(comparison: Comparison) -> str:
    """Return the same as SVG, in the tones for light ground."""
    title = _title(finding(comparison))
    top = MARGIN + len(title) * LINE + 30
    parts = [_words(line, MARGIN, MARGIN + 26 + row * LINE, TITLE) for row, line in enumerate(title)]
    heights, left = [0.0], float(MARGIN)
    for head, drawing, width in _drawings(comparison):
        placed, height = _placed(drawing, left, top + HEAD, width)
        parts += [_words(head, left, top, HEAD), placed]
        heights.append(height)
        left += width + WIDTH - 2 * MARGIN - LEFT - RIGHT
    total = top + HEAD + max(heights) + MARGIN
    return plain(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{total:.0f}" font-family="{FONT}" '
        f'fill="{paint("ink")}"><rect width="100%" height="100%" fill="{paint("ground")}"/>{"".join(parts)}</svg>'
    )


def _title(words: str) -> list[str]:
    """Set the title in as few lines as it needs, about equally long."""
    pieces, width = words.replace(" %", "\u00a0%").split(" "), WIDTH - 2 * MARGIN
    lines = wrapped(pieces, width, TITLE, bold=True)
    widths = range(width // 3, width, 10)
    return next((even for w in widths if len(even := wrapped(pieces, w, TITLE, bold=True)) == len(lines)), lines)


def _drawings(comparison: Comparison) -> list[tuple[str, str, float]]:
    """Return the drawings that there is something to see on, each with its head and its width."""
    found: list[tuple[str, str, float]] = []
    signal = hero_svg(comparison, Size("picture", LEFT, HEIGHT, LETTERS, 330, results=False))
    if signal:
        found.append(("Before training: what is left of the signal", signal, LEFT))
    figure = "test_accuracy" if comparison.classifies else "test_loss"
    series, panel = curves.learning(comparison, figure), curves.learning_panel(comparison, figure)
    panel = replace(panel, width=RIGHT, height=HEIGHT, size=LETTERS)
    if drawable(series, panel.log):
        found.append(("In training: what is learned", svg(framed(series, panel)), RIGHT))
    return found


def _placed(drawing: str, left: float, top: float, width: float) -> tuple[str, float]:
    """Set a drawing somewhere, and return it with the height it takes there."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    assert box, drawing[:200]
    height = width * float(box[2]) / float(box[1])
    place = f'<svg x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return drawing.replace("<svg", place, 1), height


def _words(words: str, x: float, y: float, size: int) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="700">{html_text(words)}</text>'
