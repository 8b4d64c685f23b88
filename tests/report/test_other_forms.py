"""A comparison as JSON, as a picture, and in a terminal."""

import io
import json
import math
import re
import struct
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
import report_builders as builders
from rich.console import Console

from glorot.comparison.comparison import Comparison
from glorot.errors import GlorotError
from glorot.report.conclusions import finding
from glorot.report.heatmaps import png
from glorot.report.picture import comparison_png, comparison_svg
from glorot.report.terminal import table_for_terminal


def printed(comparison: Comparison, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(table_for_terminal(comparison))
    return file.getvalue()


@pytest.mark.parametrize("make", [builders.usual, builders.diverged, builders.regression])
def test_json_is_strict(make: object) -> None:
    data = make().to_json()  # type: ignore[operator]
    assert json.loads(json.dumps(data, allow_nan=False))["task"] == "two spirals"


def test_json_holds_the_figures() -> None:
    usual = builders.usual()
    data = json.loads(json.dumps(usual.to_json(), allow_nan=False))
    assert [row["recipe"] for row in data["results"]] == [result.recipe for result in usual.results]
    for row, result in zip(data["results"], usual.results, strict=True):
        assert row["final"]["test_accuracy"]["mean"] == result.final("test_accuracy").mean
        assert row["verdict"] == result.verdict
        measured, layer = row["runs"][0]["start"]["layers"][1], result.runs[0].start.layers[1]
        assert measured["gradient_std"] == layer.gradient_std
        assert sum(measured["histogram"]["counts"]) == sum(layer.histogram.counts)
        assert row["runs"][0]["epochs"][-1]["test_loss"] == result.runs[0].epochs[-1].test_loss
        assert row["plan"] == json.loads(json.dumps(result.plan.to_json()))
    assert data["claims"][1] == {"sentence": "Xavier beats He.", "holds": False, "seen": "no difference"}
    assert data["sweep"][0]["test_accuracy"]["mean"] == 0.97
    assert data["results"][0]["prediction"] is None


def test_json_writes_nan_as_null_and_infinity_in_words() -> None:
    lost = builders.result("lost", (0.1, math.nan), losses=(9.0, math.inf), diverged_at=1, seeds=1)
    row = builders.comparison(lost, chance=math.nan).to_json()["results"][0]
    assert row["final"]["train_loss"]["mean"] is None
    assert row["runs"][0]["epochs"][-1]["train_loss"] == "inf"
    assert row["runs"][0]["end"] is None


def test_json_keeps_every_digit() -> None:
    data = builders.comparison(builders.result("a", law=builders.Normal(0.0, 1 / 7)), seconds=1 / 3).to_json()
    assert data["seconds"] == 1 / 3
    assert data["results"][0]["plan"]["entries"][0]["distribution"]["std"] == 1 / 7


def size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", picture[16:24])  # type: ignore[return-value]


@pytest.mark.parametrize("make", [builders.usual, builders.regression, builders.diverged])
def test_picture_is_wide_and_large(make: object) -> None:
    width, height = size(comparison_png(make()))  # type: ignore[operator]
    assert width == 2 * 1480
    assert 1100 < height < 1600


def test_picture_has_the_finding_the_signal_and_the_curves() -> None:
    usual = builders.usual()
    drawing = comparison_svg(usual)
    words = " ".join(re.sub("<[^>]*>", " ", drawing).replace("\u00a0", " ").split())
    for said in (
        finding(usual),
        "what is left of the signal",
        "what is learned",
        "Xavier 95.2 % holds up (×0.6)",
    ):
        assert said in words
    assert "var(" not in drawing
    assert len(re.findall("<svg", drawing)) == 3


def test_picture_of_a_net_without_hidden_layers_has_the_curves_alone() -> None:
    only = builders.result("xavier")
    runs = tuple(replace(run, start=replace(run.start, layers=run.start.layers[-1:])) for run in only.runs)
    drawing = comparison_svg(builders.comparison(replace(only, runs=runs, prediction=None)))
    assert "what is learned" in drawing
    assert "what is left of the signal" not in drawing


def test_picture_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(GlorotError, match=r"pip install 'glorot\[report\]'"):
        comparison_png(builders.regression())


def test_heat_map_is_a_true_png() -> None:
    values = np.array([[-1.0, 0.0], [0.5, np.nan], [9.0, -9.0]])
    data = png(values, 1.0)
    assert size(data) == (2, 3)
    chunks, place = {}, 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind], place = body, place + 12 + length
    pixels = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(3, 3)[:, 1:]
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    assert palette[pixels[0, 1]].tolist() == [0xF7, 0xF7, 0xF7]  # zero is white
    assert palette[pixels[0, 0]].tolist() == [0x05, 0x30, 0x61]
    assert pixels[2].tolist() == [254, 0]  # beyond the scale: its ends
    assert palette[pixels[1, 1]].tolist() == [0xB8, 0xC1, 0xCA]  # no number: grey


@pytest.mark.parametrize("width", [80, 110, 160, 200])
@pytest.mark.parametrize("make", [builders.usual, builders.diverged, builders.regression])
def test_terminal_table_fits_and_holds_everything(width: int, make: object) -> None:
    comparison = make()  # type: ignore[operator]
    text = printed(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    together = " ".join(text.split())
    for result in comparison.results:
        assert result.recipe in together
        assert result.verdict in together
    for claim, mark in zip(comparison.claims, "✓✗?", strict=False):
        assert f"{mark} {claim.sentence}" in together


def test_terminal_splits_the_table_only_where_narrow() -> None:
    assert "at the start" in printed(builders.usual(), 80)
    assert "at the start" not in printed(builders.usual(), 110)
    assert any({"saturated", "train"} <= set(line.split()) for line in printed(builders.usual(), 110).splitlines())
    assert "at the start" not in printed(builders.usual(), 200)


def test_terminal_says_first_what_was_found() -> None:
    usual = builders.usual()
    head, _, _ = printed(usual, 80).partition("\n\n")
    assert " ".join(head.split()) == f"{finding(usual)}. two spirals"


def test_terminal_has_the_verdict_after_the_name_where_the_table_is_wide() -> None:
    head = next(line for line in printed(builders.usual(), 200).splitlines() if line.startswith("recipe"))
    assert head.split()[:2] == ["recipe", "verdict"]
    assert head.split()[-1] == "there"


@pytest.mark.parametrize("width", [60, 80, 110, 140])
def test_terminal_has_the_verdicts_before_the_figures_where_the_table_is_narrow(width: int) -> None:
    text = printed(builders.usual(), width)
    assert text.index("saturated; overfits") < text.index("best here") < text.index("───")


def test_terminal_colours_verdicts() -> None:
    comparison = builders.usual()
    for width in (80, 200):
        console = Console(file=io.StringIO(), width=width, color_system="standard", force_terminal=True)
        with console.capture() as shown:
            console.print(table_for_terminal(comparison))
        text = shown.get()
        assert "\x1b[31mdoes not learn" in text
        assert "\x1b[31mthe gradient vanishes" in text
        assert "\x1b[32mbest here" in text
        assert not any(f"\x1b[3{colour}msaturated; overfits" in text for colour in range(8))


def test_terminal_takes_names_as_they_are() -> None:
    comparison = builders.comparison(builders.result("[red]x[/red]"), interrupted=True)
    text = printed(comparison, 200)
    assert "[red]x[/red]" in text
    assert "interrupted" in text


def test_terminal_figures_are_not_broken_at_80() -> None:
    small = builders.result("xavier_uniform", gradients=(1.3e-5, 1e-4, 1.6e-4), stds=(0.078, 1e-3, 1.2e-5))
    text = printed(builders.comparison(small), 80)
    assert "0.00016→1.3e-05" in text
    assert "0.078→1.2e-05" in text
    assert "xavier_uniform" in text


def sigmoid_like() -> Comparison:
    """Figures as long as they get, one name as long as they usually are."""
    stds, gradients = (0.078, 1e-3, 1.2e-5), (4.9e-12, 1e-9, 7.9e-6)
    one = builders.result("xavier_uniform(gain=4)", stds=stds, gradients=gradients, losses=(160.2, 0.9, 1.2e-5))
    return builders.comparison(one, builders.result("he", verdict="no difference from the best"))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_terminal_figures_never_wrap(width: int) -> None:
    comparison = sigmoid_like()
    text = printed(comparison, width).replace(" → ", "→").replace(" ± ", "±")
    assert "7.9e-06→4.9e-12" in text
    assert "160→1.2e-05" in text
    for row in comparison.rows():
        for cell in row:
            assert cell.replace(" → ", "→").replace(" ± ", "±") in text
    assert max(map(len, text.splitlines())) <= width
    for word in {word for head in comparison.columns() for word in head.split()}:
        assert word in text


def test_terminal_splits_the_start_where_it_does_not_fit() -> None:
    text = printed(sigmoid_like(), 80)
    assert text.index("signal at the start") < text.index("gradient and units") < text.index("learning")
    assert "gradient and units" not in printed(sigmoid_like(), 100)


@pytest.mark.parametrize("width", [24, 40, 60])
def test_terminal_figures_are_whole_even_where_very_narrow(width: int) -> None:
    text = printed(builders.usual(), width)
    for cell in ("0.001→1e-09", "95.2±0.3", "97.0±1.0") if width > 24 else ("95.2±0.3",):
        assert cell in text


def test_terminal_shows_the_sweep_over_depths() -> None:
    text = printed(builders.usual(), 120)
    rows = [line.split() for line in text[text.index("test % by number of hidden layers") :].splitlines()]
    assert rows[1] == ["recipe", "1", "3", "20"]
    assert rows[3] == ["random(0.01)", "97.0±1.0", "50.0±1.0", "10.0±1.0"]
    assert rows[4] == ["xavier", "97.0±1.0", "96.0±1.0", "95.0±1.0"]
    assert "hidden layers" not in printed(sigmoid_like(), 120)


def test_a_seed_that_diverged_leaves_the_others_mean() -> None:
    good = builders.result("a", seeds=2)
    lost = replace(good.runs[1], epochs=(*good.runs[1].epochs[:-1], builders.Epoch(math.inf, 0.1, math.inf, 0.1)))
    row = builders.comparison(replace(good, runs=(good.runs[0], lost))).to_json()["results"][0]
    assert row["final"]["train_loss"]["count"] == 1
