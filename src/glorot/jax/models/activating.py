"""Which activation of the catalogue a function of JAX is."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from glorot.activations.values import POINTS, named


def activation_of(function: Callable[..., Any]) -> str | None:
    """Return the name of the activation that a function computes, if it computes one.

    Example:
        >>> activation_of(jax.nn.gelu), activation_of(lambda x: jnp.maximum(x, 0)), activation_of(jnp.cumsum)
        ('gelu_tanh', 'relu', None)
    """
    try:
        with jax.ensure_compile_time_eval():
            return named(np.asarray(function(jnp.asarray(POINTS, jnp.float32)), np.float64))
    except Exception:  # whatever the function is, it is no activation
        return None
