"""Pictures in block letters: every height and every column known."""

import numpy as np
import pytest

from glorot.report.blocks import EIGHTHS, area, axis, histogram, spike


def volume(lines: list[str]) -> int:
    """Count the eighths of a line that a picture fills."""
    return sum(EIGHTHS.index(letter) for line in lines for letter in line)


def test_area_is_exact_to_an_eighth_of_a_line() -> None:
    heights = np.array([0.0, 1 / 16, 0.5, 9 / 16, 1.0])
    assert area(heights, 2) == ["   ▁█", " ▁███"]
    assert volume(area(heights, 2)) == 0 + 1 + 8 + 9 + 16


def test_axis_leaves_zero_out_where_a_label_stands() -> None:
    assert axis("-1", "1", 6, 12) == "-1────0────1"
    assert axis("-1", "1", 1, 12) == axis("-1", "1", None, 12) == "-1─────────1"
    assert axis("-1", "1", 11, 12) == "-1─────────1"


def test_a_histogram_counts_every_value() -> None:
    values = np.repeat([-1.0, -0.5, 0.0, 0.5, 1.0], [1, 2, 8, 2, 1])
    *bars, line = histogram(values, rows=1, width=5)
    assert bars == ["▁▂█▂▁"]
    assert line == "-1──1"


def test_a_histogram_of_a_bell_is_highest_in_the_middle() -> None:
    *bars, line = histogram(np.random.default_rng(0).normal(size=100_000))
    widths = [len(row.strip(" ▁")) for row in bars]
    assert widths == sorted(widths)
    assert all(abs(row.index("█") + row.rindex("█") - 2 * line.index("0", 6)) <= 4 for row in bars)
    assert len(line) == len(bars[-1]) == 37


@pytest.mark.parametrize("count", [2, 3, 10, 37, 1000])
def test_bars_are_equally_wide_and_end_at_the_ends(count: int) -> None:
    *bars, line = histogram(np.linspace(3.0, 5.0, count))
    assert 33 <= len(line) <= 37
    assert line.startswith("3─")
    assert line.endswith("─5")
    assert len(bars[-1]) == len(line)
    assert bars[-1][0] == bars[-1][-1] != " "


def test_a_rare_value_is_seen() -> None:
    *bars, line = histogram(np.repeat([0.0, 1.0], [9999, 1]))
    assert bars[-1] == "█" + " " * 35 + "▁"
    assert line.startswith("0──")


@pytest.mark.parametrize(("value", "label"), [(0.0, "0"), (0.25, "0.25"), (-3.0, "-3")])
def test_equal_values_are_a_pole(value: float, label: str) -> None:
    lines = histogram(np.full(7, value))
    assert lines == spike(value, 4)
    assert lines[:3] == [" " * 18 + "█"] * 3
    assert lines[3] == "─" * 18 + "┴" + "─" * 18
    assert lines[4].strip() == label


def test_no_values_make_no_picture() -> None:
    assert histogram(np.array([])) == []
