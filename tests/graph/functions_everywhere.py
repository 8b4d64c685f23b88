"""Functions between two layers, each written once, with the moments that are right for it.

What is right is integrated or counted here, on a fine grid and by hand; nothing of glorot's own moments is asked.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Squares = tuple[float, float]

WIDTH = 16
GRID = np.linspace(-12, 12, 480_001) + 1e-7  # off every kink
WEIGHT = np.exp(-GRID * GRID / 2) / math.sqrt(2 * math.pi) * (GRID[1] - GRID[0])
C = math.sqrt(2 / math.pi)


class Row(NamedTuple):
    """A function between two layers.

    Attributes:
        written: the function, of (operations, a signal of WIDTH · widen features).
        right: E φ² and E φ′² of what it makes of a normal signal of variance 1.
        fed_by: how a plan names it; None where the name does not matter.
        widen: how many times WIDTH features it takes.
        within: how far, relative to 1, its std may be off.
    """

    written: Callable[[Any, Any], Any]
    right: Squares
    fed_by: str | None = None
    widen: int = 1
    within: float = 2e-3


def of_gauss(values: Array) -> float:
    """Return the mean of values on the grid under N(0, 1)."""
    return float((values * WEIGHT).sum())


def squares(phi: Callable[[Array], Any]) -> Squares:
    """Return E φ² and E φ′², integrated; a jump counts as no slope."""
    values = np.broadcast_to(phi(GRID), GRID.shape)
    slope = (np.broadcast_to(phi(GRID + 1e-6), GRID.shape) - np.broadcast_to(phi(GRID - 1e-6), GRID.shape)) / 2e-6
    return of_gauss(values**2), of_gauss(np.where(abs(slope) > 1e4, 0, slope) ** 2)


def gated(gate: Callable[[Array], Any]) -> Squares:
    """Return the squares of gate(a)·b for independent a and b: the gradient enters by a or by b, on average by half."""
    value, slope = squares(gate)
    return value, (value + slope) / 2


def sigmoid(z: Array) -> Any:
    return 1 / (1 + np.exp(-z))


def relu(z: Array) -> Any:
    return np.maximum(z, 0)


def softplus(z: Array) -> Any:
    return np.logaddexp(0, z)


def silu(z: Array) -> Any:
    return z * sigmoid(z)


def elu(z: Array) -> Any:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def gelu_tanh(z: Array) -> Any:
    return 0.5 * z * (1 + np.tanh(C * (z + 0.044715 * z**3)))


def halves(z: Any) -> tuple[Any, Any]:
    """Cut a signal in two."""
    return z[..., :WIDTH], z[..., WIDTH:]


def gate_and_up(o: Any, z: Any, gate: Callable[[Any], Any]) -> Any:
    """Multiply one half by a function of the other."""
    first, second = halves(z)
    return gate(first) * second


BY_VALUE = {  # a function is told by its values, however it is spelled
    "celu": Row(lambda o, z: o.celu(z), squares(elu), "elu"),
    "elu_by_where": Row(lambda o, z: o.where(z > 0, z, o.expm1(o.minimum(z, 0.0 * z))), squares(elu), "elu"),
    "gelu_by_tanh": Row(
        lambda o, z: 0.5 * z * (1 + o.tanh(C * (z + 0.044715 * z * z * z))), squares(gelu_tanh), "gelu_tanh"
    ),
    "hard_swish": Row(
        lambda o, z: z * o.relu6(z + 3) / 6, squares(lambda z: z * np.clip(z + 3, 0, 6) / 6), "hardswish"
    ),
    "where_relu": Row(lambda o, z: o.where(z > 0, z, 0.0), squares(relu), "relu"),
    "where_leaky": Row(
        lambda o, z: o.where(z > 0, z, 0.1 * z),
        squares(lambda z: np.where(z > 0, z, 0.1 * z)),
        "leaky_relu(negative_slope=0.1)",
    ),
    "mish": Row(lambda o, z: z * o.tanh(o.softplus(z)), squares(lambda z: z * np.tanh(softplus(z))), "mish"),
    "relu_by_abs": Row(lambda o, z: (o.abs(z) + z) / 2, squares(relu), "relu"),
    "relu_by_maximum": Row(lambda o, z: o.maximum(z, 0.0 * z), squares(relu), "relu"),
    "relu_squared": Row(lambda o, z: o.relu(z) ** 2, squares(lambda z: relu(z) ** 2), "relu_squared"),
    "relu_times_relu": Row(lambda o, z: o.relu(z) * o.relu(z), squares(lambda z: relu(z) ** 2), "relu_squared"),
    "silu_by_sigmoid": Row(lambda o, z: z * o.sigmoid(z), squares(silu), "silu"),
    "silu_by_exp": Row(lambda o, z: z / (1 + o.exp(-z)), squares(silu), "silu"),
    "tanh_by_exp": Row(lambda o, z: 1 - 2 / (o.exp(2 * z) + 1), squares(np.tanh), "tanh"),
    "softplus_beta_5": Row(lambda o, z: o.softplus(5 * z) / 5, squares(lambda z: softplus(5 * z) / 5)),
    "threshold": Row(lambda o, z: o.where(z > 0.5, z, 0.0), squares(lambda z: np.where(z > 0.5, z, 0))),
    "hardshrink": Row(lambda o, z: o.where(o.abs(z) > 1, z, 0.0), squares(lambda z: np.where(abs(z) > 1, z, 0))),
    "quick_gelu": Row(lambda o, z: z * o.sigmoid(1.702 * z), squares(lambda z: z * sigmoid(1.702 * z))),
    "gelu": Row(lambda o, z: o.gelu(z), squares(lambda z: z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2)),
    "no_function": Row(lambda o, z: z, (1.0, 1.0), "identity"),
}

FACTORS = {  # factors, shifts and frequencies count
    "tanh_of_half": Row(lambda o, z: o.tanh(z / 2), squares(lambda z: np.tanh(z / 2))),
    "half_relu": Row(lambda o, z: 0.5 * o.relu(z), squares(lambda z: relu(z) / 2), "0.5·relu"),
    "twice_relu": Row(lambda o, z: 2 * o.relu(z), squares(lambda z: 2 * relu(z)), "2·relu"),
    "twice": Row(lambda o, z: z * 2, (4.0, 4.0), "2·identity"),
    "relu_of_x_minus_1": Row(lambda o, z: o.relu(z - 1.0), squares(lambda z: relu(z - 1))),
    "tanh_plus_one": Row(lambda o, z: o.tanh(z) + 1, squares(lambda z: np.tanh(z) + 1)),
    "sine": Row(lambda o, z: o.sin(z), squares(np.sin), "sin"),
    "sine_of_30": Row(lambda o, z: o.sin(30.0 * z), squares(lambda z: np.sin(30 * z)), within=1e-2),
    "cosine_of_3": Row(lambda o, z: o.cos(3.0 * z), squares(lambda z: np.cos(3 * z))),
    "residual_in_one": Row(lambda o, z: z + o.relu(z), squares(lambda z: z + relu(z))),
}

GATES = {
    "glu": Row(lambda o, z: o.glu(z), gated(sigmoid), widen=2),
    "glu_by_hand": Row(lambda o, z: halves(z)[0] * o.sigmoid(halves(z)[1]), gated(sigmoid), widen=2),
    "swiglu": Row(lambda o, z: gate_and_up(o, z, o.silu), gated(silu), "silu × identity", widen=2),
    "reglu": Row(lambda o, z: gate_and_up(o, z, o.relu), gated(relu), "relu × identity", widen=2),
    "bilinear": Row(lambda o, z: halves(z)[0] * halves(z)[1], (1.0, 1.0), "identity × identity", widen=2),
}


def centred(o: Any, z: Any) -> Any:
    """Take away the mean."""
    return z - o.mean(z, -1, True)


def variance_by_squares(o: Any, z: Any) -> Any:
    """Return E x² − (E x)²."""
    return o.mean(o.square(z), -1, True) - o.square(o.mean(z, -1, True))


def by_shares(o: Any, z: Any) -> Any:
    """Return a softmax written by hand, with the largest taken away first."""
    made = o.exp(z - o.max(z, -1))
    return made / o.sum(made, -1, True)


NORMS = {  # after a norm the signal is normal again, whatever came before it
    "rms": Row(lambda o, z: z * o.rsqrt(o.mean(o.square(z), -1, True) + 1e-6), (1.0, 1.0)),
    "rms_by_sqrt": Row(lambda o, z: z / o.sqrt(o.mean(z * z, -1, True) + 1e-6), (1.0, 1.0)),
    "standardized": Row(
        lambda o, z: centred(o, z) / o.sqrt(o.mean(o.square(centred(o, z)), -1, True) + 1e-5), (1.0, 1.0)
    ),
    "variance_by_squares": Row(lambda o, z: centred(o, z) / o.sqrt(variance_by_squares(o, z) + 1e-5), (1.0, 1.0)),
    "relu_after_norm": Row(
        lambda o, z: o.relu(z * o.rsqrt(o.mean(o.square(z), -1, True) + 1e-6)), squares(relu), "relu"
    ),
    "norm_after_relu": Row(lambda o, z: rms_of(o, o.relu(z)), (1.0, 1.0)),
    "length_one": Row(lambda o, z: z / o.sqrt(o.sum(z * z, -1, True) + 1e-12), (1 / WIDTH, 1 / WIDTH), "identity"),
    "twice_a_norm": Row(lambda o, z: 2.0 * rms_of(o, z), (4.0, 4.0)),
}


def rms_of(o: Any, z: Any) -> Any:
    """Divide by the root of the mean square."""
    return z * o.rsqrt(o.mean(o.square(z), -1, True) + 1e-6)


OTHERS = {
    "tanh_of_a_mean": Row(lambda o, z: o.tanh(o.mean(o.reshape(z, (2, 2, WIDTH)), 1)), squares(np.tanh), "tanh"),
    "gated_by_a_mean": Row(lambda o, z: z * o.sigmoid(o.mean(z, -1, True)), gated(sigmoid), "identity × sigmoid"),
    "two_activations": Row(lambda o, z: o.relu(z) + o.tanh(z), squares(lambda z: relu(z) + np.tanh(z)), "a function"),
    "concat_of_one_activation": Row(
        lambda o, z: o.concat([o.relu(z[..., :8]), o.relu(z[..., 8:])], -1), squares(relu), "relu"
    ),
    "concat_of_two_activations": Row(
        lambda o, z: o.concat([o.relu(z[..., :4]), o.tanh(z[..., 4:])], -1),
        tuple(0.25 * a + 0.75 * b for a, b in zip(squares(relu), squares(np.tanh), strict=True)),
        "relu | tanh",
    ),
    "where_with_a_mask": Row(lambda o, z: o.where(o.array(np.arange(WIDTH) % 2 == 0), o.relu(z), 0.0), squares(relu)),
    "moved_about": Row(
        lambda o, z: o.reshape(o.permute(o.relu(o.reshape(z, (-1, 4, 4))), (0, 2, 1)), (-1, WIDTH)),
        squares(relu),
        "relu",
    ),
}

FUNCTIONS = BY_VALUE | FACTORS | GATES | NORMS | OTHERS
