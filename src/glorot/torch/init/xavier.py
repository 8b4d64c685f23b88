"""Xavier's laws (Glorot & Bengio, 2010), and the gains that PyTorch multiplies them by."""

import math
from typing import Literal

import torch
from torch import Tensor

from glorot.dropins.arguments import Argument, naming
from glorot.torch.init.fans import fans_of
from glorot.torch.init.writing import law_of, overridable, write

Nonlinearity = Literal[
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "sigmoid", "tanh", "relu", "leaky_relu", "selu",
]  # fmt: skip

LINEAR = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
)  # fmt: skip
GAINS: dict[str, float] = {**dict.fromkeys(LINEAR, 1), "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
DEFAULT_SLOPE = 0.01


def calculate_gain(nonlinearity: Nonlinearity, param: float | None = None) -> float:
    """Return the gain that PyTorch recommends for an activation.

    gain = 1/√(E φ²) for ReLU and its kin: √2, and √(2/(1 + slope²)) for leaky ReLU

    The rest are PyTorch's choices, kept as they are: 1 for linear, convolution and sigmoid layers, 5/3 for tanh,
    3/4 for SELU. By 1/√(E φ²) tanh would have 1.59 and SELU 1; `glorot.activations.activation(name).gain` tells
    these. Self-normalising nets need "linear" for SELU.

    Args:
        nonlinearity: "linear", "conv1d" … "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope of "leaky_relu", 0.01 by default; the others do not look at it.

    Returns:
        The factor on the standard deviation.

    Raises:
        GlorotError: if the activation is unknown or the slope no finite number.

    Example:
        >>> calculate_gain("relu") ** 2, round(calculate_gain("leaky_relu", 0.2), 3)
        (2.0000000000000004, 1.387)

    References:
        `torch.nn.init.calculate_gain`. He et al. (2015), "Delving Deep into Rectifiers", ICCV, equations 10
        and 15; Klambauer et al. (2017), "Self-Normalizing Neural Networks".
    """
    with naming("calculate_gain"):
        return gain_of(nonlinearity, Argument("param", DEFAULT_SLOPE if param is None else param))


def gain_of(nonlinearity: Nonlinearity, slope: Argument) -> float:
    """Return the gain; of leaky ReLU that of a negative slope."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + slope.finite() ** 2))
    way_out = "; PyTorch has no gain for others: glorot.activations.activation(name).gain has"
    return GAINS[Argument("nonlinearity", nonlinearity).one_of((*GAINS, "leaky_relu"), way_out)]


@overridable
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor by Xavier's (Glorot's) uniform law, in place: signal and gradient keep their variance.

    W ~ U(±gain·√(6/(fan_in + fan_out))), Var(W) = gain²·2/(fan_in + fan_out)

    The fans are PyTorch's, read off the shape: right for Linear and Conv, and not for transposed or grouped
    convolutions and fused matrices. `glorot.plan` counts connections instead.

    Args:
        tensor: the tensor (out, in, *kernel) to fill; float8, float16, bfloat16, float32 or float64.
        gain: factor on the bound, 1 by default; 0 writes zeros.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has less than 2 dimensions, the gain is negative or not finite, or the tensor
            cannot hold or take the values.

    Example:
        >>> w = xavier_uniform_(torch.empty(100, 300), generator=torch.Generator().manual_seed(0))
        >>> round(float(w.abs().max()), 4), round((6 / 400) ** 0.5, 4)
        (0.1225, 0.1225)
        >>> round(float(w.var() * 400), 2)
        2.0

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 16.
    """
    bound = _gain_over_fans(6, tensor, gain)
    return write(tensor, law_of("xavier_uniform_", tensor.dtype, bound), generator)


@overridable
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor by Xavier's (Glorot's) normal law, in place: signal and gradient keep their variance.

    W ~ N(0, σ²), σ = gain·√(2/(fan_in + fan_out))

    The fans are PyTorch's, as for `xavier_uniform_`.

    Args:
        tensor: the tensor (out, in, *kernel) to fill; float8, float16, bfloat16, float32 or float64.
        gain: factor on σ, 1 by default; 0 writes zeros.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has less than 2 dimensions, the gain is negative or not finite, or the tensor
            cannot hold or take the values.

    Example:
        >>> w = xavier_normal_(torch.empty(100, 300), generator=torch.Generator().manual_seed(0))
        >>> round(float(w.var() * 400), 1)
        2.0

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 12.
    """
    std = _gain_over_fans(2, tensor, gain)
    return write(tensor, law_of("xavier_normal_", tensor.dtype, std), generator)


def _gain_over_fans(numerator: float, tensor: Tensor, gain: float) -> float:
    """Return gain·√(numerator/(fan_in + fan_out))."""
    factor = Argument("gain", gain).not_negative()
    return factor * math.sqrt(numerator / max(sum(fans_of(tensor)), 1))  # both fans are 0 without elements
