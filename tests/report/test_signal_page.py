"""The page of a signal: what is exact, approximate and unknown looks different, and says why."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from test_pages_in_chromium import shown

from glorot import GlorotError, Signal
from glorot.graph.propagation.state import EXACT, Grade
from glorot.probe.steps import Histogram, StepSignal
from glorot.report.signal_chart import DASHES
from glorot.report.signal_page import signal_html

SEEN = Grade("measured")
POOL = Grade("approximate", "the largest of several positions", 0.05)
OPAQUE = Grade("none", "an operator that is not understood")


def step(place: int, grade: Grade = SEEN, histogram: Histogram | None = None) -> StepSignal:
    square = math.nan if grade.kind == "none" else 0.9**place
    return StepSignal(
        f"layer{place}", "kernel", second_moment=square, correlation=0.1, gradient_std=0.5, mean=0.0, histogram=histogram,
        grade=grade, gradient_grade=EXACT if grade.kind != "measured" else grade,
    )  # fmt: skip


def signal(*grades: Grade, notes: tuple[str, ...] = ()) -> Signal:
    steps = tuple(step(place, grade) for place, grade in enumerate(grades, start=1))
    return Signal((), math.nan, (), True, steps, notes)


MEASURED = signal(*[SEEN] * 6)
PREDICTED = signal(EXACT, EXACT, POOL, POOL, OPAQUE, OPAQUE, notes=("layer7 was not seen",))


def test_an_exact_prediction_is_solid_and_an_approximate_one_dashed_with_its_error() -> None:
    page, exact = signal_html(MEASURED, PREDICTED), signal_html(MEASURED, signal(*[EXACT] * 6))
    assert DASHES in page
    assert DASHES not in exact
    assert "±5\u00a0% of the root mean square: the largest of several positions (steps 3–4)" in page
    assert 'stroke-opacity=".22"' in page  # the band
    assert "predicted, exact as the width grows" in exact


def test_what_is_not_known_is_shaded_and_says_why() -> None:
    page = signal_html(MEASURED, PREDICTED)
    assert "left out: an operator that is not understood (steps 5–6)" in page
    assert "layer7 was not seen" in page
    assert "left out" not in signal_html(MEASURED)


def test_a_measurement_alone_and_a_prediction_alone() -> None:
    measured, predicted = signal_html(MEASURED), signal_html(PREDICTED)
    assert "<h1>Signal, measured</h1>" in measured
    assert "predicted" not in re.sub(r"<style>.*?</style>", "", measured, flags=re.S)
    assert "<h1>Signal, predicted</h1>" in predicted
    assert "</svg> measured</li>" not in predicted
    assert ">approximate [1], exact<" in predicted


def test_histograms_are_drawn_where_they_were_taken() -> None:
    taken = replace(MEASURED, steps=(step(1, histogram=Histogram(-6, 6, (1, 2, 1))), step(2)))
    assert signal_html(taken).count('class="map"') == 1
    assert "Histograms" not in signal_html(MEASURED)


def test_the_page_of_a_deep_model_is_small_and_fetches_nothing() -> None:
    page = signal_html(signal(*[SEEN] * 300), signal(*[EXACT, POOL, OPAQUE] * 100))
    assert len(page.encode()) < 1.5e6
    assert not re.search(r'(src|href)="', page)


def test_a_signal_is_saved_by_the_end_of_its_name(tmp_path: Path) -> None:
    page = MEASURED.save(tmp_path / "signal.html", beside=PREDICTED)
    assert "Signal, measured beside predicted" in page.read_text(encoding="utf-8")
    assert Signal.load(MEASURED.save(tmp_path / "signal.json")).steps[0].name == "layer1"


def test_what_cannot_be_saved_says_why(tmp_path: Path) -> None:
    with pytest.raises(GlorotError, match=r"expected a file name that ends in \.json for the figures"):
        MEASURED.save(tmp_path / "signal.txt")
    with pytest.raises(GlorotError, match="a JSON file holds one signal"):
        MEASURED.save(tmp_path / "signal.json", beside=PREDICTED)
    with pytest.raises(GlorotError, match=r"beside= takes what glorot\.predict returned"):
        PREDICTED.save(tmp_path / "signal.html", beside=MEASURED)
    assert not list(tmp_path.iterdir())


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_runs_out_of_the_screen(width: int, tmp_path: Path) -> None:
    seen = shown(signal_html(MEASURED, PREDICTED), width, tmp_path)
    assert (seen["out"], seen["cut"], seen["fetched"]) == ([], [], [])
    assert seen["width"] <= width
    assert seen["letters"] > 9.9
    assert seen["pictures"] == 3
