"""The laws that are given by their numbers: uniform, normal and truncated normal."""

import warnings

import torch
from torch import Tensor

from glorot.torch.init.writing import law_of, numbers_of, overridable, write


@overridable
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with uniform numbers, in place.

    W ~ U(a, b), Var(W) = (b - a)²/12

    The mean of a symmetric law is 0, and its std is b/√3. Both ends can occur; PyTorch's own excludes b.

    Args:
        tensor: the tensor to fill, of any shape; float8, float16, bfloat16, float32 or float64.
        a: lower end, 0 by default.
        b: upper end, 1 by default; a = b writes that value everywhere.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if a > b, (b - a)/2 lies outside [2⁻⁶⁴, 2⁶⁴], or the tensor cannot hold or take the values.

    Example:
        A matrix with 300 inputs, by the rule that reigned before Xavier's, ±1/√fan_in:

        >>> w = torch.empty(100, 300)
        >>> _ = uniform_(w, -300**-0.5, 300**-0.5, generator=torch.Generator().manual_seed(0))
        >>> round(float(w.std() * 300**0.5), 2)  # not 1: each layer shrinks the signal by 1/√3
        0.58

    References:
        `torch.nn.init.uniform_`. Glorot & Bengio (2010), AISTATS, equation 1, for the rule of the example.
    """
    return write(tensor, law_of("uniform_", tensor.dtype, a, b), generator)


@overridable
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with normal numbers, in place.

    W ~ N(mean, std²)

    Args:
        tensor: the tensor to fill, of any shape; float8, float16, bfloat16, float32 or float64.
        mean: the mean, 0 by default.
        std: the standard deviation, 1 by default; 0 writes the mean everywhere.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if std is negative or outside [2⁻⁶⁴, 2⁶⁴], or the tensor cannot hold or take the values.

    Example:
        GPT's start, where one law serves every matrix whatever its size:

        >>> w = normal_(torch.empty(768, 768), std=0.02, generator=torch.Generator().manual_seed(0))
        >>> round(float(w.std()), 3)
        0.02

    References:
        `torch.nn.init.normal_`. Radford et al. (2018), "Improving Language Understanding by Generative
        Pre-Training", section 4.1, for std = 0.02.
    """
    return write(tensor, law_of("normal_", tensor.dtype, mean, std), generator)


@overridable
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with normal numbers that stay within two cuts, in place.

    W ~ N(mean, std²) given a ≤ W ≤ b

    As in PyTorch, a and b are values, not multiples of std: with std=0.02 the default cuts at ±2 lie 100 std
    away and cut nothing. And mean and std are those of the normal *before* the cut: cut at ±2 std, the
    numbers drawn have 0.88 std.

    Args:
        tensor: the tensor to fill, of any shape; float8, float16, bfloat16, float32 or float64.
        mean: the mean of the normal law before the cut, 0 by default.
        std: its standard deviation, 1 by default.
        a: lower cut, -2 by default; may be -inf.
        b: upper cut, 2 by default; may be inf. The cuts are rounded to float32 and to the dtype.
        generator: where the key of the stream comes from; None is the default generator of the device.

    Returns:
        The tensor itself.

    Raises:
        GlorotError: if std is not positive or outside [2⁻⁶⁴, 2⁶⁴], a > b, [a, b] lies more than 6 std from
            the mean, or the tensor cannot hold or take the values.

    Warns:
        UserWarning: if the mean lies more than 2 std outside [a, b], as PyTorch does. The law is exact there too.

    Example:
        >>> w = torch.empty(300, 300)
        >>> _ = trunc_normal_(w, std=0.02, a=-0.04, b=0.04, generator=torch.Generator().manual_seed(0))
        >>> bool(w.abs().max() <= 0.04), round(float(w.std() / 0.02), 2)
        (True, 0.88)

    References:
        `torch.nn.init.trunc_normal_`. Burkardt (2014), "The Truncated Normal Distribution", section 3.
    """
    mean, std, a, b = numbers_of("trunc_normal_", mean, std, a, b)
    law = law_of("trunc_normal_", tensor.dtype, mean, std, a, b)
    if not a - 2 * std <= mean <= b + 2 * std and not tensor.is_meta:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_: nearly all of the normal law is cut away. "
            "a and b are values, not multiples of std",
            stacklevel=3,
        )
    return write(tensor, law, generator)
