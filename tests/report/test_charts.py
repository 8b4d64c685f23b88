"""Charts: the values that lie over a drawing lie where its lines are drawn."""

import re

import pytest

from glorot.report.charts import charts
from glorot.report.panels import Panel, Point, Series


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_values_lie_over_their_lines(width: str, log: bool) -> None:
    line = tuple(Point(n, value, value, value) for n, value in enumerate((0.11, 0.8, 0.92, 0.97)))
    panel = Panel("epoch", "accuracy", "epoch {}", log=log)
    both = charts([Series("Xavier", 12, line=line)], panel, "Xavier learns")
    drawing = both[both.index(f'<div class="{width}">') :]
    drawn, over = re.findall(r'<path[^>]* d="(M[\d.]+,[\d.]+L[^"]*)"', drawing)[:2]
    assert len(points(drawn)) == len(points(over)) == 4
    for one, other in zip(points(drawn), points(over), strict=True):
        assert one == pytest.approx(other, abs=0.2)
    origins = re.findall(r"<g [^>]*?translate\(([\d.]+,[\d.]+)\)", drawing)
    assert origins[0] in origins[1:]  # the values count from where the plot does
    assert drawing.startswith(f'<div class="{width}"><svg ')
    assert 'aria-label="Xavier learns"' in drawing


def test_letters_are_as_large_on_a_telephone() -> None:
    line = (Point(0, 0.1, 0.1, 0.1), Point(1, 0.9, 0.9, 0.9))
    both = charts([Series("Xavier", 12, line=line)], Panel("epoch", "accuracy", "epoch {}", percent=True), "")
    widths = [float(width) for width in re.findall(r'<svg xmlns[^>]*viewBox="0 0 ([\d.]+)', both)]
    assert 590 < widths[0] < 615
    assert 320 < widths[1] < 340
    assert set(re.findall(r'font-size="([\d.]+)px"', both)) == {"14", "12"}
