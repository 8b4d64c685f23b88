"""Formulas typeset: what is a fraction, a root, an index; prose stays prose, and every formula of every page is sound."""

import re
from xml.etree import ElementTree

import pytest

from glorot.report.explanation.asked import page_of
from glorot.report.explanation.html import opening_html
from glorot.report.explanation.mathml import math_html
from glorot.report.explanation.page import CATALOGUES

EVERY = [f"{kind}:{name}" for kind, catalogue in CATALOGUES.items() for name in catalogue]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2/fan_in", "<mfrac><mn>2</mn><mi>fan_in</mi></mfrac>"),
        ("√(2/n)", "<msqrt><mrow><mfrac><mn>2</mn><mi>n</mi></mfrac></mrow></msqrt>"),
        ("√n", "<msqrt><mi>n</mi></msqrt>"),
        ("σ²", "<msup><mi>σ</mi><mrow><mn>2</mn></mrow></msup>"),
        ("1.5^10", "<msup><mn>1.5</mn><mn>10</mn></msup>"),
        ("e^-z", "<msup><mi>e</mi><mrow><mo>−</mo><mi>z</mi></mrow></msup>"),
        ("z_l", "<msub><mi>z</mi><mrow><mi>l</mi></mrow></msub>"),
        ("W_{l+1}", "<msub><mi>W</mi><mrow><mi>l</mi>"),
        ("a/(b + c)", "<mfrac><mi>a</mi><mrow><mi>b</mi>"),
        ("∂L/∂z", "<mfrac><mrow><mi>∂</mi><mi>L</mi></mrow><mrow><mi>∂</mi><mi>z</mi></mrow></mfrac>"),
        ("max(z, 0)", "<mrow><mi>max</mi><mrow><mo>(</mo><mi>z</mi><mo>,</mo><mn>0</mn><mo>)</mo></mrow></mrow>"),
        ("1/E φ²", "<mfrac><mn>1</mn><mrow><mi>E</mi>"),
        ("|x|", '<mo stretchy="false" lspace="0" rspace="0">|</mo><mi>x</mi>'),
        ("a < b", "<mo>&lt;</mo>"),
    ],
)
def test_a_piece_of_a_formula_is_typeset(text: str, part: str) -> None:
    html = math_html(text)
    assert part in html
    ElementTree.fromstring(f"<p>{html}</p>")


def test_prose_and_code_stay_text() -> None:
    html = math_html("W ~ U(±a) or N(0, 1), b = 0, by `mode`")
    assert " or " in re.sub(r"<math>.*?</math>", "", html)
    assert html.endswith("by <code>mode</code>")
    assert html.count("<math>") == 5


def test_a_line_may_end_before_a_relation() -> None:
    assert '</math> <math><mo form="infix">=</mo>' in math_html("y = Σ w·x")


@pytest.mark.parametrize("name", EVERY)
def test_the_opening_of_every_page_is_sound_and_loses_no_letter(name: str) -> None:
    page = page_of(name)
    root = ElementTree.fromstring(f"<div>{opening_html(page)}</div>")
    formula = "".join(root.itertext()) if page.doc.formula else ""
    for number in re.findall(r"\d+", page.doc.formula):
        assert number in formula
    for word in re.findall(r"[a-z]{3,}", page.doc.formula.replace("_", " ")):
        assert word in formula


def test_xavier_is_typeset_with_question_picture_and_compounding() -> None:
    html = opening_html(page_of("xavier"))
    places = [html.index(part) for part in ('class="question"', "<svg", 'class="formula"', "<msqrt>", 'class="law"')]
    assert places == sorted(places)
    law = html[html.index('class="law"') :]
    assert "<msup><mn>1.5</mn><mn>10</mn></msup>" in law
    assert "57.67" in law
