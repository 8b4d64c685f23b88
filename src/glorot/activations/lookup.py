"""From a name, a call or a function to an activation."""

import functools

from glorot.activations.base import ACTIVATIONS, Activation, Function
from glorot.activations.numeric import from_function
from glorot.errors import GlorotError


def activation(spec: "str | Activation | Function") -> Activation:
    """Return the activation that a text, an `Activation` or a function on NumPy arrays stands for.

    The kinks and the slope of a function are found numerically.

    Args:
        spec: a name or a call such as "elu(alpha=0.5)"; or any function that maps a float array to
            real numbers of the same shape, element by element.

    Raises:
        GlorotError: if the name or its parameters are unknown, or the function is not such a map.

    Example:
        >>> import numpy as np
        >>> activation("swish").name, activation("leaky_relu(0.2)").name
        ('silu', 'leaky_relu(negative_slope=0.2)')
        >>> activation(lambda z: np.maximum(z, 0)).gain.__round__(6)  # He's √2, from the function alone
        1.414214
    """
    if isinstance(spec, Activation):
        return spec
    if isinstance(spec, str):
        return _named(spec)
    if callable(spec):
        return from_function(spec)
    raise GlorotError(f"an activation is a name, an Activation or a function on arrays, got {spec!r}")


@functools.lru_cache(maxsize=256)
def _named(spec: str) -> Activation:
    """Return the activation of a text, once: what it has integrated is kept with it."""
    return ACTIVATIONS.make(spec)
