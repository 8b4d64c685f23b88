"""A report for the tools of code review: SARIF 2.1.0, and the annotations of GitHub's workflows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import glorot
from glorot.checks import Finding, Report
from glorot.checks.registry import check_named
from glorot.text import printable

LEVELS = {"error": "error", "warning": "warning", "note": "note"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Place(NamedTuple):
    """Where the source of what was checked lies.

    Attributes:
        file: the file, relative to the current folder where it lies inside.
        line: the line where it begins.
    """

    file: str
    line: int


def sarif(report: Report, place: Place, places: Mapping[Finding, Place] | None = None) -> dict[str, Any]:
    """Return a report as SARIF.

    Args:
        report: the report.
        place: where the model is made.
        places: where the class of the layer that a finding blames is written; what isn't there is blamed on `place`.

    Returns:
        A log with one run, ready for JSON.

    Example:
        >>> log = sarif(Report((), looked_at=3), Place("train.py", 12))
        >>> log["version"], log["runs"][0]["results"]
        ('2.1.0', [])

    References:
        OASIS (2020), Static Analysis Results Interchange Format 2.1.0.
    """
    codes = dict.fromkeys(one.code for one in report.findings)
    rules = [_rule(code) for code in codes]
    results = [
        {
            "ruleId": one.code,
            "ruleIndex": list(codes).index(one.code),
            "level": LEVELS[one.severity],
            "message": {"text": f"{_told(one)}. {one.remedy}"},
            "locations": [_location((places or {}).get(one, place), one)],
        }
        for one in report.findings
    ]
    driver = {"name": "glorot", "version": glorot.__version__, "rules": rules}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def annotations(report: Report, place: Place, places: Mapping[Finding, Place] | None = None) -> str:
    """Return a report as commands of GitHub's workflows, a line for each finding.

    Example:
        >>> annotations(Report((), looked_at=3), Place("train.py", 12))
        ''

    References:
        GitHub Docs, "Workflow commands for GitHub Actions", `::error file=…`.
    """
    lines = []
    for one in report.findings:
        at = (places or {}).get(one, place)
        level = "notice" if one.severity == "note" else one.severity
        head = f"file={_value(at.file)},line={at.line},title={_value(f'{one.code} {one.name}')}"
        lines.append(f"::{level} {head}::{_message(f'{_told(one)}. {one.remedy}')}")
    return "\n".join(lines)


def _told(finding: Finding) -> str:
    return str(finding).partition(": ")[2]


def _rule(code: str) -> dict[str, Any]:
    check = check_named(code)
    sections = check.sections()
    return {
        "id": code,
        "name": check.name,
        "shortDescription": {"text": check.summary()},
        "fullDescription": {"text": sections["Why it matters"]},
        "help": {"text": sections["What to do"]},
        "defaultConfiguration": {"level": LEVELS[check.severity]},
    }


def _location(place: Place, finding: Finding) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": place.file},
            "region": {"startLine": place.line},
        },
        "logicalLocations": [{"fullyQualifiedName": path, "kind": "member"} for path in finding.paths],
    }


def _message(text: str) -> str:
    """Escape what ends a command early."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
