"""Topics: each has a figure of numbers computed when it is shown, and leads on to what exists."""

import json
import re
from dataclasses import asdict
from xml.etree import ElementTree

import numpy as np
import pytest

from glorot.catalogue import squash
from glorot.cli.commands import COMMANDS
from glorot.report.explanation import data_of, explanation
from glorot.report.explanation.asked import answer_of, page_of
from glorot.report.explanation.figure_svg import figure_svg
from glorot.report.explanation.figure_text import figure_text
from glorot.report.explanation.marks import NARROW, WIDTH
from glorot.report.explanation.page import CATALOGUES
from glorot.topics import TOPICS, Bars, Figure, Grids, Histograms, Lines
from glorot.topics.base import section_of
from glorot.topics.figures import curve
from glorot.topics.glossary import words_of_the_field
from glorot.topics.nets import constant_std, deep_pass, net_of, wave, xavier_std

WANTED = (
    "initialization", "fans", "variance", "symmetry", "bias", "saturation", "vanishing_gradients", "exploding_gradients",
    "dead_relu", "overfitting", "convergence", "learning_rate", "normalization", "residual", "mean_field",
    "order_and_chaos", "seed", "glossary",
)  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return {name: TOPICS.make(name).figure for name in TOPICS}


def numbers_of(figure: Figure) -> list[float]:
    match figure:
        case Lines():
            return [y for one in figure.curves for y in one.y]
        case Histograms():
            return [share for row in figure.rows for share in row.shares]
        case Bars():
            return [bar.value for bar in figure.bars]
        case Grids():
            return [value for one in figure.grids for row in one.values for value in row]


def test_the_topics_that_were_asked_for_are_there() -> None:
    assert set(WANTED) <= set(TOPICS)


@pytest.mark.parametrize("name", list(TOPICS))
def test_a_figure_is_drawn_in_text_and_for_two_widths(name: str, figures: dict[str, Figure]) -> None:
    figure = figures[name]
    assert np.isfinite(numbers_of(figure)).all()
    lines = figure_text(figure)
    assert 3 <= len(lines) <= 9
    assert max(map(len, lines)) <= 80
    for width in (WIDTH, NARROW):
        drawing = ElementTree.fromstring(figure_svg(figure, width))
        assert drawing.attrib["aria-label"] == figure.title
        shown = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
        for row in asdict(figure).get("curves", asdict(figure).get("rows", asdict(figure).get("bars", ()))):
            assert row["name"] in shown
        xs = [float(x) for x in re.findall(r' x="([^"]*)"', figure_svg(figure, width))]
        assert min(xs) >= 0
        assert max(xs) <= width


@pytest.mark.parametrize("name", list(TOPICS))
def test_figures_are_the_same_each_time(name: str, figures: dict[str, Figure]) -> None:
    draw = TOPICS.factory(name).__wrapped__
    assert figure_text(draw()) == figure_text(figures[name])


@pytest.mark.parametrize("name", list(TOPICS))
def test_what_a_topic_leads_to_exists(name: str) -> None:
    page = page_of(name)
    assert page.also
    for other in page.also:
        answer = answer_of(other)
        assert CATALOGUES[answer.kind].factory(answer.name).__name__ == other.partition(":")[2] or other
        assert other != name
    text = explanation(name, full=True)
    for command, asked in re.findall(r"`glorot (\w+) ?([\w:]*)", " ".join(text.split())):
        assert command in COMMANDS
        if command == "explain" and asked not in ("", "NAME"):
            assert explanation(asked)


def test_other_names_of_topics_are_written_once() -> None:
    spelled = [
        squash(alias)
        for name in TOPICS
        for alias in " ".join(section_of(TOPICS.factory(name), "Also asked as").split()).split(", ")
    ]
    assert len(spelled) == len(set(spelled)) > 250
    taken = {squash(name) for kind in ("recipe", "scheme", "activation") for name in CATALOGUES[kind]}
    assert not taken & {*spelled, *map(squash, TOPICS)}


@pytest.mark.parametrize("name", list(TOPICS))
def test_a_topic_is_json_too(name: str) -> None:
    data = json.loads(json.dumps(data_of(name), allow_nan=False))
    assert (data["kind"], data["name"]) == ("topic", name)
    assert {"The answer", "What to do", "Example", "References"} <= set(data["sections"])
    assert data["figure"]["title"] == TOPICS.make(name).figure.title
    assert data["question"].endswith("?")
    assert data["next"]


def test_lists_are_json_too() -> None:
    data = data_of(None)
    assert isinstance(data, dict)
    assert list(data) == ["topic", "recipe", "scheme", "activation"]
    assert data_of("Topics") == {"topic": list(TOPICS)}


def test_every_word_of_the_glossary_shows_its_line() -> None:
    for word, line in words_of_the_field().items():
        answer = answer_of(word)
        assert (answer.name, answer.note) == ("glossary", f"{word}: {line}")
        assert line[0] != " "
        assert line.endswith(".")
    assert list(words_of_the_field()) == sorted(words_of_the_field())


def test_the_words_of_the_glossary_point_to_pages_that_are_there() -> None:
    for line in words_of_the_field().values():
        for name in re.findall(r"see `(\w+)`", line):
            assert answer_of(name.replace("_", " ")).kind


def test_the_small_nets_keep_to_the_theory() -> None:
    run = deep_pass("identity", 1.0, depth=1, width=512)
    assert run.signal()[0] == pytest.approx(1, abs=0.02)
    assert deep_pass("tanh", 4.0).flat()[-1] > 0.4
    assert deep_pass("relu", 2**0.5, depth=5).gradient()[0] == pytest.approx(0.5**0.5, abs=0.05)


def test_a_step_follows_the_gradient() -> None:
    x, y = wave(16)
    net = net_of([1, 4, 1], "tanh", xavier_std)
    before, weight = net.loss(x, y), net.weights[0].copy()
    nudged = net_of([1, 4, 1], "tanh", xavier_std)
    nudged.weights[0][2, 0] += 1e-6
    slope = (nudged.loss(x, y) - before) / 1e-6
    assert net.step(x, y, 0.01) == before
    assert (weight - net.weights[0])[2, 0] / 0.01 == pytest.approx(slope, rel=1e-3)
    assert net.loss(x, y) < before


def test_equal_starts_are_equal_and_zeros_zero() -> None:
    assert not net_of([3, 2, 1], "tanh", constant_std(0.0)).weights[0].any()


def test_a_line_that_hardly_moves_is_still_seen() -> None:
    lines = figure_text(Lines("Small.", "layer", "signal", (curve("a", [1.0, 1e-9]), curve("b", [0.0, 0.0]))))
    assert "▁" in lines[1]
    assert "▁" not in lines[2]
