"""Every bug of the museum is caught and named, and nothing is said of its healthy twin."""

from pathlib import Path

import pytest
from museum import BUGS, report_of

from glorot.checks import Finding, Report

LINES = dict(
    line.split(" ", 1)
    for line in (Path(__file__).parents[1] / "data" / "museum_lines.txt").read_text("utf-8").splitlines()
)
"""The first line of each report, as it is printed."""


def caught(number: int, report: Report) -> list[Finding]:
    """Return the findings of the family that is named which blame all that is to blame."""
    bug = BUGS[number]
    right = [one for one in report.findings if one.code[2] in bug.families and one.severity != "note"]
    named = [one for one in right if all(_is_blamed(path, one) for path in bug.blame)]
    return [one for one in named if bug.severity in ("", one.severity)]


def _is_blamed(path: str, finding: Finding) -> bool:
    return any(one == path or one.startswith((f"{path}.", f"{path}[")) for one in finding.paths)


@pytest.mark.parametrize("number", BUGS)
def test_the_bug_is_named_first(number: int) -> None:
    report = report_of(number, wrong=True)
    found = caught(number, report)
    assert found, str(report)
    first = str(report).splitlines()[0]
    assert first == str(found[0])
    assert first == LINES[f"T{number}"]


@pytest.mark.parametrize("number", BUGS)
def test_nothing_is_said_of_its_twin(number: int) -> None:
    codes = {one.code for one in caught(number, report_of(number, wrong=True))}
    report = report_of(number, wrong=False)
    assert not [str(one) for one in report.findings if one.severity == "error" or one.code in codes]
