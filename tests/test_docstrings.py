"""Every public thing has the docstring that explains it: one table, and what each kind must say."""

import doctest
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from glorot import api, fans, theory
from glorot.keras import initializers, tensorflow1
from glorot.report.explanation.docstring import read_docstring
from glorot.report.explanation.page import CATALOGUES

DOCS = Path(__file__).parents[1] / "docs"
ALWAYS = ("Example", "References")
DEMANDED = {
    "scheme": ("When to use", "Returns", *ALWAYS),
    "recipe": ("When to use", "What each part gets", *ALWAYS),
    "activation": ("When to use", *ALWAYS),
    "function": ("Raises", *ALWAYS),
}


def public_functions(module: ModuleType) -> list[Callable[..., Any]]:
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    ]


ENTRIES = [
    pytest.param(kind, catalogue.factory(name), id=f"{kind}-{name}")
    for kind, catalogue in CATALOGUES.items()
    for name in catalogue
]
FUNCTIONS = [
    pytest.param("function", function, id=f"{module.__name__}.{function.__name__}")
    for module in (api, fans, theory, tensorflow1)
    for function in public_functions(module)
]
INITIALIZERS = [
    pytest.param("function", getattr(initializers, name), id=f"glorot.keras.{name}") for name in initializers.__all__
]


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


@pytest.mark.parametrize(("kind", "thing"), [*ENTRIES, *FUNCTIONS, *INITIALIZERS])
def test_docstring_explains(kind: str, thing: Callable[..., Any]) -> None:
    assert problems(kind, thing) == []


def test_the_table_holds_everything() -> None:
    names = {case.id for case in [*ENTRIES, *FUNCTIONS, *INITIALIZERS]}
    assert {"recipe-xavier", "scheme-orthogonal", "activation-tanh"} <= names
    assert {"glorot.api.draw", "glorot.fans.conv", "glorot.theory.predict"} <= names
    assert {"glorot.keras.tensorflow1.xavier_initializer", "glorot.keras.XavierUniform"} <= names
    assert len(ENTRIES) >= 45


GOOD = """Every element the same.

W = value

When to use:
    For biases.

Args:
    value: the value.

Returns:
    The scheme.

Raises:
    GlorotError: if it is not finite.

Example:
    >>> 1
    1

References:
    Anonymous (1999).
"""


def with_docstring(text: str | None) -> Callable[[float], None]:
    def thing(value: float) -> None: ...

    thing.__doc__ = text
    return thing


def test_a_good_docstring_passes() -> None:
    assert problems("scheme", with_docstring(GOOD)) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("same.", "same", "the first line is no sentence"),
        ("W = value\n\n", "", "no formula"),
        ("When to use:\n    For biases.\n\n", "", "no section 'When to use'"),
        ("    value: the value.", "    val: the value.", "Args tell of ['val'], the parameters are ['value']"),
        ("Args:\n    value: the value.\n\n", "", "Args tell of [], the parameters are ['value']"),
        ("Returns:\n    The scheme.\n\n", "", "no section 'Returns'"),
        ("Raises:\n    GlorotError: if it is not finite.\n\n", "", "no section 'Raises'"),
        (">>> 1\n    1", "It is 1.", "the example is no doctest"),
        ("References:\n    Anonymous (1999).\n", "", "no section 'References'"),
    ],
)
def test_a_bad_docstring_is_caught(old: str, new: str, found: str) -> None:
    assert old in GOOD
    assert any(problem.startswith(found) for problem in problems("scheme", with_docstring(GOOD.replace(old, new))))


def test_a_missing_docstring_is_caught() -> None:
    assert problems("scheme", with_docstring(None)) == ["no docstring"]


def test_a_function_must_say_what_it_returns() -> None:
    silent = GOOD.replace("Returns:\n    The scheme.\n\n", "")
    assert problems("function", with_docstring(silent)) == [
        "no section 'Returns', and the first line does not say what is returned"
    ]
    assert problems("function", with_docstring(silent.replace("Every element", "Return every element"))) == []


def examples_of(page: Path) -> str:
    return "\n".join(
        re.findall(r"^```pycon\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    )


@pytest.mark.parametrize("page", [page.name for page in sorted(DOCS.glob("*.md")) if examples_of(page)])
def test_the_examples_of_the_documentation_are_true(page: str) -> None:
    test = doctest.DocTestParser().get_doctest(examples_of(DOCS / page), {}, page, page, 0)
    failed, tried = doctest.DocTestRunner().run(test)
    assert tried
    assert not failed
