"""Leaving a model as it was found, whatever is run through it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.utils.tracking import DotNotTrackScope

from glorot.preserving import Switch, process_preserved
from glorot.reaching import reachable, remember

COUNTERS = "object_name_uids"
"""Where Keras counts the automatic names that it has given."""

FRAMEWORKS = ("keras", "tensorflow", "jax", "jaxlib", "torch")
"""Whose own objects change no more than Keras itself restores, variables among them."""


def _of_keras(name: str) -> Switch:
    """Return something that Keras has one of, as it stands: to ask Keras for it by its public name might make it."""
    return Switch(
        lambda: global_state.get_global_attribute(name), lambda before: global_state.set_global_attribute(name, before)
    )


SWITCHES = (
    Switch(keras.config.floatx, keras.config.set_floatx),
    Switch(keras.config.image_data_format, keras.config.set_image_data_format),
    _of_keras("dtype_policy"),
    _of_keras("global_seed_generator"),
)


@contextmanager
def preserved(layers: Iterable[Any]) -> Iterator[None]:
    """Restore all that layers hold, Keras's count of names, and the process, at the end.

    Variables are kept too: what is assigned to one inside the block is forgotten, and so are losses.
    """
    operations = {id(one): one for layer in layers for one in (layer, *getattr(layer, "_operations", ()))}
    tracked = [getattr(getattr(one, "_tracker", None), "stored_ids", None) for one in operations.values()]
    counted = global_state.get_global_attribute(COUNTERS)
    counts = dict(counted or {})
    with process_preserved(SWITCHES):
        # Keras's own containers would tell their layer of what goes and comes
        trains = _trains(operations.values())
        restore = remember(reachable([*operations.values(), *tracked], leave=FRAMEWORKS), quietly=DotNotTrackScope)
        try:
            for one in operations.values():
                if isinstance(one, keras.layers.Layer):  # one refuses symbolic tensors, the other goes round in circles
                    vars(one)["add_loss"] = vars(one)["_clear_losses"] = _forget
            with keras.StatelessScope():
                yield
        finally:
            restore()
            for variable, before in trains:
                variable._trainable = before
            if counted is not None:
                counted.clear()
                counted.update(counts)


@contextmanager
def out_of_scopes() -> Iterator[None]:
    """Let variables be made and assigned, whatever scope without state is open around."""
    scope = _of_keras("stateless_scope")
    before = scope.read()
    scope.write(None)
    try:
        yield
    finally:
        scope.write(before)


def _trains(operations: Iterable[Any]) -> list[tuple[Any, bool]]:
    """Return (variable, whether it is trained) of every variable of layers."""
    names = ("_trainable_variables", "_non_trainable_variables")
    return [(one, one._trainable) for layer in operations for name in names for one in getattr(layer, name, ())]


def _forget(loss: Any = None) -> None:
    """Do nothing about losses, for the shapes of a batch have none."""
