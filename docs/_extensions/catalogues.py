"""Writes a page for every topic, recipe, scheme, activation and check, from its docstring, before Sphinx reads."""

import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from glorot.checks import Check
from glorot.checks.registry import all_checks
from glorot.markup import html_text
from glorot.report.explanation.asked import page_of
from glorot.report.explanation.docstring import Block, Section
from glorot.report.explanation.html import figures, opening_html
from glorot.report.explanation.mathml import math_html
from glorot.report.explanation.page import CATALOGUES, Page
from glorot.report.links import lab_hash

TRY = "Try it yourself, layer by layer"

INTRODUCTIONS = {
    "topic": "The words of the field, a page each: a question, a picture of numbers that are computed, and an answer.",
    "recipe": "A recipe decides for a whole model: a scheme for every part, and why.",
    "scheme": "A scheme decides for one tensor: from fans, shape and axes to a distribution. Where a recipe is "
    "asked for, a scheme serves as one that gives its law to every weight.",
    "activation": "An activation and its Gaussian moments, from which the gain of the layer that it feeds follows.",
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Hook the writing in; called by Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", escape_bars)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write `_generated/`, anew, so that an entry that was removed leaves no page behind."""
    target = Path(app.srcdir) / "_generated"
    shutil.rmtree(target, ignore_errors=True)
    for kind, catalogue in CATALOGUES.items():
        folder = target / f"{kind}s"
        folder.mkdir(parents=True)
        pages = [page_of(f"{kind}:{name}") for name in catalogue]
        for page in pages:
            (folder / f"{page.name}.md").write_text(page_markdown(page), encoding="utf-8")
        (target / f"{kind}s.md").write_text(index_markdown(kind, pages), encoding="utf-8")
    write_checks(target)
    (target / "xavier.html").write_text(figures(page_of("xavier"), narrow=True), encoding="utf-8")  # for the front page


def write_checks(target: Path) -> None:
    """Write a page for each check, and one that lists them."""
    (target / "checks").mkdir()
    for check in all_checks():
        (target / "checks" / f"{check.code}.md").write_text(check_markdown(check), encoding="utf-8")
    rows = [f"| [{one.code}](checks/{one.code}.md) | {one.severity} | {cell(one.summary())} |" for one in all_checks()]
    tree = "\n".join(f"checks/{check.code}" for check in all_checks())
    (target / "checks.md").write_text(
        "# Checks\n\nA check is one rule over what is known of a model. "
        "`glorot explain CODE` shows the same pages in a terminal.\n\n"
        "| code | severity | what it finds |\n|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n",
        encoding="utf-8",
    )


def check_markdown(check: Check) -> str:
    """Write the page of one check."""
    parts = [f"# {check.code} {check.name}\n\n*{check.severity}.* {text(check.summary())}\n"]
    for title, content in check.sections().items():
        is_code = content.lstrip().startswith(">>>")
        parts.append(f"## {title}\n\n" + (f"```pycon\n{content}\n```\n" if is_code else f"{text(content)}\n"))
    return "\n".join(parts)


def index_markdown(kind: str, pages: list[Page]) -> str:
    """Write the page that lists one catalogue."""
    rows = [f"| [{page.title}]({kind}s/{page.name}.md) | {cell(page.doc.title)} |" for page in pages]
    tree = "\n".join(f"{kind}s/{page.name}" for page in pages)
    return (
        f"# {kind.capitalize()}s\n\n{INTRODUCTIONS[kind]} `glorot explain NAME` shows the same pages in a terminal.\n\n"
        + "| name | what it is |\n|---|---|\n"
        + "\n".join(rows)
        + f"\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )


def page_markdown(page: Page) -> str:
    """Write the page of one entry."""
    also = f"*Also called {', '.join(f'`{name}`' for name in page.aliases)}.*\n\n" if page.aliases else ""
    parts = [
        f"# {page.title}\n\n{text(page.doc.title)}\n\n{also}",
        raw(opening_html(page, narrow=True)),
        *map(block_markdown, page.doc.intro),
        *map(section_markdown, page.sections),
        f"---\n\nNext: {text(page.command)}\n",
        f"See also {', '.join(map(link, page.also))}.\n" if page.also else "",
        raw(f'<p><a href="../../lab.html{html_text(lab_hash(page.lab))}">{TRY}</a></p>') if page.lab else "",
    ]
    return "\n".join(parts)


def link(asked: str) -> str:
    """Write a link to the page that `glorot explain` shows for a name."""
    page = page_of(asked)
    return f"[{page.title}](../{page.kind}s/{page.name}.md)"


def section_markdown(section: Section) -> str:
    """Write one section under its heading."""
    return f"## {text(section.title)}\n\n" + "\n".join(map(block_markdown, section.blocks))


def block_markdown(block: Block) -> str:
    """Write a paragraph, an equation, an example or an entry."""
    if block.kind == "entry":
        return f"- `{block.name}`: {text(block.content)}\n"
    if block.kind == "text":
        return f"{text(block.content)}\n"
    if block.content.startswith(">>>"):
        return f"```pycon\n{block.content}\n```\n"
    return raw("".join(f'<div class="equation">{math_html(line)}</div>' for line in block.content.splitlines()))


def raw(html: str) -> str:
    """Wrap HTML so that it reaches the page as it is."""
    return f"```{{raw}} html\n{html}\n```\n" if html else ""


def text(plain: str) -> str:
    """Escape what Markdown would take for markup, outside `code`."""
    pieces = re.split(r"(`[^`]*`)", plain)
    return "".join(piece if piece.startswith("`") else re.sub(r"([\\*_<>\[\]])", r"\\\1", piece) for piece in pieces)


def cell(plain: str) -> str:
    """Escape a text for a cell of a table as well."""
    return text(plain).replace("|", r"\|")


def escape_bars(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Escape |z| in docstrings, which reStructuredText would take for a substitution."""
    for n, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[n] = line.replace("|", r"\|")
