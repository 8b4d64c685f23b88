"""From a PyTorch model and a batch to its graph."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glorot.errors import GlorotError
from glorot.graph import Forward, Graph
from glorot.inventory import Inventory, Parameter
from glorot.inventory.leaves import add_leaf
from glorot.torch.graph import lower
from glorot.torch.parametrized import Computed, computed_in, stored_in
from glorot.torch.paths import bare, structural
from glorot.torch.preserve import preserved
from glorot.torch.tracing import what_failed


def graph(model: nn.Module, stock: Inventory, inputs: Any = None, forward: Forward | None = None) -> Graph | None:
    """Return what a PyTorch model computes of a batch.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch.
        forward: function (model, batch) that runs the model; by default it is called.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    if inputs is None:
        return None
    model = bare(model)
    computed = computed_in(model)
    tensors = [(path, tensor) for path, tensor in stored_in(model, computed) if not _is_tied(stock.parameter(path))]
    buffers = ((structural(path), buffer) for path, buffer in model.named_buffers())
    tensors += [(path, buffer) for path, buffer in buffers if _is_variance(stock.parameter(path))]

    def leaves(graph: Graph) -> Iterator[tuple[Tensor | Computed, int]]:
        for path, tensor in tensors:
            yield computed.get(path, tensor), add_leaf(graph, stock, path, tensor.shape)

    with preserved(model), torch.no_grad():
        lowered = lower(model, lambda: call(model, inputs), inputs, leaves)
    if isinstance(lowered.error, GlorotError):
        raise lowered.error
    if lowered.error is not None:
        place = f"layer {lowered.layer!r} refused it" if lowered.layer else "its forward pass failed"
        told = f"the batch does not fit the model: {place}: {what_failed(lowered.error)}"
        raise GlorotError(told) from lowered.error
    return lowered.graph


def _is_tied(known: Parameter | None) -> bool:
    return known is not None and known.tied_to is not None


def _is_variance(known: Parameter | None) -> bool:
    return known is not None and known.parts[0].role == "running_variance"


def call(model: nn.Module, inputs: Any) -> Any:
    """Call a model on a batch: a tuple holds positional inputs, a mapping named ones, the rest is one input."""
    tensors = list(model.parameters())
    like = next((tensor for tensor in tensors if tensor.is_floating_point()), (*tensors, torch.zeros(()))[0])
    if isinstance(inputs, Mapping):
        return model(**{name: as_tensor(value, like) for name, value in inputs.items()})
    positional = inputs if isinstance(inputs, tuple) else (inputs,)
    return model(*(as_tensor(value, like) for value in positional))


def as_tensor(value: Any, like: Tensor) -> Any:
    """Return arrays and tensors as tensors on the device of another, and anything else as it is.

    An array of floating-point numbers takes the other's dtype; a tensor keeps its own.
    """
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise GlorotError(f"the batch is an array of dtype {value.dtype}; expected numbers")
        native = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
        value = torch.from_numpy(native)
        value = value.to(like.dtype) if value.is_floating_point() and like.is_floating_point() else value
    if not isinstance(value, Tensor):
        return value
    is_readable = value.is_floating_point() and not value.is_meta and value.layout == torch.strided
    if is_readable and not bool(torch.isfinite(value).all()):
        raise GlorotError(f"the batch of shape {tuple(value.shape)} holds NaN or infinity; clean the data first")
    return value.to(like.device)
