"""The gradient of a Keras model on JAX."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from glorot.jax.models.running import refusals
from glorot.jax.observing import Goal
from glorot.keras.graph.calls import Call


def differentiate(
    call: Call, values: Sequence[Any], chosen: Sequence[int], batch: Sequence[Any], targets: Any, loss: Any
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

    def loss_of(given: Sequence[Any]) -> Any:
        held = dict(zip(chosen, given, strict=True))
        found = call.run([held.get(n, value) for n, value in enumerate(values)], list(map(jnp.asarray, batch)))
        returned = found[0] if len(found) == 1 else tuple(found)
        leaves, structure = jax.tree_util.tree_flatten(returned)
        return Goal(targets, loss, structure).of(leaves)

    with refusals():
        value, gradients = jax.value_and_grad(loss_of)([values[n] for n in chosen])
    return float(value), list(gradients)
