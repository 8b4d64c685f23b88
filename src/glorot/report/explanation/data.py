"""The JSON form of a page: plain data with the same content."""

import dataclasses

from glorot.report.explanation.docstring import Section
from glorot.report.explanation.page import CATALOGUES, Page, facts
from glorot.report.explanation.samples import describe
from glorot.report.links import lab_link


def page_data(page: Page) -> dict[str, object]:
    """Return a page as plain data, for JSON.

    Args:
        page: the page.

    Returns:
        Its texts, the numbers of its figure, and what leads on; empty where the page has nothing of a kind.

    Example:
        >>> from glorot.report.explanation.asked import page_of
        >>> data = page_data(page_of("symmetry"))
        >>> data["kind"], data["name"]
        ('topic', 'symmetry')
    """
    figure = page.figure and {"kind": type(page.figure).__name__.lower(), **dataclasses.asdict(page.figure)}
    return {
        "kind": page.kind,
        "name": page.name,
        "aliases": list(page.aliases),
        "note": page.note,
        "line": page.doc.line,
        "formula": page.doc.formula,
        "question": page.question,
        "figure": figure,
        "laws": [{"label": sample.label, "law": describe(sample.law)} for sample in page.samples],
        "facts": dict(facts(page.phi)) if page.phi else {},
        "sections": {section.title: _text(section) for section in page.sections},
        "see_also": list(page.also),
        "next": page.command,
        "lab": lab_link(page.lab) if page.lab else "",
    }


def _text(section: Section) -> str:
    return "\n".join(f"{block.name}: {block.content}" if block.name else block.content for block in section.blocks)


def names_data() -> dict[str, list[str]]:
    """Return all names by kind.

    Example:
        >>> "xavier" in names_data()["recipe"]
        True
    """
    return {kind: list(catalogue) for kind, catalogue in CATALOGUES.items()}
