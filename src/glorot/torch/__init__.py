"""The PyTorch adapter: what a model has, writing its weights, watching its signal."""

from torch import nn

from glorot.torch import init
from glorot.torch.deferring import deferred
from glorot.torch.model import inventory
from glorot.torch.observing import observe
from glorot.torch.weights import arrays, write

__all__ = ["arrays", "deferred", "init", "inventory", "matches", "observe", "write"]


def matches(model: object) -> bool:
    """Tell whether a model belongs to this adapter."""
    return isinstance(model, nn.Module)
