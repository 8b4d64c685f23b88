"""The JAX adapter: the numbers of the stream, drawn under `jit` and on any sharding."""

from glorot.jax.drawing import draw

__all__ = ["draw"]
