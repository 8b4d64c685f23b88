"""What a docstring must say, by the kind of thing that it explains."""

import inspect
from collections.abc import Callable
from typing import Any

from glorot.report.explanation.docstring import read_docstring

ALWAYS = ("Example", "References")
DEMANDED = {
    "scheme": ("When to use", "Returns", *ALWAYS),
    "recipe": ("When to use", "What each part gets", *ALWAYS),
    "activation": ("When to use", *ALWAYS),
    "topic": ("The question", "The answer", "What to do", "Next", "Related", "Also asked as", *ALWAYS),
    "function": ("Raises", *ALWAYS),
}


def problems(kind: str, thing: Callable[..., Any]) -> list[str]:
    """Return what a docstring lacks, in words."""
    text = inspect.getdoc(thing)
    if not text:
        return ["no docstring"]
    doc = read_docstring(text)
    sections = {section.title: section for section in doc.sections}
    found = []
    if not doc.line.endswith((".", "?")):
        found.append("the first line is no sentence")
    if not doc.formula:
        found.append("no formula, neither in the second paragraph nor after the colon of the first line")
    found += [f"no section {title!r}" for title in DEMANDED[kind] if title not in sections]
    if kind == "function" and "Returns" not in sections and not doc.line.startswith("Return "):
        found.append("no section 'Returns', and the first line does not say what is returned")
    if kind == "scheme" and inspect.signature(thing).parameters and "Raises" not in sections:
        found.append("no section 'Raises', though it has parameters to refuse")
    if "Example" in sections and not any(block.content.startswith(">>>") for block in sections["Example"].blocks):
        found.append("the example is no doctest")
    told = [block.name for block in sections["Args"].blocks] if "Args" in sections else []
    actual = list(inspect.signature(thing).parameters)
    if told != actual:
        found.append(f"Args tell of {told}, the parameters are {actual}")
    found += [f"{title!r} is empty" for title, section in sections.items() if not section.blocks]
    return found
