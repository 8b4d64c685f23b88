"""From what a PyTorch model runs to a graph."""

from glorot.torch.graph.lowering import Lowered, lower

__all__ = ["Lowered", "lower"]
