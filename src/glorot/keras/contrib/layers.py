"""The initializers of `tf.contrib.layers`."""

from glorot.keras.tensorflow1 import (
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
)

__all__ = ["variance_scaling_initializer", "xavier_initializer", "xavier_initializer_conv2d"]


def __getattr__(name: str) -> object:
    """Say what is not here, and where it may be."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(
        f"tf.contrib.layers.{name} is not in glorot.keras.contrib, which holds {', '.join(__all__)}; take layers from "
        f"tf.layers or tf.keras.layers, or try tf_slim.{name}"
    )
