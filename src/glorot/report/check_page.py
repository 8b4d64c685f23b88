"""The page of a report: the verdict, the findings with what to do, and the signal."""

from glorot.checks import Finding, Report
from glorot.checks.registry import check_named
from glorot.markup import html_table, html_text
from glorot.report.document import document, readout_script, section
from glorot.report.signal_chart import signal_figures
from glorot.report.signal_page import steps_table
from glorot.text import number, printable


def check_html(report: Report) -> str:
    """Return a report as a page.

    Args:
        report: what `glorot.check` found.

    Returns:
        HTML that needs no other file and no network.
    """
    lead = ". ".join([report.verdict, *report.notes, *report.training])
    body = f'<h1>{html_text(_answer(report))}</h1>\n<p class="lead">{html_text(lead)}</p>\n'
    body += "\n".join(_finding(one) for one in report.findings)
    if report.signal is not None and report.signal.steps:
        body += section("The signal", signal_figures(report.signal), steps_table(report.signal))
    if report.origins is not None:
        body += section(
            "Where the values come from", f'<div class="scroll">{html_table(*report.origins.rows(), "plan")}</div>'
        )
    if report.waived:
        rows = [[one.code, one.path, reason] for one, reason in report.waived]
        body += section("Waived", html_table(["check", "where", "reason"], rows))
    if report.unasked:
        rows = [[one.code, one.name, one.why] for one in report.unasked]
        body += section("Not asked", html_table(["check", "name", "why"], rows), folded=True)
    return document("check · glorot", body, readout_script())


def _answer(report: Report) -> str:
    """Say in one sentence whether it will start to train."""
    severities = {one.severity for one in report.findings}
    if not report.looked_at:
        return "Nothing was looked at"
    if report.origins is not None:
        return _answer_of_file(report)
    if "error" in severities:
        return "This model will not start well"
    return (
        "This model will start, at a cost" if "warning" in severities else "Nothing keeps this model from starting well"
    )


def _answer_of_file(report: Report) -> str:
    """Say in one sentence what a file of weights is like."""
    found = {one.code for one in report.findings if one.severity != "note"}
    if any(code != "GL106" and not code.startswith("GL7") for code in found):
        return "Part of this file was never written"
    if found:
        return "This file is not what it was compared with"
    return "All of this file was written" + (", and as planned" if "GL701" in report.asked else "")


def _finding(finding: Finding) -> str:
    check = check_named(finding.code)
    told = f"{finding.path}: {finding.why}"
    figure = f" ({number(finding.figure)}, expected {finding.expected})" if finding.expected else ""
    paths = ""
    if finding.path != ", ".join(finding.paths):
        paths = f'<p class="note">{html_text(printable(", ".join(finding.paths)))}</p>'
    return section(
        f"{finding.code} {finding.severity}: {check.name}",
        f"<p>{html_text(printable(told + figure))}.</p>",
        f"<p><strong>What to do:</strong> {html_text(finding.remedy)}.</p>",
        paths,
        f'<p class="note">{html_text(check.sections()["Why it matters"])}</p>',
    )
