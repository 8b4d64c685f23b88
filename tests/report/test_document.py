"""The shell of all pages: one sheet whose colours are read on light and dark ground, and no script but one."""

import base64
import hashlib
import re

import pytest
import report_builders as builders

from glorot.report.colors import GROUND, PAGE, PALETTE, contrast, hues, letters, plain, stroke, variables
from glorot.report.document import document, readout_script, stylesheet
from glorot.report.explanation import explanation
from glorot.report.page import comparison_html
from glorot.report.plan_page import plan_html


def pages() -> dict[str, str]:
    plan = builders.plan("xavier", builders.Normal(0.0, 0.02))
    return {
        "compare": comparison_html(builders.usual()), "plan": plan_html(plan),
        "explain": explanation("xavier", html=True), "explain tanh": explanation("tanh", html=True),
    }  # fmt: skip


def allowed(page: str, what: str) -> str:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    return {name: value for name, _, value in (part.strip().partition(" ") for part in policy[1].split(";"))}[what]


def fingerprint(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", ["compare", "plan", "explain", "explain tanh"])
def test_pages_have_one_sheet_and_allow_nothing_else(name: str) -> None:
    page = pages()[name]
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    assert style == stylesheet()
    assert allowed(page, "style-src") == fingerprint(style)
    assert allowed(page, "default-src") == "'none'"
    assert allowed(page, "img-src") == "data:"
    assert "unsafe" not in page
    assert not re.search(r"<[^>]* style=", page)


def test_only_the_script_of_the_values_may_run() -> None:
    page = pages()["compare"]
    (script,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    assert script == readout_script()
    assert allowed(page, "script-src") == fingerprint(script)
    assert len(script) < 4000
    assert "<script" not in document("plain", "<p>no script</p>")
    assert "script-src" not in document("plain", "<p>no script</p>")


def tones(side: int) -> dict[str, str]:
    """The colours of the sheet, as it declares them for light (0) or dark (1)."""
    light, dark = re.findall(r"\.glorot\{([^{}]*--ground[^{}]*)\}", variables())
    return dict(re.findall(r"--(\w+):(#\w{6})", (light, dark)[side]))


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_letters_and_lines_are_seen_on_their_ground(side: int) -> None:
    declared = tones(side)
    assert declared["ground"] == GROUND[side]
    for hue in range(1, len(PALETTE) + 1):
        assert contrast(declared[f"t{hue}"], GROUND[side]) >= 4.5
        assert contrast(declared[f"c{hue}"], GROUND[side]) >= 3
    for name in ("ink", "soft", "mark", "yes", "no"):
        assert contrast(declared[name], GROUND[side]) >= 4.5
        assert contrast(declared[name], declared["wash"]) >= 4.5
    assert contrast(declared["ink"], declared["zone"]) >= 4.5


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_recipes_of_one_page_have_colours_of_their_own(side: int) -> None:
    declared = tones(side)
    for count in (1, 2, 8, 12):
        used = hues([f"recipe{n}" for n in range(count)])
        assert len({declared[f"c{hue}"] for hue in used.values()}) == count


def test_drawings_are_painted_without_a_sheet_too() -> None:
    assert stroke(11) == f"var(--c11,{tones(0)['c11']})"
    assert letters(9) == f"var(--t9,{tones(0)['t9']})"
    assert plain(f'<path stroke="{stroke(12)}" fill="none"/>') == f'<path stroke="{tones(0)["c12"]}" fill="none"/>'


def test_every_colour_that_is_used_is_declared() -> None:
    used = set(re.findall(r"var\(--(\w+)", "".join(pages().values())))
    declared = {*tones(0), "plain", "fixed", "c"}
    assert used <= declared
    assert set(PAGE) <= declared
    assert tones(0).keys() == tones(1).keys()
