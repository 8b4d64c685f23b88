"""Fans: how many connections enter and leave a unit, counted from how the layer connects."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from glorot.errors import GlorotError


@dataclass(frozen=True)
class Fans:
    """The true connection counts of a layer, averaged over its interior units.

    Attributes:
        fan_in: how many inputs are summed into one output unit.
        fan_out: how many output units one input unit feeds.
    """

    fan_in: float
    fan_out: float


ELEMENTWISE = Fans(1.0, 1.0)
"""The fans of a scale or shift: one input to one output."""


def dense(inputs: int, outputs: int) -> Fans:
    """Count the connections of a fully connected layer.

    fan_in = inputs, fan_out = outputs. Each block of a fused projection (q, k, v) and each gate of a
    recurrent layer is a dense layer of its own: count it with its own outputs, not those of the block.

    Args:
        inputs: number of input units.
        outputs: number of output units.

    Returns:
        The fans.

    Raises:
        GlorotError: if a count is not a positive integer.

    Example:
        >>> dense(300, 100)
        Fans(fan_in=300.0, fan_out=100.0)

    References:
        Glorot & Bengio (2010), section 4.2.1.
    """
    inputs, outputs = _counts(inputs=inputs, outputs=outputs)
    return Fans(float(inputs), float(outputs))


def conv(inputs: int, outputs: int, kernel: Sequence[int], stride: Sequence[int] | int = 1, groups: int = 1) -> Fans:
    """Count the connections of a convolution of any rank.

    fan_in = inputs/groups · ∏kernel, fan_out = outputs/groups · ∏kernel/∏stride. With a stride, an input
    unit is seen by fewer windows; the count is the average over interior units. Dilation moves the
    connections and leaves their number; padding concerns the border alone.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: kernel size of each spatial axis.
        stride: step of each spatial axis, or one for all.
        groups: number of groups; `groups=inputs` is a depthwise convolution.

    Returns:
        The fans.

    Raises:
        GlorotError: if a count is not a positive integer, or the groups do not divide the channels.

    Example:
        A depthwise 3×3 kernel has 9 inputs per output, not 64·9:

        >>> conv(64, 64, (3, 3), groups=64)
        Fans(fan_in=9.0, fan_out=9.0)

    References:
        He et al. (2015), "Delving Deep into Rectifiers", equations 7 and 11.
    """
    window, step = _sizes(kernel, stride)
    inputs, outputs, groups = _channels(inputs, outputs, groups)
    return Fans(inputs / groups * window, outputs / groups * window / step)


def conv_transpose(
    inputs: int, outputs: int, kernel: Sequence[int], stride: Sequence[int] | int = 1, groups: int = 1
) -> Fans:
    """Count the connections of a transposed convolution of any rank.

    fan_in = inputs/groups · ∏kernel/∏stride, fan_out = outputs/groups · ∏kernel: the fans of the
    convolution that it transposes, swapped.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        kernel: kernel size of each spatial axis.
        stride: upsampling step of each spatial axis, or one for all.
        groups: number of groups.

    Returns:
        The fans.

    Raises:
        GlorotError: if a count is not a positive integer, or the groups do not divide the channels.

    Example:
        With stride 2 only a quarter of a 4×4 kernel reaches an output pixel:

        >>> conv_transpose(64, 128, (4, 4), stride=2)
        Fans(fan_in=256.0, fan_out=2048.0)

    References:
        Dumoulin & Visin (2016), "A guide to convolution arithmetic", chapter 4.
    """
    inputs, outputs, groups = _channels(inputs, outputs, groups)
    swapped = conv(outputs, inputs, kernel, stride, groups)
    return Fans(swapped.fan_out, swapped.fan_in)


def embedding(dim: int) -> Fans:
    """Count the connections of an embedding: a row is looked up, nothing is summed.

    fan_in = 1, fan_out = dim.

    Args:
        dim: length of one row.

    Returns:
        The fans.

    Raises:
        GlorotError: if `dim` is not a positive integer.

    Example:
        >>> embedding(512)
        Fans(fan_in=1.0, fan_out=512.0)

    References:
        Mikolov et al. (2013), "Efficient Estimation of Word Representations in Vector Space", section 3.
    """
    (dim,) = _counts(dim=dim)
    return Fans(1.0, float(dim))


def bilinear(inputs1: int, inputs2: int, outputs: int) -> Fans:
    """Count the connections of a bilinear layer, y_o = Σ_ij x1_i W_oij x2_j.

    The products x1_i·x2_j are its inputs: fan_in = inputs1·inputs2, fan_out = outputs.

    Args:
        inputs1: number of units of the first input.
        inputs2: number of units of the second input.
        outputs: number of output units.

    Returns:
        The fans.

    Raises:
        GlorotError: if a count is not a positive integer.

    Example:
        >>> bilinear(8, 4, 16)
        Fans(fan_in=32.0, fan_out=16.0)

    References:
        Tenenbaum & Freeman (2000), "Separating style and content with bilinear models", equation 1.
    """
    inputs1, inputs2, outputs = _counts(inputs1=inputs1, inputs2=inputs2, outputs=outputs)
    return Fans(float(inputs1 * inputs2), float(outputs))


def from_axes(shape: Sequence[int], axes: str) -> Fans:
    """Count the connections of a dense or plain convolution kernel from its labelled axes.

    fan_in = ∏i·∏k, fan_out = ∏o·∏k; axes labelled b (batch, expert, group) count for neither.

    Args:
        shape: the shape of the kernel.
        axes: one letter an axis: b, o, i or k.

    Returns:
        The fans.

    Raises:
        GlorotError: if the labels do not fit the shape.

    Example:
        >>> from_axes((300, 100), "io")
        Fans(fan_in=300.0, fan_out=100.0)

    References:
        DeepMind (2020), JAX, `jax.nn.initializers.variance_scaling`.
    """
    if len(axes) != len(shape) or set(axes) - set("boik"):
        raise GlorotError(f"axes must label each axis of shape {tuple(shape)} with b, o, i or k, got {axes!r}")
    sizes = {label: math.prod(n for n, a in zip(shape, axes, strict=True) if a == label) for label in "oik"}
    return Fans(float(sizes["i"] * sizes["k"]), float(sizes["o"] * sizes["k"]))


def _sizes(kernel: Sequence[int], stride: Sequence[int] | int) -> tuple[int, int]:
    """Return how many elements a window has, and how many positions it moves on by."""
    steps = tuple(stride) if isinstance(stride, Sequence) else (stride,) * len(kernel)
    if len(steps) != len(kernel):
        raise GlorotError(f"stride {steps} must have as many axes as kernel {tuple(kernel)}")
    window = _counts(**{f"kernel[{n}]": size for n, size in enumerate(kernel)})
    return math.prod(window), math.prod(_counts(**{f"stride[{n}]": size for n, size in enumerate(steps)}))


def _channels(inputs: int, outputs: int, groups: int) -> list[int]:
    inputs, outputs, groups = _counts(inputs=inputs, outputs=outputs, groups=groups)
    if inputs % groups or outputs % groups:
        raise GlorotError(f"groups={groups} must divide both channel counts, got {inputs} inputs and {outputs} outputs")
    return [inputs, outputs, groups]


def _counts(**counts: int) -> list[int]:
    """Return counts as integers; a tensor or a NumPy number that acts as one is one."""
    found = []
    for name, count in counts.items():
        try:
            number = 0 if isinstance(count, bool) else operator.index(count)
        except TypeError:
            number = 0
        if number < 1:
            raise GlorotError(f"{name} must be a positive integer, got {count!r}")
        found.append(number)
    return found
