"""Reading a docstring: the line, the formula, and the sections under their headings."""

import inspect
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

ENTRIES = ("Args", "Attributes", "Raises", "Words")
HEADING = re.compile(r"([A-Z][^.:]*):$")
INLINE = re.compile(r"(When to use|When not to use|Next): +(\S.*)$")


class Block(NamedTuple):
    """A paragraph of text, lines to be kept as they are, or the entry of a list with its name."""

    kind: Literal["text", "lines", "entry"]
    content: str
    name: str = ""


@dataclass(frozen=True)
class Section:
    """What stands under one heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Docstring:
    """A docstring taken apart.

    Attributes:
        line: the first line.
        formula: its second paragraph if that is a formula, else what follows the colon in the first line.
        intro: the paragraphs before the first heading.
        sections: the rest.
    """

    line: str
    formula: str
    intro: tuple[Block, ...]
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The first line without the formula that it may end with."""
        return self.line.partition(": ")[0] if self.formula and self.formula in self.line else self.line

    def section(self, title: str) -> Section | None:
        """Return the section of a title, if there is one."""
        return next((section for section in self.sections if section.title == title), None)


def read_docstring(text: str) -> Docstring:
    r"""Take a docstring apart.

    Args:
        text: the docstring as it stands in the code.

    Returns:
        Its pieces.

    Example:
        >>> doc = read_docstring("All zero.\n\nW = 0\n\nWhen to use:\n    For biases.")
        >>> doc.formula, doc.section("When to use").blocks[0].content
        ('W = 0', 'For biases.')
    """
    first, *rest = inspect.cleandoc(text).splitlines() or [""]
    intro, sections = _split(rest)
    paragraphs = list(_blocks(intro, ""))
    formula = ""
    if paragraphs and is_formula(paragraphs[0].content):
        formula = paragraphs.pop(0).content
    elif is_formula(first):
        formula = first.partition(": ")[2].rstrip(".")
    return Docstring(
        line=first,
        formula=formula,
        intro=tuple(paragraphs),
        sections=tuple(Section(title, _blocks(lines, title)) for title, lines in sections),
    )


def is_formula(text: str) -> bool:
    """Tell whether a paragraph states a formula or a law: it holds an equation or a `~`."""
    return bool(re.search(r"\S\s*(=|~|≈|∝|←)\s*\S", text))


def _split(lines: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Part lines at the headings; a heading stands after a blank line, at the margin."""
    intro: list[str] = []
    sections: list[tuple[str, list[str]]] = []
    current, before = intro, ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        found = (HEADING.match(line) if after.startswith(" ") else None) or INLINE.match(line)
        if found and not before.strip():
            current = [_sentence(found[2])] if found.re is INLINE else []
            sections.append((found[1], current))
        else:
            current.append(line)
        before = line
    return intro, [(title, _dedent(body)) for title, body in sections]


def _sentence(text: str) -> str:
    """Begin with a capital letter what followed a colon; a formula keeps its φ."""
    return text[0].upper() + text[1:] if text[0].isascii() else text


def _dedent(lines: list[str]) -> list[str]:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.startswith(" ")]
    margin = " " * min(indents, default=0)
    return [line.removeprefix(margin) for line in lines]


def _blocks(lines: list[str], title: str) -> tuple[Block, ...]:
    """Group lines into paragraphs, indented or example lines kept as they are, and named entries."""
    if title in ENTRIES:
        return _entries(lines)
    blocks: list[Block] = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        if paragraph.startswith((" ", ">>>")):
            blocks.append(Block("lines", inspect.cleandoc(paragraph) if paragraph[0] == " " else paragraph))
        elif paragraph.strip():
            blocks.append(Block("text", " ".join(paragraph.split())))
    return tuple(blocks)


def _entries(lines: list[str]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for line in filter(str.strip, lines):
        if line.startswith(" ") and blocks:
            last = blocks.pop()
            blocks.append(last._replace(content=f"{last.content} {line.strip()}"))
        else:
            name, _, text = line.partition(":")
            blocks.append(Block("entry", text.strip(), name.strip()))
    return tuple(blocks)
