"""From a Keras model to a graph, by what its backend offers."""

from glorot.keras.graph.lowering import lower

__all__ = ["lower"]
