"""The laws that go by fans, Xavier's and Kaiming's, and the gains that PyTorch multiplies them by."""

import functools
import math
import warnings
from typing import Literal

import torch
from torch import Tensor

from glorot.dropins.arguments import Argument, name_errors
from glorot.torch.init.fans import fan_of, fans_of
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
    with name_errors("calculate_gain"):
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
    factor = gain if type(gain) is float else Argument("gain", gain).number()
    return _over_fans(numerator, tensor.shape, factor)


@functools.lru_cache(maxsize=1024)  # a small tensor is filled in microseconds
def _over_fans(numerator: float, shape: torch.Size, gain: float) -> float:
    factor = Argument("gain", gain).not_negative()
    return factor * math.sqrt(numerator / max(sum(fans_of(shape)), 1))  # both fans are 0 without elements


@overridable
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor by Kaiming's (He's) uniform law, in place: makes up for what a rectifier removes.

    W ~ U(±gain·√(3/n)), n = fan_in or fan_out, gain = √(2/(1 + a²)) for leaky ReLU

    The fans are PyTorch's, read off the shape: right for Linear and Conv. For a matrix that is stored (in, out)
    pass `w.T`. The layers of PyTorch call it with a = √5, which is no slope but gives the bound 1/√fan_in.

    Args:
        tensor: the tensor (out, in, *kernel) to fill; float8, float16, bfloat16, float32 or float64.
        a: negative slope of the leaky ReLU that feeds the layer, 0 (ReLU) by default; for "leaky_relu" alone.
        mode: "fan_in" (default) keeps the forward variance, "fan_out" the backward one.
        nonlinearity: "leaky_relu" (default), or another that `calculate_gain` knows.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has less than 2 dimensions, mode or nonlinearity is unknown, or the tensor
            cannot hold or take the values.

    Warns:
        UserWarning: if the tensor has no elements, as PyTorch does.

    Example:
        >>> w = kaiming_uniform_(torch.empty(100, 300), generator=torch.Generator().manual_seed(0))
        >>> round(float(w.abs().max()), 4), round((6 / 300) ** 0.5, 4)
        (0.1414, 0.1414)

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equations 10, 14 and 15.
    """
    if tensor.numel() == 0:
        return _unchanged(tensor)
    bound = math.sqrt(3) * _std(tensor, a, mode, nonlinearity)
    return write(tensor, law_of("kaiming_uniform_", tensor.dtype, bound), generator)


@overridable
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor by Kaiming's (He's) normal law, in place: makes up for what a rectifier removes.

    W ~ N(0, σ²), σ = gain/√n, n = fan_in or fan_out, gain = √(2/(1 + a²)) for leaky ReLU

    The fans are PyTorch's, as for `kaiming_uniform_`.

    Args:
        tensor: the tensor (out, in, *kernel) to fill; float8, float16, bfloat16, float32 or float64.
        a: negative slope of the leaky ReLU that feeds the layer, 0 (ReLU) by default; for "leaky_relu" alone.
        mode: "fan_in" (default) keeps the forward variance, "fan_out" the backward one.
        nonlinearity: "leaky_relu" (default), or another that `calculate_gain` knows.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if the tensor has less than 2 dimensions, mode or nonlinearity is unknown, or the tensor
            cannot hold or take the values.

    Warns:
        UserWarning: if the tensor has no elements, as PyTorch does.

    Example:
        ResNet's convolutions; the sum over fan_out = 64·3·3 products of the gradient keeps its variance:

        >>> generator = torch.Generator().manual_seed(0)
        >>> w = kaiming_normal_(torch.empty(64, 32, 3, 3), mode="fan_out", nonlinearity="relu", generator=generator)
        >>> round(float(w.var() * 64 * 3 * 3), 1)
        2.0

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equations 10, 14 and 15.
    """
    if tensor.numel() == 0:
        return _unchanged(tensor)
    std = _std(tensor, a, mode, nonlinearity)
    return write(tensor, law_of("kaiming_normal_", tensor.dtype, std), generator)


def _std(tensor: Tensor, a: float, mode: str, nonlinearity: Nonlinearity) -> float:
    if type(a) in (int, float) and type(mode) is str and type(nonlinearity) is str:
        return _known_std(tensor.shape, a, mode, nonlinearity)
    return gain_of(nonlinearity, Argument("a", a)) / math.sqrt(fan_of(tensor.shape, mode))


@functools.lru_cache(maxsize=1024)
def _known_std(shape: torch.Size, a: float, mode: str, nonlinearity: Nonlinearity) -> float:
    return gain_of(nonlinearity, Argument("a", a)) / math.sqrt(fan_of(shape, mode))


def _unchanged(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
    return tensor
