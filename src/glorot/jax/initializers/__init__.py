"""Drop-in for `jax.nn.initializers`: the same functions, on glorot's stream.

    from glorot.jax import initializers  # instead of: from jax.nn import initializers

Names, arguments, defaults and laws are JAX's; docs/jax-initializers.md lists what differs, and why.
"""

from jax.nn.initializers import Initializer

from glorot.jax.initializers.constants import constant, ones, zeros
from glorot.jax.initializers.elementwise import normal, truncated_normal, uniform
from glorot.jax.initializers.matrices import delta_orthogonal, orthogonal
from glorot.jax.initializers.named import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)
from glorot.jax.initializers.variance import variance_scaling

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
