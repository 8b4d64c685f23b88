"""The file of a report, version 1, and the findings that a baseline is read for."""

from dataclasses import dataclass
from pathlib import Path

from glorot.checks.base import Finding
from glorot.probe.file import Format, read_saved

REPORT = Format("glorot-report", "report", 'save one with report.save("report.json")', "check again")


@dataclass(frozen=True)
class Saved:
    """What is read of a saved report.

    Attributes:
        findings: what was wrong.
    """

    findings: tuple[Finding, ...]


def read_findings(path: str | Path) -> tuple[Finding, ...]:
    """Read the findings of a saved report.

    Args:
        path: the JSON file that `Report.save` or `glorot check --format json` wrote.

    Raises:
        GlorotError: if the file cannot be read, is no report, is of another version, or was damaged.
    """
    saved: Saved = read_saved(path, Saved, REPORT)
    return saved.findings
