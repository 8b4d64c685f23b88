"""Links to the lab: they say what the lab can set, in its own words, and stand on the pages that they belong to."""

import re
import tomllib
from pathlib import Path

import pytest
import report_builders as builders

from glorot.report.explanation import explanation
from glorot.report.explanation.asked import page_of
from glorot.report.explanation.page import CATALOGUES
from glorot.report.links import (
    ACTIVATIONS,
    DOCUMENTATION,
    RULES,
    lab_hash,
    lab_html,
    lab_link,
    state_of_comparison,
    state_of_entry,
)
from glorot.report.page import comparison_html

ROOT = Path(__file__).parents[2]
TYPES = (ROOT / "lab" / "src" / "net" / "types.ts").read_text(encoding="utf-8")
BENCH = (ROOT / "lab" / "src" / "chapters" / "bench.ts").read_text(encoding="utf-8")
TASK = "handwritten digits, 5 hidden layers of 64 tanh units, sgd 0.02"


def names_of(kind: str) -> set[str]:
    found = re.search(rf"type {kind}\b[^;]*;", TYPES) or re.search(rf"{kind.upper()}S = \[[^\]]*\]", TYPES)
    assert found, f"lab/src/net/types.ts has no {kind}"
    return set(re.findall(r'"(\w+)"', found[0]))


def test_the_documentation_is_where_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == DOCUMENTATION


def test_rules_and_activations_are_those_of_the_lab() -> None:
    assert set(RULES.values()) <= names_of("Rule")
    assert set(ACTIVATIONS) == names_of("Activation")


@pytest.mark.parametrize("name", [f"{kind}:{name}" for kind, catalogue in CATALOGUES.items() for name in catalogue])
def test_every_state_can_be_set_in_the_lab(name: str) -> None:
    state = page_of(name).lab
    settings = set(re.findall(r'Setting\("(\w+)"', BENCH))
    assert set(state) <= settings
    assert state.get("rule", "zero") in names_of("Rule")
    assert state.get("activation", "tanh") in names_of("Activation")
    assert 1 <= float(state.get("depth", 1)) <= 50


def test_a_state_is_written_in_order_and_escaped() -> None:
    assert lab_hash({"width": 8, "rule": "a b&c"}) == "#rule=a%20b%26c&width=8"
    assert lab_link({}) == f"{DOCUMENTATION}/lab.html"


def test_pages_lead_to_the_lab_in_their_state() -> None:
    page = explanation("xavier", html=True)
    assert (
        f'<a href="{DOCUMENTATION}/lab.html#activation=tanh&amp;depth=10&amp;rule=xavier_normal&amp;width=128">' in page
    )
    assert "glorot lab --open --state &#x27;#activation=tanh&amp;depth=10" in page
    assert "lab.html" not in explanation("dirac", html=True)
    assert state_of_entry("activation", "softshrink") == state_of_entry("scheme", "dirac") == {}


def test_the_page_of_a_comparison_leads_to_its_net() -> None:
    comparison = builders.comparison(builders.result("zeros"), builders.result("he_normal"), task=TASK)
    state = state_of_comparison(comparison)
    assert state == {"activation": "tanh", "depth": 5, "width": 64, "rule": "he_normal"}
    assert lab_html(state) in comparison_html(comparison)


@pytest.mark.parametrize(
    ("recipe", "start"),
    [
        ("random(0.01)", {"rule": "sigma", "std": 0.01}), ("constant(0.1)", {"rule": "equal"}), ("zeros", {"rule": "zero"}),
        ("normal(std=0.02)", {"rule": "sigma", "std": 0.02}), ("xavier_uniform(gain=2)", {"rule": "xavier_uniform"}),
    ],
)  # fmt: skip
def test_a_start_is_told_in_the_words_of_the_lab(recipe: str, start: dict[str, object]) -> None:
    state = state_of_comparison(builders.comparison(builders.result(recipe), task=TASK))
    assert {name: state[name] for name in start} == start


@pytest.mark.parametrize(
    ("fields", "recipe"),
    [({"task": "your task"}, "he"), ({"task": TASK}, "dirac"), ({"task": TASK, "activation": "mish"}, "he")],
)
def test_what_the_lab_cannot_show_has_no_link(fields: dict[str, str], recipe: str) -> None:
    comparison = builders.comparison(builders.result(recipe), **fields)
    assert state_of_comparison(comparison) == {}
    assert "lab.html" not in comparison_html(comparison)


def test_a_larger_net_is_shown_as_large_as_the_lab_can() -> None:
    large = TASK.replace("5 hidden layers of 64", "200 hidden layers of 4096")
    state = state_of_comparison(builders.comparison(builders.result("he"), task=large))
    assert (state["depth"], state["width"]) == (50, 256)
