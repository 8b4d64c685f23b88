"""Calling a PyTorch model on a batch, whatever the batch is made of."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glorot.errors import GlorotError
from glorot.given import leaves_of, not_finite
from glorot.torch.paths import structural


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


def as_tensor(value: Any, like: Tensor, what: str = "the batch") -> Any:
    """Return arrays and tensors as tensors on the device of another, and anything else as it is.

    An array of floating-point numbers takes the other's dtype; a tensor keeps its own.

    Raises:
        GlorotError: if it holds something else than numbers, or on meta nothing.
    """
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise GlorotError(f"the batch is an array of dtype {value.dtype}; expected numbers")
        native = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
        value = torch.from_numpy(native)
        value = value.to(like.dtype) if value.is_floating_point() and like.is_floating_point() else value
    if not isinstance(value, Tensor):
        return value
    if value.is_meta and not like.is_meta:
        lies = "lie" if what.endswith("s") else "lies"
        raise GlorotError(
            f"{what} of shape {tuple(value.shape)} {lies} on meta and holds no values, and the model lies on "
            f"{like.device}; pass values, or a model on meta"
        )
    is_readable = value.is_floating_point() and not value.is_meta and value.layout == torch.strided
    if is_readable and not bool(torch.isfinite(value).all()):
        raise not_finite(value.shape, what)
    return value.to(like.device)


USUAL = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError)


def what_failed(error: Exception) -> str:
    """Return the text of an error, with its type where the text alone would not be understood."""
    return f"{error}" if isinstance(error, USUAL) and str(error) else f"{type(error).__name__}: {error}".rstrip(": ")


SPEAKS_OF_TYPES = re.compile(r"(dtype|scalar type|Input type|not implemented for|Expected tensor for argument)")


def refused_batch(model: nn.Module, inputs: Any, layer: str, error: Exception, more: str = "") -> GlorotError:
    """Return the refusal of a batch that a model fails on.

    Args:
        model: the model.
        inputs: the batch.
        layer: the path of the layer that failed; "" where that is not known.
        error: what it raised.
        more: what is added.
    """
    place = f"layer {layer!r} refused it" if layer else "its forward pass failed"
    why = _unlike(model, inputs, layer) if SPEAKS_OF_TYPES.search(str(error)) else ""
    why = why or f"{what_failed(error)}{_widths(model, layer, error)}"
    return GlorotError(f"the batch does not fit the model: {place}: {why}{more}")


def _widths(model: nn.Module, layer: str, error: Exception) -> str:
    """Say in which axis the input of a linear layer has another size than the layer takes; "" for anything else."""
    sizes = re.search(r"\(\d+x(\d+) and (\d+)x\d+\)", str(error))
    own = next((child for path, child in model.named_modules() if structural(path) == layer), None)
    if sizes is None or not isinstance(own, nn.Linear) or own.in_features != int(sizes[2]):
        return ""
    return f"; the last axis of what it reads must have {sizes[2]} elements, and has {sizes[1]}"


def _unlike(model: nn.Module, inputs: Any, layer: str) -> str:
    """Say that a batch has another dtype than a layer takes; "" where it does not look so."""
    held = [leaf for leaf in leaves_of(inputs) if isinstance(leaf, Tensor | np.ndarray)]
    batch = {torch.as_tensor(leaf[:0] if leaf.ndim else leaf).dtype for leaf in held}
    own = next((child for path, child in model.named_modules() if structural(path) == layer), model)
    takes = {one.dtype for one in own.parameters(recurse=False)} or {one.dtype for one in model.parameters()}
    if len(batch) != 1 or len(takes) != 1 or not takes & {torch.float64, torch.float32, torch.float16, torch.bfloat16}:
        return ""
    (given,), (wanted,) = batch, takes
    if isinstance(own, nn.Embedding | nn.EmbeddingBag):
        text = f"the batch holds values ({_short(given)}), and the layer takes whole numbers; convert it, as by .long()"
        return text if given.is_floating_point else ""
    what = "values" if given.is_floating_point else "whole numbers"
    text = f"the batch holds {what} ({_short(given)}), and the layer takes {_short(wanted)}; convert it, as by "
    return "" if given == wanted else f"{text}.to(torch.{_short(wanted)})"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
