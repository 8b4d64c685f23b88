"""Leaving the process as it was found, whatever runs in between; no framework is known here."""

import copy
import os
import random
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

LOCK = threading.RLock()
"""Held by whoever looks at a model: what belongs to the whole process is switched and restored by one at a time."""


class Switch(NamedTuple):
    """Something that belongs to the process or the thread: how it is read, and how it is set."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]


def _filters() -> tuple[list[Any], list[Any]]:
    """Return the list of warning filters and a copy of it; another thread may put its own list in the place of it."""
    filters: Any = warnings.filters
    return filters, list(filters)


def _set_filters(before: tuple[list[Any], list[Any]]) -> None:
    filters, held = before
    filters[:] = held


def _give_back(names: set[str], before: dict[str, str]) -> None:
    for name in names:
        if name in before:
            os.environ[name] = before[name]
        else:
            os.environ.pop(name, None)


ENVIRONMENT = Switch(lambda: dict(os.environ), lambda before: _give_back({*os.environ, *before}, before))
"""The environment, whichever thread changes it."""

SWITCHES = (
    Switch(np.geterr, lambda before: np.seterr(**before)),
    Switch(_filters, _set_filters),
)


@contextmanager
def process_preserved(switches: Sequence[Switch] = ()) -> Iterator[None]:
    """Hold the lock, and set back at the end whatever was switched inside.

    Python's and NumPy's random states, NumPy's error handling, warning filters and the environment are kept always.

    Args:
        switches: what is kept besides.
    """
    with LOCK, ExitStack() as stack:
        for switch in (*SWITCHES, *switches):
            stack.callback(set_back, switch, switch.read())
        stack.enter_context(environment_kept())
        stack.enter_context(random_states_kept())
        yield


def set_back(switch: Switch, before: Any) -> None:
    """Set something that belongs to the process as it was before, unless it still is."""
    if switch.read() != before:
        switch.write(before)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Give back every variable of the environment that this thread changes inside; the lock must be held.

    What other threads change meanwhile stays.
    """
    before, owner = dict(os.environ), threading.get_ident()
    changed: set[str] = set()

    def noting(write: Callable[..., None]) -> Callable[..., None]:
        def call(name: Any, *value: Any) -> None:
            if threading.get_ident() == owner:
                changed.add(os.fsdecode(name))
            write(name, *value)

        return call

    with _replaced(os, {name: noting(getattr(os, name)) for name in ("putenv", "unsetenv")}):  # os.environ calls them
        try:
            yield
        finally:
            _give_back(changed, before)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Leave Python's and NumPy's global random states where they are; the lock must be held.

    Whatever this thread does to them inside is undone. Other threads draw from copies meanwhile, and go on from there.
    """
    with (
        _others_apart(random, PYTHON, random.Random.getstate, random.Random.setstate),
        _others_apart(np.random, NUMPY, lambda one: one.get_state(legacy=False), np.random.RandomState.set_state),
    ):
        yield


@contextmanager
def draws_undone() -> Iterator[None]:
    """Set Python's global random state back at the end: for the import of a package that draws from it, as rich does.

    No lock is held, for an import may wait for another; what other threads draw meanwhile, they draw once more.
    """
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


PYTHON: Any = random.random.__self__  # type: ignore[attr-defined]
NUMPY: Any = np.random.rand.__self__  # type: ignore[attr-defined]


@contextmanager
def _others_apart(
    module: ModuleType, shared: Any, read: Callable[[Any], Any], write: Callable[[Any, Any], Any]
) -> Iterator[None]:
    """Let a module's functions draw from a copy of the generator they share, except in this thread."""
    owner, lock = threading.get_ident(), threading.RLock()
    apart: Any = None

    def routed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == owner:
                return function(*args, **kwargs)
            with lock:
                return (function if apart is None else getattr(apart, name))(*args, **kwargs)

        return call

    names = [name for name, one in vars(module).items() if getattr(one, "__self__", None) is shared]
    names += ["seed"] if names else []  # which NumPy defines otherwise; within a look there are none left to replace
    functions = {name: routed(name, getattr(module, name)) for name in dict.fromkeys(names)}
    with _replaced(module, functions):
        with lock:
            apart = copy.deepcopy(shared)
        try:
            yield
        finally:
            with lock:
                write(shared, read(apart))
                apart = None


@contextmanager
def _replaced(module: ModuleType, functions: dict[str, Callable[..., Any]]) -> Iterator[None]:
    before = {name: getattr(module, name) for name in functions}
    vars(module).update(functions)
    try:
        yield
    finally:
        vars(module).update(before)
