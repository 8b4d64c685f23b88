"""The HTML form of a page: one file with its style and its drawings, for a browser without a network."""

import math
import re
from html import escape

from glorot.report.explanation.docstring import Block, Section
from glorot.report.explanation.page import Page, facts
from glorot.report.explanation.samples import INPUTS, OUTPUTS
from glorot.report.explanation.svg import activation_svg, laws_svg

STYLE = """
:root { --ink: #1d232b; --quiet: #5d6875; --ground: #fbfaf7; --card: #ffffff; --line: #e4e1da; --mark: #2f7fc1; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --quiet: #9aa5b1; --ground: #14171b; --card: #1c2026; --line: #2d333b; --mark: #6fb1e6; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 17px/1.6 system-ui, sans-serif; }
main { max-width: 800px; margin: 0 auto; padding: 48px 24px 64px; }
.kind { color: var(--quiet); letter-spacing: .04em; }
h1 { margin: 0; font-size: 44px; line-height: 1.15; letter-spacing: -.02em; }
.line { margin: 10px 0 0; font-size: 21px; }
h2 { margin: 36px 0 6px; font-size: 20px; }
p { margin: 0 0 12px; }
code, pre { font: 14.5px/1.55 ui-monospace, monospace; }
code { background: color-mix(in srgb, var(--mark) 10%, transparent); border-radius: 4px; padding: 1px 5px; }
pre { margin: 8px 0 14px; padding: 14px 18px; overflow-x: auto; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
.formula { margin: 24px 0; padding: 16px 22px; border-left: 4px solid var(--mark); background: var(--card);
  font: 20px/1.5 "STIX Two Math", "Cambria Math", Georgia, serif; }
.equation { margin: 4px 0 14px 28px; font: 19px/1.5 "STIX Two Math", "Cambria Math", Georgia, serif; }
figure { margin: 28px 0; padding: 20px 22px 14px; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
figcaption { margin-top: 8px; color: var(--quiet); font-size: 15px; }
table { border-collapse: collapse; margin-top: 8px; width: 100%; text-align: center; }
th, td { padding: 6px 8px; border-top: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th { color: var(--quiet); font-weight: 500; }
dl { margin: 0; } dt { font-weight: 600; } dd { margin: 0 0 10px 24px; }
footer { margin-top: 44px; padding-top: 18px; border-top: 1px solid var(--line); }
"""


def html_page(page: Page) -> str:
    """Set a page, whole, as one HTML document."""
    kind = f"glorot · {page.kind}" + (f" · also called {', '.join(page.aliases)}" if page.aliases else "")
    also = f"<p>See also {', '.join(f'<code>{escape(name)}</code>' for name in page.also)}.</p>" if page.also else ""
    sections = "".join(section_html(section) for section in page.doc.sections if section.title != "Next")
    body = f"""<main>
<header><div class="kind">{escape(kind)}</div><h1>{escape(page.name)}</h1>
<p class="line">{prose(page.doc.title)}</p></header>
{_formula(page)}{figures(page)}{also}{"".join(map(block_html, page.doc.intro))}
{sections}
<footer><strong>Next:</strong> {prose(page.command)}</footer>
</main>"""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(page.name)} · glorot</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _formula(page: Page) -> str:
    return f'<div class="formula">{prose(page.doc.formula)}</div>\n' if page.doc.formula else ""


def figures(page: Page) -> str:
    """Return the drawings of a page, each with what is to be seen on it."""
    if page.phi is not None:
        rows = facts(page.phi)
        head = "".join(f"<th>{prose(name)}</th>" for name, _ in rows)
        cells = "".join(f"<td>{escape(value)}</td>" for _, value in rows)
        table = f"<table><tr>{head}</tr><tr>{cells}</tr></table>"
        told = (
            "Green: where z ~ N(0, 1) falls. Below: what φ leaves of it, and what makes up for the rest; "
            "g_f holds the signal, g_b the gradient."
        )
        return f"<figure>{activation_svg(page.phi)}<figcaption>{told}</figcaption>{table}</figure>\n"
    told = f"What a weight of a layer {INPUTS} → {OUTPUTS} starts from."
    if any(math.isnan(sample.law.std) for sample in page.samples):
        told = "A small matrix of this law: orange is above 0, blue below."
    return "".join(f"<figure>{drawing}<figcaption>{told}</figcaption></figure>\n" for drawing in laws_svg(page.samples))


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
    return f'<div class="equation">{prose(block.content)}</div>'


def prose(text: str) -> str:
    """Escape text and set `code` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
