"""Functions of one number, followed step by step: what the primitives of JAX do to the values at some points."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.activations import ACTIVATIONS

Curve = NDArray[Any]

_erf, _sigmoid = (ACTIVATIONS.factory(name)().function for name in ("erf", "sigmoid"))

STEPS: dict[str, Callable[..., Any]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "max": np.maximum, "min": np.minimum, "abs": np.abs, "sign": np.sign, "pow": np.power, "square": np.square,
    "sqrt": np.sqrt, "rsqrt": lambda z: 1 / np.sqrt(z), "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "logistic": _sigmoid, "erf": _erf,
    "erfc": lambda z: 1 - _erf(z), "gt": np.greater, "ge": np.greater_equal, "lt": np.less, "le": np.less_equal,
    "eq": np.equal, "ne": np.not_equal, "not": np.logical_not, "and": np.logical_and, "or": np.logical_or,
    "clamp": lambda low, z, high: np.clip(z, low, high),
    "select_n": lambda which, no, yes: np.where(which, yes, no),
}  # fmt: skip
"""What the elementwise primitives compute."""


def stepped(name: str, params: dict[str, Any], operands: Sequence[Curve | float]) -> Curve | None:
    """Return the values of an elementwise primitive, or None if it is none."""
    with np.errstate(all="ignore"):
        if name == "integer_pow":
            return np.asarray(operands[0] ** params["y"])
        step = STEPS.get(name)
        return None if step is None or (name == "select_n" and len(operands) != 3) else np.asarray(step(*operands))
