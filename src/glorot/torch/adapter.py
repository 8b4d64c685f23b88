"""The adapter of PyTorch, as `glorot.adapters` asks for it."""

from typing import Any

from torch import nn

from glorot.torch.model import layers
from glorot.torch.observing import observe
from glorot.torch.seeing import graph
from glorot.torch.weights import arrays, write

__all__ = ["arrays", "graph", "layers", "matches", "observe", "open", "write"]


def matches(model: object) -> bool:
    """Tell whether a model is a `torch.nn.Module`."""
    return isinstance(model, nn.Module)


def open(model: Any, inputs: Any = None) -> Any:  # noqa: A001 - as in every adapter
    """Return the model itself."""
    return model
