"""Watching signal and gradient in a PyTorch model on one batch."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from glorot import stream
from glorot.distributions import Normal
from glorot.errors import GlorotError
from glorot.torch.calling import as_tensor, call
from glorot.torch.layers import parts_of
from glorot.torch.model import weight_layers, weights_of
from glorot.torch.paths import bare
from glorot.torch.preserve import preserved
from glorot.torch.tracing import follow, what_failed


class Collector(Protocol):
    """Receives each layer's arrays, (examples, positions, units)."""

    def input(self, value: NDArray[np.floating]) -> None:
        """See the batch that enters the first layer."""

    def layer(self, path: str, activation_name: str, before: NDArray[np.floating], after: NDArray[np.floating]) -> None:
        """See a layer before and after its activation."""

    def gradient(self, path: str, gradient: NDArray[np.floating]) -> None:
        """See the gradient of the loss with respect to what a layer puts out, before its activation."""

    def weight_gradient(self, path: str, std: float) -> None:
        """See the standard deviation of the gradient of a layer's weights."""


class _Watcher:
    """Shows a collector every layer once: behind its activation if one follows, else as it leaves."""

    def __init__(self, modules: dict[str, nn.Module], collector: Collector) -> None:
        self.modules = modules
        self.collector = collector
        self.seen: set[str] = set()
        self.waiting: tuple[str, Tensor] | None = None
        self.gradients: dict[str, NDArray[np.floating]] = {}

    def entered(self, layer: str, value: Tensor) -> None:
        if not self.seen and self.waiting is None and value.is_floating_point():
            self.collector.input(value.detach().float().cpu().numpy())

    def left(self, layer: str, value: Tensor) -> None:
        self.flush()
        self.waiting = (layer, value.detach().clone())  # something in place may follow
        if value.requires_grad:
            value.register_hook(self._gradient_hook(layer))

    def activated(self, layer: str, activation: str, before: Tensor, after: Tensor) -> None:
        if self.waiting is not None and self.waiting[0] == layer:
            self.waiting = None
        self._show(layer, activation, before, after)

    def flush(self) -> None:
        """Show the layer that left last, if no activation followed it."""
        if self.waiting is not None and self.waiting[0] not in self.seen:
            layer, value = self.waiting
            self._show(layer, "identity", value, value)
        self.waiting = None

    def _show(self, layer: str, activation: str, before: Tensor, after: Tensor) -> None:
        self.seen.add(layer)
        module = self.modules[layer]
        self.collector.layer(layer, activation, _units_last(before, module), _units_last(after, module))

    def _gradient_hook(self, layer: str) -> Callable[[Tensor], None]:
        def hook(gradient: Tensor) -> None:
            self.gradients[layer] = _units_last(gradient, self.modules[layer])

        return hook


def observe(
    model: nn.Module, inputs: Any, targets: Any, loss: Any, collector: Collector
) -> tuple[float | None, bool, list[str]]:
    """Run a batch forward and backward, and show a collector every layer.

    Args:
        model: the model; it is left as it was found.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar, or None for the usual one.
        collector: receives each layer's arrays.

    Returns:
        The loss (None without targets), whether the layers form a chain, and their order.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    model = bare(model)
    with preserved(model), torch.enable_grad():
        layers = weight_layers(model)
        watcher = _Watcher(dict(layers), collector)
        trace, outputs = follow(model, lambda: call(model, inputs), layers, watcher)
        watcher.flush()
        value = _loss(outputs, targets, loss)
        if value.requires_grad:
            for path, gradient in _weight_gradients(value, model, layers):
                if path in watcher.seen:
                    collector.weight_gradient(path, gradient)
        number = value.item() if targets is not None else None
    for path, reached in watcher.gradients.items():
        collector.gradient(path, reached)
    return number, trace.is_chain, trace.order


def _loss(outputs: Any, targets: Any, loss: Any) -> Tensor:
    try:
        return loss_of(outputs, targets, loss)
    except GlorotError:
        raise
    except Exception as error:
        raise GlorotError(f"the loss failed with {type(error).__name__}: {error}") from error


def _weight_gradients(loss: Tensor, model: nn.Module, layers: list[tuple[str, nn.Module]]) -> list[tuple[str, float]]:
    """Go backward, and return (path, standard deviation over all its weights) of the layers with a gradient."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        found = torch.autograd.grad(loss, trained, allow_unused=True) if trained else ()
    except Exception as error:
        raise GlorotError(f"the backward pass of the model failed: {what_failed(error)}") from error
    gradients = {id(parameter): gradient for parameter, gradient in zip(trained, found, strict=True)}
    pooled = []
    for path, module in layers:
        own = [gradients.get(id(weight)) for weight in weights_of(module)]
        parts = [gradient.float().flatten() for gradient in own if gradient is not None]
        if parts:
            pooled.append((path, torch.cat(parts).std(correction=0).item()))
    return pooled


def main_output(outputs: Any) -> Tensor:
    """Return the tensor that a loss is taken of: the logits of a model output, or the first tensor."""
    candidate = getattr(outputs, "logits", outputs)
    if isinstance(candidate, dict):
        candidate = next(iter(candidate.values()))
    while isinstance(candidate, tuple | list) and candidate:
        candidate = candidate[0]
    if not isinstance(candidate, Tensor):
        raise GlorotError(f"expected the model to return a tensor, got {type(outputs).__name__}")
    return candidate


def loss_of(returned: Any, targets: Any, loss: Any) -> Tensor:
    """Return the loss of what a model returned: the given one, cross-entropy for classes, mean square for values.

    A loss that is given sees what the model returned, the usual ones its main output. Without targets it is the
    product with fixed random numbers, whose gradient has standard deviation 1.
    """
    outputs = main_output(returned)
    if targets is None:
        law, key = Normal(), stream.key_of(0, "glorot.probe")
        start = torch.from_numpy(stream.draw(key, law, tuple(outputs.shape)))
        return (outputs * start.to(outputs)).sum()
    goal = as_tensor(targets, outputs)
    try:
        value = _usual_loss(outputs, goal) if loss is None else loss(returned, goal)
    except (RuntimeError, IndexError, ValueError) as error:
        given = f"outputs of shape {tuple(outputs.shape)}" if returned is outputs else f"a {type(returned).__name__}"
        raise GlorotError(f"targets of shape {tuple(goal.shape)} do not fit {given}: {error}") from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise GlorotError(f"loss must return one number as a tensor, got {found}; take its mean")
    return value


def _usual_loss(outputs: Tensor, goal: Tensor) -> Tensor:
    if not goal.is_floating_point():
        if goal.shape == outputs.shape[:-1]:  # one class for each position, as of a language model
            outputs, goal = outputs.reshape(-1, outputs.shape[-1]), goal.reshape(-1)
        return functional.cross_entropy(outputs, goal.long())
    if goal.shape != outputs.shape:  # PyTorch would broadcast one against the other
        raise ValueError("values are compared one by one, so the two shapes must be equal")
    return functional.mse_loss(outputs, goal)


def _units_last(value: Tensor, module: nn.Module) -> NDArray[np.floating]:
    tensor = value.detach().float()
    if tensor.dim() > 2 and _convolves(module):  # its units are channels, which come second
        tensor = tensor.movedim(1, -1)
    return tensor.reshape(len(tensor), -1, tensor.shape[-1]).cpu().numpy()


def _convolves(module: nn.Module) -> bool:
    return any("k" in part.axes for parts in parts_of(module).values() for part in parts)
