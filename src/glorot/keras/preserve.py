"""Leaving a model as it was found, whatever is run through it."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.utils.tracking import DotNotTrackScope

COUNTERS = "object_name_uids"
"""Where Keras counts the automatic names that it has given."""


@contextmanager
def preserved(layers: Iterable[Any]) -> Iterator[None]:
    """Restore the attributes of layers, what their lists, dicts and sets hold, and Keras's count of names at the end.

    Variables are kept too: what is assigned to one inside the block is forgotten, and so are losses.
    """
    operations = {id(one): one for layer in layers for one in (layer, *getattr(layer, "_operations", ()))}
    saved = [(one, dict(vars(one))) for one in operations.values()]
    contents = _contents(vars(one) for one in operations.values())
    counted = global_state.get_global_attribute(COUNTERS)
    counts = dict(counted or {})
    try:
        for one in operations.values():
            if isinstance(one, keras.layers.Layer):  # one refuses symbolic tensors, the other goes round in circles
                vars(one)["add_loss"] = vars(one)["_clear_losses"] = _forget
        with keras.StatelessScope():
            yield
    finally:
        for one, attributes in saved:
            _restore(vars(one), attributes)
        with DotNotTrackScope():  # Keras's own containers would tell their layer of what goes and comes
            for container, items in contents:
                _refill(container, items)
        if counted is not None:
            counted.clear()
            counted.update(counts)


def _forget(loss: Any = None) -> None:
    """Do nothing about losses, for the shapes of a batch have none."""


def _restore(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name in now.keys() - before.keys():
        del now[name]
    for name, value in before.items():
        if now.get(name) is not value:
            now[name] = value


def _contents(attributes: Iterable[dict[str, Any]]) -> list[tuple[Any, list[Any]]]:
    """Return (container, what it holds) of every list, dict, set and deque among attributes, however deep."""
    found: dict[int, tuple[Any, list[Any]]] = {}
    seen: set[int] = set()
    waiting: list[Any] = []
    for one in attributes:
        waiting += one.values()
        waiting += getattr(one.get("_tracker"), "stored_ids", {}).values()
    while waiting:
        value = waiting.pop()
        if not isinstance(value, list | tuple | dict | set | deque) or id(value) in seen:
            continue
        seen.add(id(value))
        waiting.extend(value.values() if isinstance(value, dict) else value)
        if not isinstance(value, tuple):
            found[id(value)] = value, _items(value)
    return list(found.values())


def _items(container: Any) -> list[Any]:
    return list(container.items()) if isinstance(container, dict) else list(container)


def _refill(container: Any, items: list[Any]) -> None:
    """Put back what a container held, unless it still does; tensors cannot be compared but by what they are."""
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
