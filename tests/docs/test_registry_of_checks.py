"""The registry of checks on its page is that of the code."""

import pytest
from page_claims import ROOT, table

from glorot.checks.registry import all_checks

PAGE = "docs/checks.md"
RETIRED: set[str] = set()
"""Codes of checks that there are no more, which no other check may take."""


def row(check: object) -> str:
    return f"| {check.code} | {check.name} | {check.severity} | {check.summary()} |"


def test_every_check_has_its_row() -> None:
    told = [line for line in (ROOT / PAGE).read_text("utf-8").splitlines() if line.startswith("| GL")]
    assert told == [row(check) for check in all_checks()], "renew the table of docs/checks.md"


def test_no_retired_code_is_used_again() -> None:
    assert not RETIRED & {check.code for check in all_checks()}


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)
def test_a_row_tells_what_is_found(check: object) -> None:
    (one,) = (row for row in table(PAGE, "what it finds") if row["code"] == check.code)
    assert len(one["what it finds"].split()) > 4
