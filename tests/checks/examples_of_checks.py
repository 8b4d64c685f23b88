"""The example of each check, as its docstring gives it, as arguments of glorot.check."""

import doctest
import inspect
from typing import Any

import pytest

import glorot
from glorot.checks import Report
from glorot.checks.registry import check_named


def example_of(code: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the arguments with which the example in the docstring of a check calls glorot.check."""
    text = inspect.cleandoc(type(check_named(code)).__doc__ or "")
    called: list[dict[str, Any]] = []
    check = glorot.check

    def record(*given: Any, **named: Any) -> Report:
        called.append(inspect.signature(check).bind(*given, **named).arguments)
        return check(*given, **named)

    monkeypatch.setattr(glorot, "check", record)
    room: dict[str, Any] = {}
    for example in doctest.DocTestParser().get_examples(text):
        exec(compile(example.source, code, "single"), room)
    monkeypatch.undo()
    return dict(called[-1])
