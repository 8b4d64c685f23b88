"""Copies of iterators, which can't go back: one stands in the place of another while a model runs."""

import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any


def set_apart(put: Callable[[Any, Any], Any], items: Iterable[tuple[Any, Any]], copies: dict[int, Any]) -> None:
    """Put a copy in the place of every iterator that can be copied.

    Args:
        put: puts a value under a key.
        items: the values, with their keys.
        copies: the copies made so far, by the ids of what they are copies of.

    Example:
        >>> held = {"count": iter([1, 2, 3]), "name": "w"}
        >>> before = held["count"]
        >>> set_apart(held.__setitem__, list(held.items()), {})
        >>> next(held["count"]), next(held["count"]), next(before)
        (1, 2, 1)
    """
    for key, value in items:
        if _is_iterator(value):
            with suppress(TypeError):  # of a generator there is no copy, nor of itertools' since Python 3.14
                put(key, _copied(value, copies))


def _is_iterator(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__next__") and kind.__module__ in {"builtins", "itertools"}


def _copied(value: Any, copies: dict[int, Any]) -> Any:
    """Return an iterator that goes on as another would, inner ones copied too; what is no iterator stays.

    Raises:
        TypeError: if it cannot be copied.
    """
    if not _is_iterator(value):
        return value
    if id(value) not in copies:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # itertools
            function, arguments, *states = value.__reduce__()
            copy = function(*(_copied(one, copies) for one in arguments))
            for state in states:
                parts = state if isinstance(state, tuple) else (state,)
                parts = tuple(list(one) if isinstance(one, list) else _copied(one, copies) for one in parts)
                copy.__setstate__(parts if isinstance(state, tuple) else parts[0])
        copies[id(value)] = copy
    return copies[id(value)]
