"""Keras initializers on glorot's stream, for every backend of Keras and for TensorFlow 1's `get_variable`."""

from glorot.keras.initializers.constants import Constant, Identity, Ones, Zeros
from glorot.keras.initializers.fixed import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from glorot.keras.initializers.named import (
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    XavierNormal,
    XavierUniform,
)
from glorot.keras.initializers.variance import VarianceScaling

GlorotNormal, GlorotUniform = XavierNormal, XavierUniform

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
]
