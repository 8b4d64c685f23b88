"""Leaving objects and the process as they were found, whatever runs in between; no framework is known here."""

import os
import pickle
import random
import sys
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np

LOCK = threading.RLock()
"""Held by whoever looks at a model: what belongs to the whole process is switched and restored by one at a time."""


class Switch(NamedTuple):
    """Something that belongs to the process or the thread: how it is read, and how it is set."""

    read: Callable[[], Any]
    write: Callable[[Any], Any]


class State(NamedTuple):
    """A kind of object whose state lies where Python cannot see it: how a copy of it is read, and how it is set."""

    kind: type
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]


def _set_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


def _filters() -> tuple[list[Any], list[Any]]:
    """Return the list of warning filters and a copy of it; another thread may put its own list in the place of it."""
    filters: Any = warnings.filters
    return filters, list(filters)


def _set_filters(before: tuple[list[Any], list[Any]]) -> None:
    filters, held = before
    filters[:] = held


SWITCHES = (
    Switch(random.getstate, random.setstate),
    Switch(
        lambda: pickle.dumps(np.random.get_state(legacy=False)),  # noqa: NPY002 - the state that a model may use
        lambda before: np.random.set_state(pickle.loads(before)),  # noqa: NPY002
    ),
    Switch(np.geterr, lambda before: np.seterr(**before)),
    Switch(_filters, _set_filters),
    Switch(lambda: dict(os.environ), _set_environment),
)


def _set_array(array: Any, before: Any) -> None:
    if array.flags.writeable:
        array[...] = before


STATES = (
    State(random.Random, random.Random.getstate, random.Random.setstate),
    State(
        np.random.Generator,
        lambda generator: generator.bit_generator.state,
        lambda generator, before: setattr(generator.bit_generator, "state", before),
    ),
    State(np.random.RandomState, lambda one: one.get_state(legacy=False), np.random.RandomState.set_state),
    State(np.ndarray, np.copy, _set_array),
)

CONTAINERS = (list, tuple, dict, set, deque)
OPAQUE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


@contextmanager
def process_preserved(switches: Sequence[Switch] = ()) -> Iterator[None]:
    """Hold the lock, and set back at the end whatever was switched inside.

    Random states, NumPy's error handling, warning filters and the environment are kept always.

    Args:
        switches: what is kept besides.
    """
    with LOCK, ExitStack() as stack:
        for switch in (*SWITCHES, *switches):
            stack.callback(_set_back, switch, switch.read())
        yield


def _set_back(switch: Switch, before: Any) -> None:
    if switch.read() != before:
        switch.write(before)


def reachable(roots: Iterable[Any], states: Sequence[State] = STATES, leave: Collection[str] = ()) -> list[Any]:
    """Return all that objects hold, however deep: containers, objects with attributes, and what has a hidden state.

    Classes, modules, functions and the objects of the standard library are not looked into, but for its containers and
    namespaces.

    Args:
        roots: the objects.
        states: the kinds of object that have a hidden state.
        leave: packages whose objects are not looked into either, unless they are roots.
    """
    kinds = tuple(state.kind for state in states)
    found: dict[int, Any] = {}
    waiting = list(roots)
    always = set(map(id, waiting))
    while waiting:
        value = waiting.pop()
        if value is None or isinstance(value, str | int | float | bytes) or id(value) in found:
            continue
        if isinstance(value, CONTAINERS):
            found[id(value)] = value
            waiting.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, kinds):
            found[id(value)] = value
        if _has_attributes(value) and (id(value) in always or _package(value) not in leave):
            found[id(value)] = value
            waiting.extend(vars(value).values())
    return list(found.values())


def _has_attributes(value: Any) -> bool:
    if isinstance(value, OPAQUE) or not hasattr(value, "__dict__"):
        return False
    return isinstance(value, types.SimpleNamespace) or _package(value) not in sys.stdlib_module_names


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def remember(
    objects: Iterable[Any],
    states: Sequence[State] = STATES,
    quietly: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Callable[[], None]:
    """Return a function that gives objects back their attributes, what they contained, and their hidden states.

    Args:
        objects: what `reachable` returns.
        states: the kinds of object that have a hidden state.
        quietly: what is entered while containers are filled, for some tell their owner of it.
    """
    objects = list(objects)
    kinds = tuple(state.kind for state in states)
    contents = [(one, _items(one)) for one in objects if isinstance(one, CONTAINERS) and not isinstance(one, tuple)]
    attributes = [(one, dict(vars(one))) for one in objects if _has_attributes(one)]
    hidden = []
    for one in objects:
        if isinstance(one, kinds):
            state = next(state for state in states if isinstance(one, state.kind))
            hidden.append((state, one, state.read(one)))

    def restore() -> None:
        for one, before in attributes:
            _refill(vars(one), list(before.items()))
        with quietly():
            for container, items in contents:
                _refill(container, items)
        for state, one, value in hidden:
            state.write(one, value)

    return restore


def remember_classes(classes: Iterable[type]) -> Callable[[], None]:
    """Return a function that gives classes back their attributes."""
    saved = [(one, dict(vars(one))) for one in classes]

    def restore() -> None:
        for one, before in saved:
            for name in vars(one).keys() - before.keys():
                delattr(one, name)
            for name, value in before.items():
                if vars(one).get(name) is not value:
                    setattr(one, name, value)

    return restore


def _items(container: Any) -> list[Any]:
    return list(container.items()) if isinstance(container, dict) else list(container)


def _refill(container: Any, items: list[Any]) -> None:
    """Put back what a container held, unless it still does; tensors are compared by identity alone."""
    now = _items(container)
    if isinstance(container, dict):
        if [(key, id(value)) for key, value in now] != [(key, id(value)) for key, value in items]:
            for key, _ in now:
                del container[key]
            for key, value in items:
                container[key] = value
    elif isinstance(container, set):
        if set(map(id, now)) != set(map(id, items)):
            container -= set(now)
            container |= set(items)
    elif list(map(id, now)) != list(map(id, items)):
        if isinstance(container, deque):
            container.clear()
            container.extend(items)
        else:
            container[:] = items
