"""The adapter of JAX, as `glorot.adapters` asks for it."""

from typing import Any

from glorot.jax.holding import held, summed_over_processes
from glorot.jax.jacobians import jacobians
from glorot.jax.model import arrays, buffers, graph, layers, matches, modules, write
from glorot.jax.observing import observe
from glorot.jax.training import train

__all__ = [
    "arrays", "buffers", "graph", "held", "jacobians", "layers", "matches", "modules", "observe", "open",
    "summed_over_processes", "train", "write",
]  # fmt: skip


def open(model: Any, inputs: Any = None) -> Any:  # noqa: A001 - as in every adapter
    """Return the model itself."""
    return model
