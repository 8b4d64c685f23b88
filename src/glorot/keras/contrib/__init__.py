"""What TensorFlow 1 tutorials take from `tf.contrib` to start weights, on today's TensorFlow.

    import tensorflow.compat.v1 as tf
    tf.disable_v2_behavior()
    import glorot.keras
    tf.contrib = glorot.keras.contrib

After these lines `tf.contrib.layers.xavier_initializer()` runs again, in graphs and sessions. The rest of `tf.contrib`
has gone with TensorFlow 1.
"""

from glorot.keras.contrib import layers

__all__ = ["layers"]


def __getattr__(name: str) -> object:
    """Say what is not here, and where it may be."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(
        f"tf.contrib.{name} is not in glorot.keras.contrib, which holds what starts weights: "
        f"layers.{', layers.'.join(layers.__all__)}; for others see the package tf_slim or tensorflow.compat.v1"
    )
