"""Kaiming's laws (He et al., 2015)."""

import math
import warnings
from typing import Literal

import torch
from torch import Tensor

from glorot.dropins.arguments import Argument
from glorot.torch.init.fans import fan_of
from glorot.torch.init.writing import law_of, overridable, write
from glorot.torch.init.xavier import Nonlinearity, gain_of


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
    return gain_of(nonlinearity, Argument("a", a)) / math.sqrt(fan_of(tensor, mode))


def _unchanged(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
    return tensor
