"""The first picture of a page: what becomes of the signal of each start, in lines and in a few words."""

import math
import re
from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
import report_builders as builders

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult
from glorot.report.coinciding import coinciding
from glorot.report.courses import courses, describe_course, summarize
from glorot.report.hero import SIZES, Size, caption, hero, hero_svg
from glorot.report.labels import set_apart, text_width

SVG = "{http://www.w3.org/2000/svg}"
LARGE = SIZES[-1]


def start(across: tuple[float, ...], **changes: object) -> RecipeResult:
    """A recipe whose units vary as given from example to example, hidden layer by hidden layer."""
    made = builders.result("xavier", stds=[1.0] * len(across), gradients=[0.1] * len(across), seeds=1)
    signal = made.runs[0].start
    layers = tuple(replace(one, std_across=value, **changes) for one, value in zip(signal.layers, across, strict=False))
    run = replace(made.runs[0], start=replace(signal, layers=(*layers, signal.layers[-1])))
    return replace(made, runs=(run,))


@pytest.mark.parametrize(
    ("across", "changes", "words"),
    [
        ((0.0, 0.0, 0.0), {}, "no signal at all"),
        ((0.5, 0.9, 1.0), {"distinct": 1, "saturated": 1.0}, "16 copies of one unit"),
        ((0.1, 0.01, 1e-4), {}, "dies on the way (×0.001)"),
        ((0.1, 0.01, 0.0), {}, "dies on the way (×0)"),
        ((1.0, 30.0, 900.0), {}, "explodes on the way (×900)"),
        ((0.8, 0.9, 0.9), {"saturated": 0.84}, "saturates: 84 % of units"),
        ((0.4, 0.3, 0.2), {}, "holds up (×0.5)"),
        ((0.4, 0.2, 0.1), {}, "fades (×0.25)"),
        ((0.1, 0.2, 0.5), {}, "grows (×5)"),
        ((0.4,), {}, "starts at 0.4"),
        ((0.4, math.inf, math.nan), {}, "overflows"),
        ((0.8, 0.9, 0.9), {"saturated": 0.84, "activation": "my_own"}, "saturates: 84 % of units"),
        ((0.5, 0.5, 0.5), {"saturated": 0.5, "activation": "relu"}, "stays level (×1)"),
    ],
)
def test_a_few_words_say_what_becomes_of_a_signal(
    across: tuple[float, ...], changes: dict[str, object], words: str
) -> None:
    assert describe_course(start(across, **changes)) == words
    assert len(words.partition(" (")[0].split()) <= 5


def crowded() -> Comparison:
    """Fourteen starts with long names, most of them near one another."""
    names = [f"truncated_normal(std=0.0{n}, cut=2.5)" for n in range(1, 13)]
    level = [builders.result(name, stds=(0.5, 0.4 + n / 50, 0.3 + n / 25)) for n, name in enumerate(names)]
    return builders.comparison(builders.result("zeros", stds=(0, 0, 0)), *level, builders.result("xavier"))


def deep() -> Comparison:
    """Thirty layers, through which one signal dies, one explodes and one is no number in the end."""
    made = [
        builders.result(name, stds=[factor**n for n in range(30)], gradients=[0.1] * 30)
        for name, factor in (("random(0.01)", 0.1), ("random(1)", 8.0), ("xavier", 0.97))
    ]
    lost = builders.result("random(9)", stds=[*[2.0] * 28, math.inf, math.nan], gradients=[0.1] * 30)
    return builders.comparison(*made, lost)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
@pytest.mark.parametrize("make", [builders.usual, builders.regression, builders.diverged, crowded, deep])
def test_labels_stand_inside_and_apart_at_every_width(make: object, size: Size) -> None:
    root = ElementTree.fromstring(hero_svg(make(), size))  # type: ignore[operator]
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    assert width == size.width
    boxes = []
    for text in root.iter(f"{SVG}text"):
        words, x, y = "".join(text.itertext()), float(text.attrib["x"]), float(text.attrib["y"])
        bold = text.find(f"{SVG}tspan") is not None
        taken = text_width(words, size.letters, bold)
        left = {"end": x - taken, "middle": x - taken / 2}.get(text.attrib.get("text-anchor", ""), x)
        assert left >= -1, words
        assert left + taken <= width + 1, words
        assert size.letters * 0.7 <= y <= height - 0.2 * size.letters, words
        boxes.append((words, left, left + taken, y - 0.7 * size.letters, y + 0.1 * size.letters))
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[1] or other[2] <= one[1] or one[4] <= other[3] or other[4] <= one[3]
        assert apart, (one, other)


def test_a_small_picture_is_read_on_a_telephone() -> None:
    small = SIZES[0]
    assert 328 / small.width * small.letters > 11
    layers = re.findall(r'text-anchor="middle"[^>]*>(\d)<', hero_svg(builders.comparison(five_layers()), small))
    assert layers == ["1", "2", "3", "4", "5"]


def five_layers() -> RecipeResult:
    return builders.result("xavier", stds=(0.5,) * 5, gradients=(0.1,) * 5)


def test_lines_that_coincide_are_one_with_both_names() -> None:
    same = [builders.result("xavier_uniform"), replace(builders.result("xavier_normal"), recipe="xavier_normal")]
    drawing = hero_svg(builders.comparison(*same, builders.result("he", stds=(0.9, 0.8, 0.7))), LARGE)
    names = re.search(r"Xavier ·</tspan> <tspan[^>]*>Xavier normal:", drawing)
    assert names is not None
    colours = re.findall(r'<tspan font-weight="700" fill="([^"]+)">Xavier', drawing)
    assert len(set(colours)) == 2  # each name in its own, and the line takes turns in both
    assert drawing.count('stroke-width="3"') == 3
    assert drawing.count('stroke-dasharray="9 9" stroke-dashoffset="-9"') == 1
    assert drawing.count("95.2 %") == 2


def test_what_training_made_of_lines_that_coincide_is_told_of_each() -> None:
    drawing = hero_svg(builders.diverged(), LARGE)
    assert re.search(r"too small ·</tspan> <tspan[^>]*>Xavier:", drawing)
    assert ">diverged · 95.2 %<" in drawing


def test_lines_coincide_within_two_pixels_at_every_point() -> None:
    line = [(0.0, 10.0), (9.0, 20.0)]
    assert coinciding([line, [(0.0, 12.0), (9.0, 18.0)]]) == [[0, 1]]
    assert coinciding([line, [(0.0, 12.1), (9.0, 20.0)]]) == [[0], [1]]
    assert coinciding([line, line[:1]]) == [[0], [1]]
    assert coinciding([line, [(0.0, 11.9), (9.0, 20.0)], [(0.0, 13.0), (9.0, 20.0)]]) == [[0, 1], [2]]


def test_zero_has_a_place_below_the_log_axis() -> None:
    with_zero = hero_svg(builders.usual(), LARGE)
    assert ">all zero:<" in with_zero
    assert re.search(r'text-anchor="end"[^>]*>0<', with_zero)
    assert not re.search(r'text-anchor="end"[^>]*>0<', hero_svg(builders.regression(), LARGE))


def test_a_signal_that_leaves_the_picture_ends_at_its_edge() -> None:
    drawing = hero_svg(deep(), LARGE)
    points = [len(path.split("L")) for path in re.findall(r'<path d="M([^"]*)" fill="none"', drawing)]
    assert max(points) == 30  # Xavier's
    assert min(points) < 15
    assert "A line at the edge goes on beyond it." in caption(deep())
    assert "beyond" not in caption(builders.usual())


def test_the_picture_says_in_words_what_it_shows() -> None:
    told = summarize(courses(builders.usual()))
    assert told == (
        "The signal by hidden layer before training. all zero: no signal at all; random(0.01): dies on the way; "
        "random(1): saturates: 84 % of units; Xavier: holds up."
    )
    assert hero(builders.usual()).count(f'role="img" aria-label="{told}"') == len(SIZES)


def test_each_line_is_one_stop_and_has_the_value_of_every_layer() -> None:
    drawing = hero(builders.usual())
    assert drawing.count('tabindex="0"') == 4 * len(SIZES)
    assert "<title>Xavier: layer 1: 0.25; layer 2: 0.2; layer 3: 0.15</title>" in drawing


def test_a_net_without_hidden_layers_has_no_picture() -> None:
    only = builders.result("xavier")
    runs = tuple(replace(run, start=replace(run.start, layers=run.start.layers[-1:])) for run in only.runs)
    assert hero(builders.comparison(replace(only, runs=runs))) == ""


def test_one_seed_is_not_called_a_mean() -> None:
    assert "from one seed" in caption(builders.comparison(builders.result("xavier", seeds=1)))
    assert "mean of 2 seeds" in caption(builders.usual())


def test_labels_of_any_height_do_not_overlap() -> None:
    heights = [20.0, 40.0, 20.0, 60.0]
    middles = set_apart([50.0, 51.0, 52.0, 300.0], heights, 0.0, 260.0)
    order = sorted(range(4), key=lambda n: middles[n])
    gaps = [middles[b] - middles[a] - (heights[a] + heights[b]) / 2 for a, b in pairwise(order)]
    assert min(gaps) >= -1e-9
    assert middles[3] == 260.0 - 30.0
    assert min(middle - height / 2 for middle, height in zip(middles, heights, strict=True)) >= 0
