"""The adapter of JAX, as `glorot.adapters` asks for it."""

from typing import Any

from glorot.jax.jacobians import jacobians
from glorot.jax.model import arrays, graph, layers, matches, write
from glorot.jax.observing import observe

__all__ = ["arrays", "graph", "jacobians", "layers", "matches", "observe", "open", "write"]


def open(model: Any, inputs: Any = None) -> Any:  # noqa: A001 - as in every adapter
    """Return the model itself."""
    return model
