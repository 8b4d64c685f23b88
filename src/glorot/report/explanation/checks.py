"""The pages of checks: made from their docstrings, as those of recipes and schemes are."""

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glorot.catalogue import squash
from glorot.markup import html_text
from glorot.report.document import document, section

if TYPE_CHECKING:
    from glorot.checks import Check

WIDTH = 79
CODE = re.compile(r"gl\d{3}", re.IGNORECASE)


def all_checks() -> "Sequence[Check]":
    """Return all checks, which are imported when one is asked for: other pages come sooner without them."""
    from glorot.checks.registry import all_checks

    return all_checks()


def check_named(text: str) -> "Check":
    """Return the check of a code in any spelling, or of a name; raise with the nearest if there is none."""
    from glorot.checks.registry import check_named

    return check_named(code_of(text) or text)


def is_check(name: str) -> bool:
    """Tell whether a name is the code or the name of a check, or looks like a code."""
    return code_of(name) != "" or name in {check.name for check in all_checks()}


def code_of(name: str) -> str:
    """Return a code as checks have it, of whatever case and with blanks; empty for other names.

    Example:
        >>> code_of("gl 205"), code_of("wrong-fan")
        ('GL205', '')
    """
    return squash(name).upper() if CODE.fullmatch(squash(name)) else ""


def check_list() -> str:
    """List all checks, each with its severity and its line."""
    lines = ["Checks, by family:"]
    wide = max(len(check.name) for check in all_checks())
    for check in all_checks():
        first = f"  {check.code}  {check.severity:7}  {check.name.ljust(wide)}  "
        lines += textwrap.wrap(check.summary(), WIDTH + 40, initial_indent=first, subsequent_indent=" " * len(first))
    return "\n".join([*lines, "", f"Next: glorot explain {all_checks()[0].code}"])


def check_page(name: str, *, html: bool = False) -> str:
    """Return the page of a check.

    Args:
        name: its code or its name.
        html: a page for the browser instead of text.

    Raises:
        GlorotError: if there is no such check; the nearest are named.
    """
    check = check_named(name)
    head = f"{check.code} {check.name} · {check.severity}"
    return _as_html(check, head) if html else _as_text(check, head)


def check_json(name: str) -> dict[str, object]:
    """Return the page of a check as plain data.

    Raises:
        GlorotError: if there is no such check; the nearest are named.
    """
    return _as_data(check_named(name))


def checks_json() -> list[dict[str, object]]:
    """Return the pages of all checks as plain data."""
    return [_as_data(check) for check in all_checks()]


def _as_data(check: "Check") -> dict[str, object]:
    head = {"code": check.code, "name": check.name, "severity": check.severity, "summary": check.summary()}
    return {**head, "threshold": check.threshold, "sections": check.sections()}


def _as_text(check: "Check", head: str) -> str:
    lines = [head, "", check.summary()]
    for title, text in check.sections().items():
        lines += ["", title, *textwrap.indent(text, "  ").splitlines()]
    return "\n".join(lines)


def _as_html(check: "Check", head: str) -> str:
    parts = [f"<h1>{html_text(head)}</h1>", f'<p class="lead">{html_text(check.summary())}</p>']
    for title, text in check.sections().items():
        is_code = text.lstrip().startswith(">>>")
        told = f"<pre>{html_text(text)}</pre>" if is_code else f"<p>{html_text(text)}</p>"
        parts.append(section(title, told))
    return document(f"{check.code} · glorot", "\n".join(parts))
