"""Panels: what a chart shows, how far its axes reach, and where its labels stand."""

import itertools

import pytest

from glorot.report.panels import Panel, Point, Series, drawable, framed


def point(x: float, y: float) -> Point:
    return Point(x, y, y, y)


def panel(**settings: bool) -> Panel:
    return Panel("epoch", "share", "epoch {}", **settings)


def test_labels_never_overlap() -> None:
    many = [Series(f"r{n}", n, line=(point(0, 0.1), point(1, 0.5 + n / 60))) for n in range(25)]
    frame = framed(many, panel(percent=True))
    middles = sorted(label.middle for label in frame.labels)
    assert len(middles) == 25
    assert min(b - a for a, b in itertools.pairwise(middles)) >= frame.panel.line
    assert middles[0] >= 0
    assert middles[-1] <= frame.panel.height


def test_lines_that_coincide_are_one_with_all_names() -> None:
    line = tuple(point(n, n / 10) for n in range(10))
    shifted = tuple(point(n, n / 10 + 0.001) for n in range(10))
    apart = tuple(point(n, n / 20) for n in range(10))
    series = [Series("Xavier", 0, line=line), Series("He", 1, line=apart), Series("Xavier normal", 2, line=shifted)]
    frame = framed(series, panel(percent=True))
    assert [one.name for one in frame.series] == ["Xavier · Xavier normal", "He"]
    assert len(frame.labels) == 2


def test_a_log_axis_shows_what_is_above_zero() -> None:
    series = [
        Series("zero", 0, line=(point(1, 0.0),)),
        Series("small", 1, line=(point(1, 1e-30), point(2, 5.0))),
    ]
    kept = drawable(series, log=True)
    assert [one.name for one in kept] == ["small"]
    assert len(kept[0].line) == 2


def test_a_series_that_broke_off_does_not_flatten_the_others() -> None:
    calm = Series("calm", 0, line=(point(0, 2.0), point(1, 0.5)))
    lost = Series("lost", 1, line=(point(0, 1e12),), broken=True)
    low, high = framed([calm, lost], panel(log=True)).y
    assert high < 100
    assert low > 0.1


def test_what_is_read_off_a_line_stands_where_it_is_drawn() -> None:
    frame = framed([Series("Xavier", 0, line=(point(0, 0.1), point(2, 0.975)))], panel(percent=True))
    (readout,) = frame.readouts()
    assert frame.value(frame.down(0.3)) == pytest.approx(0.3)
    assert "epoch 2: 97.5 %" in str(readout)


def test_long_curves_are_thinned_and_keep_their_end() -> None:
    series = [Series("a", 0, line=tuple(point(n, n + 1) for n in range(1001)))]
    line = drawable(series, log=False)[0].line
    assert len(line) < 200
    assert line[0].x == 0
    assert line[-1].x == 1000
