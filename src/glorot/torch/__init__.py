"""PyTorch: drop-ins for `torch.nn.init`, models without memory, and the adapter."""

from glorot.torch import init
from glorot.torch.deferring import deferred
from glorot.torch.weights import arrays

__all__ = ["arrays", "deferred", "init"]
