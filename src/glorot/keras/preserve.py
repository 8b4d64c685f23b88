"""Leaving a model as it was found, whatever is run through it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.common import global_state

LISTS = ("_inbound_nodes", "_outbound_nodes", "_losses")
COUNTERS = "object_name_uids"
"""Where Keras counts the automatic names that it has given."""


@contextmanager
def preserved(layers: Iterable[Any]) -> Iterator[None]:
    """Restore the attributes and graph nodes of layers, and Keras's count of names, when the block ends.

    Variables are kept too: what is assigned to one inside the block is forgotten.
    """
    operations = {id(one): one for layer in layers for one in (layer, *getattr(layer, "_operations", ()))}
    saved = [
        (one, dict(vars(one)), {name: list(vars(one).get(name, ())) for name in LISTS}) for one in operations.values()
    ]
    counted = global_state.get_global_attribute(COUNTERS)
    counts = dict(counted or {})
    try:
        with keras.StatelessScope():
            yield
    finally:
        for one, attributes, lists in saved:
            _restore(vars(one), attributes)
            for name, items in lists.items():
                if name in attributes:
                    attributes[name][:] = items
        if counted is not None:
            counted.clear()
            counted.update(counts)


def _restore(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name in now.keys() - before.keys():
        del now[name]
    for name, value in before.items():
        if now.get(name) is not value:
            now[name] = value
