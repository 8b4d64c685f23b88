"""What a Keras model that is not run would probably show: its layers in the order in which they were assigned."""

from collections.abc import Collection, Iterator
from typing import Any

from glorot.inventory import registration
from glorot.inventory.registration import NORM, Break, Function, Layer, Trace
from glorot.keras.layers import activation_of, is_norm, state_activation
from glorot.keras.paths import kinds, layers_of

ACTIVATIONS = "keras.src.layers.activations"
"""Where Keras keeps the layers that compute a function of each element and nothing else."""

CELLS = {"SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTMCell"}
SLOPE = "leaky_relu(negative_slope=0.25)"
"""What a PReLU is at the start."""


def in_order(model: Any, weighted: Collection[int]) -> Trace:
    """Guess what a forward pass would show.

    Args:
        model: the model.
        weighted: the ids of the layers that have kernels or tables.
    """
    return registration.in_order(_found(model, weighted))


def _found(model: Any, weighted: Collection[int]) -> Iterator[Layer | Function | Break]:
    every = layers_of(model)
    backward = {id(layer.backward_layer) for _, layer in every if "Bidirectional" in kinds(layer)}
    for path, layer in every:
        kind = set(kinds(layer))
        if id(layer) in backward:  # which reads what the forward layer reads
            yield Break()
        if id(layer) in weighted:
            is_cell = bool(CELLS & kind)
            yield Layer(path, state_activation(layer) if is_cell else "identity")
            own = None if is_cell else activation_of(getattr(layer, "activation", None))
            yield from () if own is None else (Function(own),)
        elif is_norm(layer):
            yield NORM
        elif "PReLU" in kind:
            yield Function(SLOPE)
        elif type(layer).__module__.startswith(ACTIVATIONS):
            own = activation_of(layer.call)  # past __call__, which would build it
            yield from (Function(own),) if own not in (None, "identity") else ()
