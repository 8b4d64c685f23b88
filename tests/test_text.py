"""Text for people: patterns that are found in little time, and nothing that steers a terminal."""

import re
import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
from glorot.catalogue import format_call, parse_call
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.schemes import as_scheme
from glorot.text import matches, printable, quoted, shortened, table


def means(pattern: str, path: str) -> bool:
    """Tell what a pattern means by trying everything that a star may stand for."""
    if not pattern:
        return not path
    if pattern[0] == "*":
        return any(means(pattern[1:], path[n:]) for n in range(len(path) + 1))
    return bool(path) and pattern[0] in ("?", path[0]) and means(pattern[1:], path[1:])


@given(st.text("ab*?.\n[", max_size=8), st.text("ab.\n[*?", max_size=8))
def test_a_pattern_means_what_every_reading_of_its_stars_says(pattern: str, path: str) -> None:
    assert matches(pattern, path) is means(pattern, path)


@given(st.lists(st.sampled_from(["*", "?", "a", "b"]), max_size=9), st.text("ab", max_size=9))
def test_a_pattern_of_many_stars_means_the_same(pieces: list[str], path: str) -> None:
    assert matches("".join(pieces), path) is means("".join(pieces), path)


@pytest.mark.parametrize(
    "pattern", ["a*" * 1000 + "b", "*a" * 1000 + "*b", "*?" * 999 + "*b", "*a?" * 600 + "*b", "a*?*" * 500 + "b*a"]
)
def test_patterns_that_would_be_tried_without_end_are_decided(pattern: str) -> None:
    path = "a" * 2000
    assert not matches(pattern, path)
    assert matches(pattern, path + "b" + "a" * pattern.endswith("a"))


def is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")


HOSTILE = "fc\x1b[31m\r\x9b2J\u202e\u2066\x07\x00\x85\u2028"


@given(st.text(st.characters(exclude_categories=[])))
def test_no_letter_that_steers_a_terminal_is_printed(text: str) -> None:
    shown = printable(text)
    assert not any(map(is_unseen, shown))
    shown.encode()  # half a character could not be printed


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_every_other_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_message_keeps_its_lines() -> None:
    assert printable("a\nb\rc", keep="\n") == r"a" + "\n" + r"b\rc"
    assert str(GlorotError(f"one {HOSTILE}\ntwo")) == "one " + printable(HOSTILE) + "\ntwo"
    assert quoted(HOSTILE) == repr(HOSTILE)


def test_a_table_prints_cells_on_one_line() -> None:
    assert table(["a"], [["b\nc"], ["\x1b[2J"]]).splitlines() == ["a", "───────", r"b\nc", r"\x1b[2J"]


class Named(nn.Module):
    """A layer whose parameter has a name that steers terminals."""

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter(HOSTILE, nn.Parameter(torch.arange(12.0).reshape(3, 4)))


def test_a_plan_prints_hostile_names_as_escapes() -> None:
    plan = glorot.plan(Named(), rules=[("*", "normal(std=0.02)")])
    (entry,) = plan
    assert entry.name == HOSTILE
    assert printable(HOSTILE) in str(plan)
    assert printable(HOSTILE) in str(plan.diff(Plan(plan.version, plan.stream, "none", ())))
    renamed = Plan(plan.version, plan.stream, HOSTILE, plan.entries)
    for text in (str(plan), plan.table(full=True), repr(renamed), str(plan.diff(Plan(2, plan.stream, "none", ())))):
        assert not any(map(is_unseen, text.replace("\n", "")))


REPEATED = [
    "normal(std=1, std=2)",
    "normal(std=1,std=1)",
    "uniform(low=0, high=1, low=0)",
    "normal(std=1, mean=0, mean=0)",
]


@pytest.mark.parametrize("text", REPEATED)
def test_an_argument_that_is_given_twice_is_refused(text: str) -> None:
    name = text.rpartition(", ")[2].partition("=")[0] if ", " in text else "std"
    with pytest.raises(GlorotError, match=f"^'{re.escape(text)}': the argument '{name}' is given twice; give it once$"):
        as_scheme(text)


@pytest.mark.parametrize(
    "inside",
    ["(" * 5000 + "1" + ")" * 5000, "-" * 50_000 + "1", "[" * 90 + "]" * 90, "1+" * 50_000 + "1", "std=" + "9" * 5000, "*[1]",
     "**{'std': 1}", "{[]: 1}", "std=1\0"],
    ids=["brackets", "signs", "lists", "sums", "digits", "star", "stars", "unhashable", "nul"],
)  # fmt: skip
def test_calls_that_no_one_means_get_one_short_message(inside: str) -> None:
    with pytest.raises(GlorotError) as caught:
        as_scheme(f"normal({inside})")
    assert len(str(caught.value)) < 250
    assert str(caught.value).startswith(("cannot read 'normal(", 'cannot read "normal(', "normal: std must be"))


@pytest.mark.parametrize("text", ["a" + " " * 20_000 + "!", "a" + " -" * 20_000 + "!", "a( " * 20_000], ids=len)
def test_long_texts_that_are_almost_calls_are_refused(text: str) -> None:
    with pytest.raises(GlorotError, match="^cannot read 'a"):
        parse_call(text)


def test_long_numbers_are_rounded_as_short_ones() -> None:
    digits = "9" * 200_000
    assert shortened(digits) == digits
    assert shortened(f"{digits}.0000000") == "inf"
    assert shortened("std=0.1234567, cut=12.0000001") == "std=0.1235, cut=12"


def test_a_number_keeps_its_sign_in_a_call() -> None:
    def rule(value: float) -> str:
        return str(value)

    assert format_call("rule", rule, {"value": -0.0}) == "rule(value=-0.0)"
    assert str(parse_call("rule(value=-0.0)")[2]["value"]) == "-0.0"
    assert format_call("rule", rule, {"value": 3.0}) == "rule(value=3)"
