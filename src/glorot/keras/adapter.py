"""The adapter of Keras, as `glorot.adapters` asks for it."""

from typing import Any

import keras

from glorot.keras.holding import held, summed_over_processes
from glorot.keras.model import graph, layers
from glorot.keras.observing import jacobians, observe
from glorot.keras.paths import modules
from glorot.keras.stepping import groups
from glorot.keras.training import train
from glorot.keras.weights import arrays, buffers, write

__all__ = [
    "arrays", "buffers", "graph", "groups", "held", "jacobians", "layers", "matches", "modules", "observe", "open",
    "summed_over_processes", "train", "write",
]  # fmt: skip


def matches(model: object) -> bool:
    """Tell whether a model is a Keras layer, as every Keras model is."""
    return isinstance(model, keras.layers.Layer)


def open(model: Any, inputs: Any = None) -> Any:  # noqa: A001 - as in every adapter
    """Return the model itself."""
    return model
