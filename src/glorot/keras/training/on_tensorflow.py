"""The gradient of a Keras model on TensorFlow."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from glorot.keras.graph.calls import Call
from glorot.keras.observing.on_tensorflow import loss_of


def differentiate(
    call: Call, values: Sequence[Any], chosen: Sequence[int], batch: Sequence[Any], targets: Any, loss: Any
) -> tuple[float, list[Any]]:
    """Return the loss of a call, and its gradient with respect to chosen variables; as `Backend` says."""
    held = [tf.convert_to_tensor(one) for one in values]
    with tf.GradientTape() as tape:
        tape.watch([held[n] for n in chosen])
        found = call.run(held, list(map(tf.constant, batch)))
        value = loss_of(found, targets, loss)
    gradients = tape.gradient(value, [held[n] for n in chosen])
    return float(value), [None if one is None else tf.convert_to_tensor(one) for one in gradients]
