"""Calling a PyTorch model on a batch, whatever the batch is made of."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glorot.errors import GlorotError


def call(model: nn.Module, inputs: Any) -> Any:
    """Call a model on a batch: a tuple holds positional inputs, a mapping named ones, the rest is one input."""
    args, kwargs = arguments_of(inputs, likeness(model.parameters()))
    return model(*args, **kwargs)


def arguments_of(inputs: Any, like: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call on a batch, as tensors on the device of another."""
    if isinstance(inputs, Mapping):
        return (), {name: as_tensor(value, like) for name, value in inputs.items()}
    positional = inputs if isinstance(inputs, tuple) else (inputs,)
    return tuple(as_tensor(value, like) for value in positional), {}


def likeness(tensors: Iterable[Tensor]) -> Tensor:
    """Return the first floating-point tensor, whose device and dtype a batch takes; any other if there is none."""
    found = list(tensors)
    return next((tensor for tensor in found if tensor.is_floating_point()), (*found, torch.zeros(()))[0])


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


USUAL = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError)


def what_failed(error: Exception) -> str:
    """Return the text of an error, with its type where the text alone would not be understood."""
    return f"{error}" if isinstance(error, USUAL) and str(error) else f"{type(error).__name__}: {error}".rstrip(": ")
