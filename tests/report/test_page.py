"""The page of a comparison: whole, offline, safe, and as true as its figures."""

import re
import sys
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import report_builders as builders

from glorot.comparison.comparison import Comparison
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.report.colors import stroke
from glorot.report.conclusions import finding
from glorot.report.document import stylesheet
from glorot.report.page import comparison_html, first_screen_html
from glorot.report.picture import comparison_png
from glorot.report.plan_page import plan_html
from glorot.report.terms import terms
from glorot.theory import Layer, predict

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=y> & 'co'"
VOID = {"meta", "img", "br"}


class Checker(HTMLParser):
    """Collects tags and text, and notes every tag that is closed out of turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words).replace("\u00a0", " ")


@pytest.fixture(scope="module")
def usual() -> Comparison:
    return builders.usual()


@pytest.fixture(scope="module")
def page(usual: Comparison) -> str:
    return comparison_html(usual)


def headings(page: str) -> list[str]:
    found = re.findall(r"<h[1-4][^>]*>(.*?)</h[1-4]>", page)
    return [re.sub("<.*?>", "", one).replace("\u00a0", " ") for one in found]


@pytest.mark.parametrize("make", [builders.usual, builders.diverged, builders.regression])
def test_is_one_file_that_needs_nothing_else(make: object) -> None:
    page = comparison_html(make())  # type: ignore[operator]
    urls = set(re.findall(r"https?://[^\s\"'<]*", page))
    assert urls <= {"http://www.w3.org/2000/svg"}
    checker = Checker(page)
    assert checker.open == []
    assert not {tag for tag, _ in checker.tags} & {"link", "iframe", "object"}
    assert [tag for tag, _ in checker.tags].count("script") == 1
    assert not any(name == "style" or (name or "").startswith("on") for _, attrs in checker.tags for name in attrs)
    assert all(attrs["src"].startswith("data:image/png;base64,") for tag, attrs in checker.tags if tag == "img")  # type: ignore[union-attr]
    assert "@import" not in page
    assert "url(" not in page
    assert len(page.encode()) < 700_000


@pytest.mark.slow
def test_eight_recipes_of_full_length_are_less_than_a_page_may_be() -> None:
    random = np.random.default_rng(0)
    curve = tuple(np.linspace(0.1, 0.97, 31))
    rows = random.normal(size=(32, 128)).round(5).tolist()
    results = [
        builders.result(
            f"random(0.0{n + 1})", curve * random.uniform(0.3, 1, 31), random.uniform(0.1, 1, 8), (0.1,) * 8, seeds=3,
            weights=rows,
        )
        for n in range(8)
    ]  # fmt: skip
    assert len(comparison_html(builders.comparison(*results)).encode()) < 1_000_000


def test_shows_every_recipe_verdict_and_claim(page: str, usual: Comparison) -> None:
    text = Checker(page).text
    for result in usual.results:
        assert result.recipe in text
        for word in result.verdict.split("; "):
            assert word.lower() in text.lower()
        assert f"Plan of {result.recipe}" in text
    for claim in usual.claims:
        assert claim.sentence in text
        assert claim.seen in text
    assert page.count('<li class="yes">') == 1
    assert page.count('<li class="no">') == 1
    assert page.count('<li class="open">') == 1
    assert "1 of 3 sentences hold here; of 1 it cannot be told." in text
    assert "glorot compare --quick" in text


def test_sections_stand_in_order(page: str) -> None:
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "Learning: accuracy by epoch", "What textbooks say, what we saw", "All figures", "Loss by epoch", "Depth",
        "Signal and gradient at the start", "What enters the activations", "First-layer weights at the end",
        "How to reproduce",
    ]  # fmt: skip
    assert re.findall("<summary><h2>(.*?)</h2>", page) == re.findall("<h2>(.*?)</h2>", page)[2:]


def test_the_first_screen_has_the_finding_the_facts_and_the_signal(page: str, usual: Comparison) -> None:
    first = page[page.index("<main>") : page.index('class="cards"')]
    text = Checker(first).text
    assert f'<h1 class="finding">{finding(usual)}'.replace(" %", "\u00a0%") in first
    assert "Two spirals · 4 starts · 2 seeds · 2 epochs · the same batches for all" in text
    assert "What is left of the signal, layer by layer, before training" in text
    assert first.count("<svg") == 6  # for three widths, each with its values


def test_a_card_has_the_nickname_the_code_the_score_and_the_verdict(page: str) -> None:
    cards = re.findall("<article.*?</article>", page)
    text = [" ".join(Checker(card).text.split()) for card in cards]
    assert text == [
        "all zero zeros 10.2 % ± 0.3 test accuracy Does not learn",
        "random(0.01) 10.2 % ± 0.3 test accuracy The gradient vanishes",
        "random(1) 60.2 % ± 0.3 test accuracy Saturated Overfits",
        "Xavier xavier 95.2 % ± 0.3 test accuracy Best here",
    ]


def test_every_figure_says_in_words_what_it_shows(page: str) -> None:
    figures = re.findall("<figure>.*?</figure>", page.replace("\u00a0", " "), re.DOTALL)
    assert len(figures) == 10
    for each in figures:
        (title,) = re.findall(r'class="title">(.*?)</h\d>', each)
        drawings = re.findall(r'<svg (?!class="reads")[^>]*>', each)
        told = re.findall(r'<svg (?!class="reads")[^>]*role="img" aria-label="([^"]+)"', each)
        assert len(told) == len(drawings)
        if title.startswith("What is left of the signal"):
            assert all("Xavier: holds up." in words for words in told)
        elif told:
            assert set(told) == {title}
        else:
            assert len(re.findall('<img alt="first-layer weights of [^"]+"', each)) == 4


def test_a_verdict_is_parted_between_its_statements_only() -> None:
    words = "2.3 points below the best (xavier_uniform(gain=4); interval 1.1 to 3.7); 8.0 times the epochs to 90 %"
    page = comparison_html(builders.comparison(builders.result("xavier", verdict=words))).replace("\u00a0", " ")
    assert (
        "<li>2.3 points below the best (xavier_uniform(gain=4); interval 1.1 to 3.7)</li>"
        "<li>8.0 times the epochs to 90 %</li>" in page
    )


def test_each_term_is_explained_where_it_stands(page: str) -> None:
    told = re.findall("<dfn>(.*?)</dfn>", page)
    below_cards = page[page.index("</article>") : page.index("Learning: accuracy")]
    assert re.findall("<dfn>(.*?)</dfn>", below_cards) == ["gradient", "saturated", "overfits", "vanishes"]
    for term in ("across examples", "distinct unit", "epochs to 90 %", "seeds there", "mean-field theory"):
        assert term in told
    for head in ("signal", "across examples", "gradient", "saturated", "epochs to 90 %", "seeds there"):
        assert told.index(head) >= 0


def test_terms_are_explained_only_where_they_are_used() -> None:
    assert terms("It learns the most.") == ""
    assert "<dfn>diverge</dfn>" in terms("It diverges.")
    assert "test" not in terms("the greatest signal")
    assert terms("a seed", "seed") == ""


def test_a_recipe_has_one_color_throughout(page: str) -> None:
    hue = re.search(r'class="card c(\d+)"><h2 class="title">Xavier ', page).group(1)  # type: ignore[union-attr]
    assert f'class="dot c{hue}"></span>Xavier ' in page
    assert page.count(f'stroke="{stroke(int(hue))}"') >= 15  # a line in each of seven charts and in the first picture


def test_titles_follow_the_figures(usual: Comparison, page: str) -> None:
    titles = headings(page)
    assert "Xavier reaches 90 % on the test set after 2 epochs, 3 recipes never" in titles
    assert any("random(0.01) falls ×1e-06 on its way back, that of random(1) grows ×40" in title for title in titles)
    better = builders.result("random(0.01)", (0.1, 0.93, 0.99), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1))
    changed = replace(usual, results=(usual.results[0], better, *usual.results[2:]))
    now = headings(comparison_html(changed))
    assert finding(changed) in now
    assert finding(changed) != finding(usual)
    assert "random(0.01) reaches 90 % on the test set after 1 epoch, Xavier after 2, 2 recipes never" in now
    assert not any("random(0.01) falls" in title and "way back" in title for title in now)


def test_whatever_a_user_names_is_text() -> None:
    recipe = builders.result(HOSTILE, verdict=HOSTILE)
    hostile = builders.comparison(
        recipe, builders.result("xavier"), task=HOSTILE, command=HOSTILE, versions=((HOSTILE, HOSTILE),),
        claims=(builders.Claim(HOSTILE, True, HOSTILE),),
        sweep=tuple(builders.SweepPoint(n, HOSTILE, builders.Spread(0.5, 0.1, 2)) for n in (1, 2)),
    )  # fmt: skip
    for page in (comparison_html(hostile), plan_html(recipe.plan)):
        checker = Checker(page)
        tags = [tag for tag, _ in checker.tags]
        assert tags.count("script") == (page != plan_html(recipe.plan))
        assert not any("onerror" in attrs for _, attrs in checker.tags)
        assert checker.open == []
        assert HOSTILE in checker.text


@pytest.mark.slow
def test_what_nobody_sees_in_a_name_is_written_as_an_escape() -> None:
    name = "x\u202ey\u2066z\x1b[2J"
    recipe = builders.result(name, verdict=name)
    turned = builders.comparison(
        recipe, builders.result("xavier"), task=name, command=name, versions=((name, name),),
        claims=(builders.Claim(name, True, name),),
        sweep=tuple(builders.SweepPoint(n, name, builders.Spread(0.5, 0.1, 2)) for n in (1, 2)),
    )  # fmt: skip
    for page in (comparison_html(turned), plan_html(recipe.plan)):
        assert r"x\u202ey\u2066z\x1b[2J" in page
        assert {letter for letter in page if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")} <= {"\n"}
    assert comparison_png(turned).startswith(b"\x89PNG")  # what draws it aborts the process on a control character


def test_long_names_stay_apart_in_the_labels() -> None:
    names = [f"truncated_normal(std=0.0{n}, cut=2, and whatever else)" for n in (1, 2)]
    results = [builders.result(name, (0.1, 0.5 + n / 10, 0.6 + n / 10)) for n, name in enumerate(names)]
    page = comparison_html(builders.comparison(*results)).replace("\u00a0", " ")
    labels = set(re.findall(r"<text[^>]*>(truncat…=0.0\d[^<]*?)(?: [67]0.2 %)?</text>", page))
    assert {"truncat…=0.01, cut=2, an", "truncat…=0.02, cut=2, an", "truncat…=0.01", "truncat…=0.02"} <= labels
    for name in names:  # whole where there is room for it
        assert f'data-name="{name}"' in page


def test_a_diverged_recipe_stays_and_is_marked() -> None:
    page = comparison_html(builders.diverged())
    assert page.count(">✕</text>") == 8
    assert len(re.findall("too\u00a0small diverged</text>", page)) == 8
    assert '<p class="score">diverged</p>' in page
    assert "<dfn>diverge</dfn>" in page
    assert any(title.endswith("too small diverges") for title in headings(page))


def test_without_classes_only_losses_are_shown() -> None:
    page = comparison_html(builders.regression())
    titles = headings(page)
    assert "Xavier ends at a test loss of 0.22, the old rule at a test loss of 0.88" in titles
    assert "test accuracy" not in page
    assert "Learning: loss by epoch" in titles
    assert "Loss by epoch" not in titles
    assert "What textbooks say, what we saw" not in titles
    assert "glorot.compare(build, data, recipes=[&#x27;standard&#x27;, &#x27;xavier&#x27;]" in page


def test_one_seed_has_no_spread() -> None:
    page = comparison_html(builders.comparison(builders.result("xavier", seeds=1)))
    cards = page[page.index('class="cards"') : page.index("</article>")]
    assert "±" not in cards
    assert "Bands:" not in page


def test_theory_and_its_gap_are_told_in_words() -> None:
    near = builders.result("xavier")
    far = replace(near, prediction=builders.predicted((0.5, 0.5, 0.3, 0.3), (0.1, 0.12, 0.15, 0.2)))
    assert "at most 20.0 % apart (Xavier, layer 2)" in comparison_html(builders.comparison(far)).replace("\u00a0", " ")
    without = builders.result("xavier", theory=False)
    page = comparison_html(builders.comparison(without))
    assert "Theory does not apply to Xavier" in page
    assert "predicts" not in page


def test_what_is_zero_is_named_below_the_log_axis(page: str) -> None:
    assert page.count("Zero in every layer, and so not on a log axis: all zero.") == 2


def test_an_activation_that_the_catalogue_lacks_is_left_out() -> None:
    page = comparison_html(builders.comparison(builders.result("xavier", phi="my_own")))
    assert "the activation φ" not in page
    assert "all seeds together" in page


def test_real_predictions_fit_the_chart() -> None:
    layers = [Layer(f"hidden{n}", 100, 100, 0.01, "tanh") for n in (1, 2, 3)]
    result = replace(builders.result("xavier"), prediction=tuple(predict([*layers, Layer("output", 100, 10, 0.01)])))
    assert "Lines: what mean-field theory predicts" in comparison_html(builders.comparison(result))


def test_an_interrupted_comparison_says_so() -> None:
    page = comparison_html(builders.comparison(builders.result("xavier"), interrupted=True))
    assert "Stopped before its end" in page


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(GlorotError, match=re.escape("charts need vl_convert: pip install 'glorot[report]'")):
        comparison_html(builders.regression())


def test_a_plan_is_a_table() -> None:
    plan: Plan = builders.plan("xavier", builders.Normal(0.0, 0.02))
    page = plan_html(plan)
    text = Checker(page).text
    for entry in plan.entries:
        assert entry.name in text
        assert entry.why in text
    assert "normal N(0, 0.02²)" in text
    assert plan.fingerprint in text
    assert re.findall("<dfn>(.*?)</dfn>", page) == ["fans", "fed by", "scheme", "std", "law", "fingerprint"]
    assert page.count("<tr>") == 1 + len(plan.entries)


def test_a_notebook_gets_the_first_screen_and_no_script(usual: Comparison) -> None:
    shown = first_screen_html(usual)
    checker = Checker(shown)
    assert checker.open == []
    assert not {tag for tag, _ in checker.tags} & {"script", "html", "body", "h1", "h2"}
    assert f'<h3 class="finding">{finding(usual)}'.replace(" %", "\u00a0%") in shown
    assert shown.count("<article") == 4
    assert "<table" not in shown
    assert len(shown.encode()) < 60_000


def test_a_style_stays_in_its_own_element() -> None:
    rules = re.sub(r"/\*.*?\*/", "", stylesheet())
    depth, heads, start = 0, [], 0
    for place, letter in enumerate(rules):
        if letter in "{}":
            if letter == "{" and depth == 0:
                heads.append(rules[start:place].strip())
            depth += 1 if letter == "{" else -1
            start = place + 1
    wrapped = [head for head in heads if not head.startswith("@media")]
    assert depth == 0
    assert wrapped
    assert all("glorot" in head for head in wrapped)
