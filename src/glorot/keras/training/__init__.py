"""The first steps of training of a Keras model, taken on copies of its variables."""

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import keras
import numpy as np

from glorot.errors import GlorotError
from glorot.keras.graph.calls import Call, call_of
from glorot.keras.model import arguments_for, layers, paths_in
from glorot.keras.paths import every_layer
from glorot.keras.preserve import out_of_scopes, preserved
from glorot.keras.stepping import copy_of, fresh_like, trained_by

RATE = 1e-3
"""The rate of the Adam that steps where no optimiser is given."""


def train(model: Any, inputs: Any, targets: Any, loss: Any, optimizer: Any, count: int) -> list[float]:
    """Take steps of training on copies of a model's variables, all on one batch, and return the losses.

    The model runs in inference mode: without dropout, and with the stored statistics of its norms.

    Args:
        model: the model; it is left as it was found.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar of the backend, or None for the usual one.
        optimizer: an optimiser of Keras, whose options are used and not its state; None for Adam at 0.001.
        count: how many steps.

    Returns:
        The loss before the first step and after each; it ends with the first that is not finite.

    Raises:
        GlorotError: if the model refuses the batch, or the optimiser is not one of this model, or fails.
    """
    arrays = [np.asarray(one) for one in keras.tree.flatten(inputs) if hasattr(one, "shape") and hasattr(one, "dtype")]
    with preserved(every_layer(model)):
        call = call_of(model, arguments_for(model, inputs, None), 0)
        paths = paths_in(model, layers(model))
        variables = {paths[id(one)]: one for one in call.variables if id(one) in paths}
        with out_of_scopes():
            made = keras.optimizers.Adam(RATE) if optimizer is None else optimizer
            plain, trained = trained_by(made, variables)
            if not trained:
                raise GlorotError("no variable of the model is trained, so no step can be taken; leave steps= out")
            copies = {path: copy_of(one) for path, one in trained.items()}
            stepping = fresh_like(plain, trained, copies)
        batch = [array.astype(one.dtype) for array, one in zip(arrays, call.batch, strict=True)]
        places = {paths[id(one)]: n for n, one in enumerate(call.variables) if paths.get(id(one)) in copies}
        return _losses(_Task(call, places, batch, targets, call.takes(loss)), copies, stepping, count)


class Backend(Protocol):
    """What a backend does for the steps of training."""

    def differentiate(
        self, call: Call, values: Sequence[Any], chosen: Sequence[int], batch: Sequence[Any], targets: Any, loss: Any
    ) -> tuple[float, list[Any]]:
        """Return the loss of a call, and its gradient with respect to some of the values of its variables.

        Args:
            call: the call.
            values: one for each of its variables.
            chosen: the places of those whose gradients are wanted.
            batch: the arrays of the batch.
            targets: what the loss compares the outputs with, or None.
            loss: the loss, or None for the usual one.
        """


class _Task:
    """What is trained: a call of a model on a batch.

    Attributes:
        call: the call.
        places: where the trained variables stand among those of the call, by their paths.
        batch: the arrays of the batch.
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
    """

    def __init__(self, call: Call, places: Mapping[str, int], batch: Sequence[Any], targets: Any, loss: Any) -> None:
        self.call, self.places, self.batch, self.targets, self.loss = call, places, batch, targets, loss
        module = importlib.import_module(f"glorot.keras.training.on_{keras.config.backend()}")
        self.backend = cast("Backend", module)

    def differentiate(self, copies: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Return the loss with the values of the copies, and its gradients by path."""
        values = [one.value for one in self.call.variables]
        for path, n in self.places.items():
            values[n] = copies[path].value
        value, gradients = self.backend.differentiate(
            self.call, values, [*self.places.values()], self.batch, self.targets, self.loss
        )
        reached = zip(self.places, gradients, strict=True)
        return value, {path: one for path, one in reached if one is not None}


def _losses(task: _Task, copies: Mapping[str, Any], optimizer: Any, count: int) -> list[float]:
    losses: list[float] = []
    for number in range(count + 1):
        value, gradients = task.differentiate(copies)
        losses.append(value)
        if number == count or not math.isfinite(value):
            break
        try:
            with out_of_scopes():
                optimizer.apply([gradients[path] for path in gradients], [copies[path] for path in gradients])
        except Exception as error:
            raise GlorotError(f"step {number + 1} of training failed with {type(error).__name__}: {error}") from error
    return losses
