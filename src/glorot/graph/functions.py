"""The elementwise functions that a graph names, on NumPy arrays."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.activations import activation
from glorot.activations.functions import erf_of

Array = NDArray[Any]

FUNCTIONS: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "square": np.square,
    "pow": np.power,
    "sqrt": np.sqrt,
    "rsqrt": lambda z: 1 / np.sqrt(z),
    "cbrt": np.cbrt,
    "reciprocal": lambda z: 1 / z,
    "exp": np.exp,
    "exp2": np.exp2,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "cos": np.cos,
    "tan": np.tan,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "erfc": lambda z: 1 - erf_of(z),
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "clip": np.clip,
    "where": np.where,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
    "not": np.logical_not,
    "leaky": lambda z, slope: np.where(z > 0, z, slope * z),
}
"""Functions of one element or several. Activations that libraries call by a name stand in their own catalogue."""


@functools.cache
def function(name: str) -> Callable[..., Array]:
    """Return the function of a name: one of this table, or an activation as in "leaky_relu(0.2)"."""
    return FUNCTIONS[name] if name in FUNCTIONS else activation(name).function
