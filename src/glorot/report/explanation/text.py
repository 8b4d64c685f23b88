"""The text form of a page: prose in columns, laws in blocks, activations in dots."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from glorot.activations import Activation
from glorot.distributions import Distribution
from glorot.report.blocks import WIDTH as PANEL
from glorot.report.blocks import area, axis, spike
from glorot.report.explanation.docstring import Block
from glorot.report.explanation.figure_text import figure_text
from glorot.report.explanation.page import Page, facts
from glorot.report.explanation.samples import (
    INPUTS,
    OUTPUTS,
    Sample,
    density,
    describe,
    has_density,
    matrix,
    reach,
)
from glorot.report.explanation.starts import compounding
from glorot.text import brief, number

Floats = NDArray[np.float64]
WIDTH, SCREEN = 80, 24  # of the terminal that the short form fits
SHORT = (
    *("The answer", "What to do", "When to use", "When not to use", "The idea", "The problem", ""),
    *("What each part gets", "Words"),
)
"""The sections of which the short form has the first paragraph, the most wanted first; "" is the introduction."""

GAP = 4  # between two panels, which fill the width with it, less the margin of two
SHADES = " ░▒▓█"
BRAILLE, DOTS = 0x2800, ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def wrapped(text: str, indent: str = "  ", first: str | None = None) -> list[str]:
    """Break a paragraph into lines of the terminal's width."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def set_blocks(blocks: Sequence[Block], indent: str = "  ") -> list[str]:
    """Set the blocks of a section, a blank line between paragraphs."""
    lines: list[str] = []
    for n, block in enumerate(blocks):
        if n and "entry" not in (block.kind, blocks[n - 1].kind):
            lines.append("")
        if block.kind == "text":
            lines += wrapped(block.content, indent)
        elif block.kind == "entry":
            lines += wrapped(f"{block.name}: {block.content}", indent + "    ", indent)
        else:
            inner = indent if block.content.startswith(">>>") else indent + "    "
            lines += [f"{inner}{line}".rstrip() for line in block.content.splitlines()]
    return lines


def beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Set two panels side by side."""
    rows = max(len(left), len(right))
    pairs = zip([*left, *[""] * (rows - len(left))], [*right, *[""] * (rows - len(right))], strict=True)
    return [f"  {a:<{PANEL + GAP}}{b}".rstrip() for a, b in pairs]


def draw_samples(samples: Sequence[Sample], rows: int = 4) -> list[str]:
    """Draw the laws of the sample layer, two at most side by side."""
    span = reach([sample.law for sample in samples if has_density(sample.law)])
    panels = [_panel(sample, span, rows, samples) for sample in samples[:2]]
    return beside(panels[0], panels[1] if len(panels) > 1 else [])


def _panel(sample: Sample, span: float, rows: int, samples: Sequence[Sample]) -> list[str]:
    caption = [sample.label, f"{INPUTS} → {OUTPUTS}: {describe(sample.law)}"]
    if not has_density(sample.law):
        return caption + (_shaded(sample.law, rows) if np.isnan(sample.law.std) else spike(sample.law.mean, rows))
    x = np.linspace(-span, span, PANEL)
    top = max(float(density(other.law, x).max()) for other in samples)
    scale = axis(f"-{brief(span)}", brief(span), PANEL // 2)
    return [*caption, *area(density(sample.law, x) / top, rows), scale]


def _shaded(law: Distribution, rows: int) -> list[str]:
    """Draw a small matrix of a whole-matrix law, the darker the larger."""
    values = np.abs(matrix(law, rows, rows + 3))
    levels = np.rint(values / max(float(values.max()), 1e-300) * (len(SHADES) - 1)).astype(int)
    return ["│" + "".join(SHADES[level] * 3 for level in row) + "│" for row in levels]


def draw_activation(phi: Activation, rows: int = 6, reach: float = 4.0) -> list[str]:
    """Draw φ and φ′ side by side, and below them where the unit is flat."""
    x = np.linspace(-reach, reach, PANEL * 2)
    flat = np.abs(phi.derivative(x[::2])) < 0.05 * phi.steepest
    left, right = _curve(phi.function, "φ(z)", reach, rows), _curve(phi.derivative, "φ′(z)", reach, rows)
    if flat.any():
        left.append("░ flat: |φ′| < 5 % of its maximum")
        right.append("".join("░" if here else "─" for here in flat))
    return beside(left, right)


def _curve(function: Callable[[Floats], Floats], label: str, reach: float, rows: int) -> list[str]:
    """Draw a curve in dots, two by four a letter, with the ends of its scale in the caption."""
    x = np.linspace(-reach, reach, PANEL * 2)
    y = function(x)
    ends = function(np.linspace(-reach, reach, 801))  # has 0, where φ′ has its maximum as a rule
    low, high = min(float(ends.min()), 0.0), max(float(ends.max()), 0.0)
    place = np.rint((high - y) / max(high - low, 1e-300) * (rows * 4 - 1)).astype(int)
    cells = np.zeros((rows, PANEL), dtype=int)
    for column, row in enumerate(place):
        # a steep curve is drawn through, so that it does not fall apart into dots
        above = place[column - 1] if column else row
        for dot in range(min(row, above), max(row, above) + 1):
            cells[dot // 4, column // 2] |= DOTS[column % 2][dot % 4]
    lines = ["".join(chr(BRAILLE + cell) if cell else " " for cell in line).rstrip() for line in cells]
    caption = f"{label}, from {number(round(low, 3))} to {number(round(high, 3))}, |z| ≤ {number(reach)}"
    return [caption, *lines]


def short_page(page: Page) -> str:
    """Set what fits on one screen: a page that asks shows its picture before it answers, another one after it."""
    before, after = _order(page)
    foot = [*_foot(page), f"All of it: glorot explain {page.reference} --full"]
    room = SCREEN - len(before) - len(after) - len(foot) - 2
    chosen: dict[str, list[str]] = {}
    for title in SHORT:
        lines = _condensed(page, title)
        if lines and len(lines) <= room:
            chosen[title] = lines
            room -= len(lines)
    order = ["", *(section.title for section in page.doc.sections)]
    prose = [line for title in order if title in chosen for line in chosen[title]]
    return "\n".join([*before, "", *prose, *after, "", *foot])


def _order(page: Page) -> tuple[list[str], list[str]]:
    """Return what stands above the prose of a short page, and what below it."""
    if page.figure is None:
        picture = _picture(page)
        return [*_head(page), *_formula(page)], [*([""] if picture else []), *picture]
    asked = ["", *wrapped(page.question)] if page.question else []
    formula = [line for line in _formula(page) if line]
    return [
        *_head(page),
        *asked,
        "",
        *figure_text(page.figure),
        *formula,
        *wrapped(_laws_in_words(page), "    ", "  "),
    ], []


def _laws_in_words(page: Page) -> str:
    """Say what a recipe that asks gives to the sample layer, and what ten such layers make of it."""
    law = page.samples[0].law if page.samples else None
    return f"{INPUTS} → {OUTPUTS}: {describe(law)}. {compounding(law)}" if law else ""


def _condensed(page: Page, title: str) -> list[str]:
    """Return the first paragraph of a section, after its title."""
    section = page.doc.section(title)
    blocks = section.blocks if section else page.doc.intro if not title else ()
    text = next((block.content for block in blocks if block.kind == "text"), "")
    return wrapped(f"{title}: {text}" if title else text) if text else []


def full_page(page: Page) -> str:
    """Set the whole docstring, with the drawing after the formula; a page that asks begins with the question."""
    lines = _head(page)
    if page.question:
        lines += ["", "The question", *wrapped(page.question)]
    if page.figure is not None:
        lines += ["", *figure_text(page.figure)]
    lines += [*_formula(page), *(["", *picture] if (picture := _picture(page)) else [])]
    if page.doc.intro:
        lines += ["", *set_blocks(page.doc.intro)]
    for section in page.sections:
        lines += ["", section.title, *set_blocks(section.blocks)]
    return "\n".join([*lines, "", *_foot(page)])


def _head(page: Page) -> list[str]:
    names = [page.title, page.kind]
    if page.aliases:
        names.append(f"also called {', '.join(page.aliases)}")
    if page.also:
        names.append(f"see also {', '.join(page.also)}")
    return [*wrapped(" · ".join(names), "  ", ""), *wrapped(page.note, "  ", "→ "), *wrapped(page.doc.line, "")]


def _formula(page: Page) -> list[str]:
    if not page.doc.formula or page.doc.formula in page.doc.line:
        return []
    return ["", *wrapped(page.doc.formula, "    ", "  ")]


def _picture(page: Page) -> list[str]:
    if page.phi is not None:
        told = [f"{name} = {value}" for name, value in facts(page.phi)]
        lines = [f"For z ~ N(0, 1): {', '.join(told[:4])}"]
        if told[4:]:
            lines.append(f"hence the {told[4]}; `auto` takes {told[5]} and {told[6]}")
        return [*(line for text in lines for line in wrapped(text, "    ", "  ")), "", *draw_activation(page.phi)]
    return draw_samples(page.samples) if page.samples else []


def _foot(page: Page) -> list[str]:
    return wrapped(f"Next: {page.command}", "  ", "")
