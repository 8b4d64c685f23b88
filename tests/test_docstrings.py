"""Every public thing has the docstring that explains it: one table, and what each kind must say."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from docstring_rules import problems
from glorot import api, fans, theory
from glorot.report.explanation.page import CATALOGUES


def public_functions(module: ModuleType) -> list[Callable[..., Any]]:
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and not name.startswith("_") and _is_of(function, module)
    ]


def _is_of(function: Callable[..., Any], module: ModuleType) -> bool:
    return f"{function.__module__}.".startswith(f"{module.__name__}.")


ENTRIES = [
    pytest.param(kind, catalogue.factory(name), id=f"{kind}-{name}")
    for kind, catalogue in CATALOGUES.items()
    for name in catalogue
]
FUNCTIONS = [
    pytest.param("function", function, id=f"{module.__name__}.{function.__name__}")
    for module in (api, fans, theory)
    for function in public_functions(module)
]


@pytest.mark.parametrize(("kind", "thing"), [*ENTRIES, *FUNCTIONS])
def test_docstring_explains(kind: str, thing: Callable[..., Any]) -> None:
    assert problems(kind, thing) == []


def test_the_table_holds_everything() -> None:
    names = {case.id for case in [*ENTRIES, *FUNCTIONS]}
    assert {"recipe-xavier", "scheme-orthogonal", "activation-tanh"} <= names
    assert {"glorot.api.draw", "glorot.fans.conv", "glorot.theory.predict"} <= names
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
