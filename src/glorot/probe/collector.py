"""One forward and backward pass of a real batch, and the figures of every layer."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from glorot.activations import activation
from glorot.adapters import adapter_for
from glorot.errors import GlorotError
from glorot.probe.signal import Array, LayerSignal, Mask, Signal, describe, share_at, where_flat


class Collector:
    """Takes the arrays that an adapter shows it and keeps their figures alone."""

    def __init__(self) -> None:
        self.layers: dict[str, LayerSignal] = {}
        self.flat: dict[str, Mask] = {}
        self.input_second_moments: tuple[float, ...] = ()

    def input(self, value: Array) -> None:
        """See the batch that enters the first layer, (examples, …)."""
        flat = value.reshape(len(value), -1).astype(np.float64)
        self.input_second_moments = tuple(np.mean(flat**2, axis=1).tolist())

    def layer(self, path: str, activation_name: str, before: Array, after: Array) -> None:
        """See a layer before and after its activation, (examples, positions, units)."""
        phi = activation(activation_name)
        self.flat[path] = where_flat(phi, before)
        self.layers[path] = describe(path, phi, before, after, self.flat[path])

    def gradient(self, path: str, gradient: Array) -> None:
        """See the gradient that reaches a layer's output, before its activation."""
        exact = gradient.astype(np.float64)
        self.layers[path] = replace(
            self.layers[path],
            gradient_std=float(exact.std()),
            saturated_gradient=share_at(self.flat[path], exact),
        )

    def weight_gradient(self, path: str, std: float) -> None:
        """See the standard deviation of the gradient of a layer's weights."""
        self.layers[path] = replace(self.layers[path], weight_gradient_std=std)


def measure(model: object, inputs: Any, targets: Any = None, loss: Any = None) -> Signal:
    """Measure signal and gradient in every layer, and leave the model as it was.

    One forward and one backward pass; of each layer only figures are kept.

    Args:
        model: the model.
        inputs: a batch: an array or tensor, a tuple of positional inputs or a dict of named ones.
        targets: class numbers or values; without them the gradient starts from random numbers of
            standard deviation 1 at the output.
        loss: function (what the model returns, targets) → scalar; cross-entropy for class numbers and mean squared
            error for values by default.

    Returns:
        The signal.

    Raises:
        GlorotError: if the batch does not fit the model, or holds NaN or infinity.

    Example:
        >>> import glorot, torch
        >>> from glorot import probe
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> signal = probe.measure(glorot.initialize(model, "constant(0.1)", seed=0), torch.ones(8, 64))
        >>> signal["0"].units, signal["0"].distinct
        (64, 1)

    References:
        Glorot & Bengio (2010), sections 3 and 4.
    """
    collector = Collector()
    adapter = adapter_for(model)
    if not hasattr(adapter, "observe"):
        raise GlorotError(f"signals are measured in a torch.nn.Module so far, got a {type(model).__name__}")
    value, chain, order = adapter.observe(model, inputs, targets, loss, collector)
    layers = tuple(collector.layers[path] for path in order if path in collector.layers)
    return Signal(layers, value if value is not None else math.nan, collector.input_second_moments, chain)
