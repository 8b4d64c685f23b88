"""The registry of checks on its page is that of the code."""

import pytest
from page_claims import ROOT, table

from glorot.checks.registry import all_checks

PAGE = "docs/checks.md"
RETIRED: set[str] = set()
"""Codes of checks that there are no more, which no other check may take."""


def row(check: object) -> str:
    return f"| {check.code} | {check.name} | {check.severity} | {check.summary()} |"


def lines_of(title: str) -> list[str]:
    """Return the rows for codes in the section of this title."""
    sections = (ROOT / PAGE).read_text("utf-8").split("\n## ")
    (text,) = (one for one in sections if one.lower().startswith(f"{title}\n"))
    return [line for line in text.splitlines() if line.startswith("| GL")]


def test_every_check_has_its_row() -> None:
    assert lines_of("the registry") == [row(check) for check in all_checks()], "renew the table of docs/checks.md"


def test_every_threshold_has_its_row() -> None:
    rows = [f"| {one.code} | `{one.name} = {one.threshold:.4g}` |" for one in all_checks() if one.threshold is not None]
    assert lines_of("settings") == rows, "renew the thresholds of docs/checks.md"


def test_no_retired_code_is_used_again() -> None:
    assert not RETIRED & {check.code for check in all_checks()}


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)
def test_a_row_tells_what_is_found(check: object) -> None:
    (one,) = (row for row in table(PAGE, "what it finds") if row["code"] == check.code)
    assert len(one["what it finds"].split()) > 4
