"""The page of a report: one sentence as the answer, what is wrong, and the signal."""

import numpy as np
import pytest

from glorot.checks import Finding, Report
from glorot.forensics import examine
from glorot.report.check_page import check_html


def report(*severities: str, **fields: object) -> Report:
    found = [Finding("GL101", "not-finite", one, ("<w>",), 1.0, "0", "holds NaN", "write it") for one in severities]
    return Report(tuple(found), **{"looked_at": 3, **fields})


FILE = examine({"w": np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)})
ANSWERS = {
    "This model will not start well": report("error", "warning"),
    "This model will start, at a cost": report("warning", "note"),
    "Nothing keeps this model from starting well": report("note"),
    "Nothing was looked at": report(looked_at=0),
    "Part of this file was never written": report("error", origins=FILE),
    "All of this file was written": report(origins=FILE),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_answer_is_one_sentence(answer: str) -> None:
    assert f"<h1>{answer}</h1>" in check_html(ANSWERS[answer])


def test_a_finding_says_what_to_do_and_why_it_matters() -> None:
    page = check_html(report("error"))
    assert "&lt;w&gt;: holds NaN (1, expected 0)." in page
    assert "<strong>What to do:</strong> write it." in page
    assert "One NaN spreads over all activations" in page


def test_a_file_shows_where_its_values_come_from() -> None:
    page = check_html(report(origins=FILE))
    assert "Where the values come from" in page
    assert '<td data-head="verdict">drawn</td>' in page
