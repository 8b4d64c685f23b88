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
    """Return the loss of a call, and its gradient with respect to chosen variables; as `Backend` says."""

    def loss_of(given: Sequence[Any]) -> Any:
        held = dict(zip(chosen, given, strict=True))
        found = call.run([held.get(n, value) for n, value in enumerate(values)], list(map(jnp.asarray, batch)))
        returned = found[0] if len(found) == 1 else tuple(found)
        leaves, structure = jax.tree_util.tree_flatten(returned)
        return Goal(targets, loss, structure).of(leaves)

    with refusals():
        value, gradients = jax.value_and_grad(loss_of)([values[n] for n in chosen])
    return float(value), list(gradients)
