"""The HTML form of a page: one file with its drawings, for a browser without a network."""

import math
import re
from collections.abc import Sequence
from html import escape

from glorot.report.document import document
from glorot.report.explanation.docstring import Block, Section
from glorot.report.explanation.figure_svg import figure_svg, figure_words
from glorot.report.explanation.marks import NARROW, WIDTH
from glorot.report.explanation.mathml import math_html
from glorot.report.explanation.page import Page, facts
from glorot.report.explanation.samples import INPUTS, OUTPUTS
from glorot.report.explanation.starts import compounding
from glorot.report.explanation.svg import activation_svg, laws_svg
from glorot.report.links import lab_html


def html_page(page: Page) -> str:
    """Set a page, whole, as one HTML document."""
    kind = f"glorot · {page.kind}" + (f" · also called {', '.join(page.aliases)}" if page.aliases else "")
    body = f"""<div class="page">
<header><div class="kind">{escape(kind)}</div><h1>{escape(page.title)}</h1>
{f'<p class="note">{prose(page.note)}</p>' if page.note else ""}
<p class="lead">{prose(page.doc.title)}</p></header>
{opening_html(page, narrow=True)}{"".join(map(block_html, page.doc.intro))}
{"".join(map(section_html, page.sections))}
<footer><p><strong>Next:</strong> {prose(page.command)}</p>
{_also(page)}{lab_html(page.lab)}</footer>
</div>"""
    return document(f"{page.title} · glorot", body)


def opening_html(page: Page, narrow: bool = False) -> str:
    """Set what a page begins with: a question and its picture, if it asks; the formula; the other drawings.

    Args:
        page: the page.
        narrow: whether drawings come for telephones too, where the sheet of the page shows the one that fits.
    """
    asked = f'<p class="question">{prose(page.question)}</p>\n' if page.question else ""
    picture = ""
    if page.figure is not None:
        widths = (WIDTH, NARROW) if narrow else (WIDTH,)
        picture = _figure(
            [figure_svg(page.figure, width) for width in widths], prose(" ".join(figure_words(page.figure)))
        )
    law = f'<p class="law">{math_html(compounding(page.samples[0].law))}</p>\n' if asked and page.samples else ""
    return f"{asked}{picture}{formula_html(page)}{figures(page, narrow)}{law}"


def formula_html(page: Page) -> str:
    """Set the formula of a page, typeset."""
    return f'<div class="formula">{math_html(page.doc.formula)}</div>\n' if page.doc.formula else ""


def _also(page: Page) -> str:
    pages = ", ".join(f"<code>glorot explain {escape(name)}</code>" for name in page.also)
    return f"<p>See also {pages}.</p>\n" if pages else ""


def figures(page: Page, narrow: bool = False) -> str:
    """Return the drawings of a page, each with what is to be seen on it.

    Args:
        page: the page.
        narrow: whether each comes for telephones too, where the sheet of the page shows the one that fits.
    """
    widths = (WIDTH, NARROW) if narrow else (WIDTH,)
    if page.phi is not None:
        rows = facts(page.phi)
        head = "".join(f"<th>{prose(name)}</th>" for name, _ in rows)
        cells = "".join(f"<td>{escape(value)}</td>" for _, value in rows)
        table = f'<table class="facts"><tr>{head}</tr><tr>{cells}</tr></table>'
        told = (
            "Green: where z ~ N(0, 1) falls. Below: what φ leaves of it, and what makes up for the rest; "
            "g_f holds the signal, g_b the gradient."
        )
        return _figure([activation_svg(page.phi, width) for width in widths], told, table)
    told = f"What a weight of a layer {INPUTS} → {OUTPUTS} starts from."
    if any(math.isnan(sample.law.std) for sample in page.samples):
        told = "A small matrix of this law: orange is above 0, blue below."
    each = zip(*(laws_svg(page.samples, width) for width in widths), strict=True)
    return "".join(_figure(drawings, told) for drawings in each)


def _figure(drawings: Sequence[str], told: str, table: str = "") -> str:
    if len(drawings) > 1:
        pairs = zip(("wide", "narrow"), drawings, strict=True)
        drawings = [f'<div class="{kind}">{drawing}</div>' for kind, drawing in pairs]
    inside = f'<div class="drawing">{"".join(drawings)}</div>'
    return f"<figure>{inside}<figcaption>{told}</figcaption>{table}</figure>\n"


def section_html(section: Section) -> str:
    """Set a section under its heading."""
    entries = any(block.kind == "entry" for block in section.blocks)
    body = "".join(map(block_html, section.blocks))
    return f"<section><h2>{prose(section.title)}</h2>{f'<dl>{body}</dl>' if entries else body}</section>\n"


def block_html(block: Block) -> str:
    """Set a paragraph, an equation, an example or an entry."""
    if block.kind == "entry":
        return f"<dt><code>{escape(block.name)}</code></dt><dd>{prose(block.content)}</dd>"
    if block.kind == "text":
        return f"<p>{prose(block.content)}</p>"
    if block.content.startswith(">>>"):
        return f"<pre>{escape(block.content)}</pre>"
    return "".join(f'<div class="equation">{math_html(line)}</div>' for line in block.content.splitlines())


def prose(text: str) -> str:
    """Escape text and set `code` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
