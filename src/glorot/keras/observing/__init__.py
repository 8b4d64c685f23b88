"""Watching signal and gradient in a Keras model on one batch, by the means of its backend."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from glorot.given import not_finite
from glorot.graph import Forward
from glorot.graph.readings import Observed
from glorot.graph.spectra import Found, not_one_tensor
from glorot.inventory import Inventory
from glorot.keras.graph.calls import Pass, call_of
from glorot.keras.graph.lowering import slopes_of
from glorot.keras.model import arguments_for, paths_in
from glorot.keras.paths import every_layer
from glorot.keras.preserve import preserved
from glorot.keras.stepping import stepper


def observe(
    model: Any,
    stock: Inventory,
    inputs: Any,
    targets: Any,
    loss: Any,
    forward: Forward | None = None,
    optimizer: Any = None,
) -> Observed:
    """Run a batch forward and backward in inference mode, and read every point of a model.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar of the backend, or None for the usual one.
        forward: function (model, batch) that runs the model; by default it is called.
        optimizer: an optimiser of Keras whose first step is tried on copies of the variables.

    Returns:
        What was read.

    Raises:
        GlorotError: if the model refuses the batch, or the optimiser is not one of this model.
    """
    with passed(model, stock, inputs, forward) as given:
        variables = {given.paths[id(one)]: one for one in given.call.variables if id(one) in given.paths}
        step = None if optimizer is None else stepper(optimizer, variables)
        found: Observed = _backend().observe(given, targets, given.call.takes(loss), step)
    return found


def jacobians(model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None) -> Found:
    """Return the singular values of each layer with its activation and of the whole model, and whether they are all.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: a batch of values; each example is taken by itself.
        forward: function (model, batch) that runs the model; by default it is called.

    Raises:
        GlorotError: if the model refuses the batch, or the batch holds whole numbers.
    """
    with passed(model, stock, inputs, forward) as given:
        if len(given.batch) != 1 or given.batch[0].dtype.kind != "f":
            raise not_one_tensor()
        found: Found = _backend().jacobians(given)
    return found


@contextmanager
def passed(model: Any, stock: Inventory, inputs: Any, forward: Forward | None) -> Iterator[Pass]:
    """Yield a pass of a batch through a model, which is left as it was found at the end."""
    arrays = [np.asarray(one) for one in keras.tree.flatten(inputs) if hasattr(one, "shape") and hasattr(one, "dtype")]
    for array in arrays:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise not_finite(array.shape)
    with preserved(every_layer(model)):
        call = call_of(model, arguments_for(model, inputs, forward), 0, forward)
        batch = [array.astype(one.dtype) for array, one in zip(arrays, call.batch, strict=True)]
        yield Pass(call, paths_in(model, stock), slopes_of(model), batch)


def _backend() -> Any:
    return importlib.import_module(f"glorot.keras.observing.on_{keras.config.backend()}")
