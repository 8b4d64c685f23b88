"""JAX: the adapter of its models, drop-in initialisers, and the stream under `jit` and on any sharding."""

from glorot.jax import initializers
from glorot.jax.drawing import draw
from glorot.jax.model import arrays

__all__ = ["arrays", "draw", "initializers"]
