"""The Keras adapter, and initializers for Keras and TensorFlow 1.

    import glorot.keras

    keras.layers.Dense(100, kernel_initializer=glorot.keras.XavierUniform(seed=0))

The classes are those of `keras.initializers`, with their arguments and laws; docs/keras-initializers.md lists what
differs, and why. `xavier_initializer` and `variance_scaling_initializer` are those of `tf.contrib.layers`, as which
`contrib` serves old code: `tf.contrib = glorot.keras.contrib`.
"""

from glorot.keras import contrib
from glorot.keras.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
    Zeros,
)
from glorot.keras.tensorflow1 import (
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
)
from glorot.keras.weights import arrays

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "arrays",
    "contrib",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
