"""Convolution and Deconvolution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from glorot import fans
from glorot.caffe.definition.layers import Layer, Shape, canonical, same_shapes
from glorot.caffe.kinds.base import MANY, Blob, Kind, Shapes, blob
from glorot.caffe.kinds.lowering import Lowering
from glorot.caffe.kinds.windows import Window, window_of
from glorot.fans import Fans
from glorot.graph.operations import Convolve


@dataclass(frozen=True)
class Convolving:
    """How a layer convolves the blob that it reads.

    Attributes:
        axis: the axis of the channels; those before it are copies, those behind it are spatial.
        inputs: channels in.
        outputs: channels out.
        groups: groups of channels that are convolved by themselves.
        window: the sliding window.
        has_bias: whether there is a bias.
    """

    axis: int
    inputs: int
    outputs: int
    groups: int
    window: Window
    has_bias: bool


def convolving_of(layer: Layer, bottom: Shape) -> Convolving:
    """Return how a Convolution or Deconvolution treats what it reads.

    Raises:
        GlorotError: if its settings do not fit the shape.
    """
    at = layer.settings("convolution_param")
    axis = canonical(layer, at.integer("axis", 1), len(bottom), at)
    window = window_of(layer, at, len(bottom) - axis - 1)
    inputs, outputs = bottom[axis], at.integer("num_output", least=1)
    is_depthwise = layer.kind == "ConvolutionDepthwise"  # which has a group for each channel, whatever the file says
    groups = max(1, inputs) if is_depthwise else at.integer("group", 1, least=1)
    layer.check(inputs % groups == 0, 0, bottom, f"to have channels (axis {axis}) that {groups} groups divide")
    if outputs % groups:
        raise layer.error(f"num_output {outputs} must be a multiple of group {groups}", at, "num_output")
    return Convolving(axis, inputs, outputs, groups, window, at.flag("bias_term", True))


def _convolution_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    how = _checked(layer, bottoms)
    bottom, (_, stride, pad, _) = bottoms[0], how.window
    extents = []
    for axis, reach in enumerate(how.window.reach):
        size = bottom[how.axis + 1 + axis] + 2 * pad[axis]
        layer.check(reach <= size, 0, bottom, f"padded to at least the {reach} that the window reaches")
        extents.append((size - reach) // stride[axis] + 1)
    return [(*bottom[: how.axis], how.outputs, *extents)] * len(layer.tops)


def _deconvolution_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    how = _checked(layer, bottoms)
    bottom, (_, stride, pad, _) = bottoms[0], how.window
    spatial = zip(bottom[how.axis + 1 :], stride, pad, how.window.reach, strict=True)
    extents = [step * (size - 1) + reach - 2 * border for size, step, border, reach in spatial]
    layer.check(
        min(extents, default=1) > 0,
        0,
        bottom,
        f"large enough to keep something once {max(pad, default=0)} are cut off each side",
    )
    return [(*bottom[: how.axis], how.outputs, *extents)] * len(layer.tops)


def _checked(layer: Layer, bottoms: Shapes) -> Convolving:
    if len(layer.tops) != len(layer.bottoms):
        raise layer.error(
            f"makes one blob from each that it reads; got {len(layer.bottoms)} bottoms, {len(layer.tops)} tops"
        )
    same_shapes(layer, bottoms)
    return convolving_of(layer, bottoms[0])


def _convolution_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    how = convolving_of(layer, bottoms[0])
    counts = fans.conv(how.inputs, how.outputs, how.window.kernel, how.window.stride, how.groups)
    shape = (how.outputs, how.inputs // how.groups, *how.window.kernel)
    return _blobs(layer, how, "(b o) i", shape, counts)


def _deconvolution_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    how = convolving_of(layer, bottoms[0])
    counts = fans.conv_transpose(how.inputs, how.outputs, how.window.kernel, how.window.stride, how.groups)
    shape = (how.inputs, how.outputs // how.groups, *how.window.kernel)
    return _blobs(layer, how, "(b i) o", shape, counts)


def _blobs(layer: Layer, how: Convolving, channels: str, shape: Shape, counts: Fans) -> list[Blob]:
    at = layer.settings("convolution_param")
    pattern = channels + " k" * len(how.window.kernel)
    is_set = at.message("weight_filler").text("type", "") == "bilinear"  # to interpolate: no recipe draws it anew
    role = "interpolation" if is_set else "kernel"
    found = [blob(layer, at, "weight_filler", pattern, shape, role, counts, b=how.groups)]
    if how.has_bias:
        found.append(blob(layer, at, "bias_filler", "o", (how.outputs,), "bias", counts))
    return found


def _lower(at: Lowering) -> Sequence[int]:
    how = convolving_of(at.layer, at.shapes[0])
    return [_convolve(at, how, bottom, top) for bottom, top in zip(at.bottoms, at.tops, strict=True)]


def _convolve(at: Lowering, how: Convolving, bottom: int, top: Shape) -> int:
    """Convolve one blob, whose axes before that of the channels are taken as one."""
    shape, is_transposed = at.graph.shape(bottom), at.layer.kind == "Deconvolution"
    kernel, stride, pad, dilation = how.window
    operation = Convolve(
        window=kernel,
        stride=stride,
        padding=tuple((size, size) for size in pad),
        dilation=dilation,
        groups=how.groups,
        transposed=is_transposed,
        channel=1,
        kernel=(*((1, 0) if is_transposed else (0, 1)), *range(2, 2 + len(kernel))),
    )
    copies = math.prod(shape[: how.axis])
    images = at.reshape(bottom, (copies, *shape[how.axis :]))
    result = at.step(operation, images, at.blobs[0], shape=(copies, *top[how.axis :]))
    return at.reshape(at.apply_factors(result, 1, None, at.blobs[1] if how.has_bias else None), top)


KINDS = {
    **dict.fromkeys(
        ("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution"),
        Kind(_convolution_tops, (1, MANY), (1, MANY), _convolution_blobs, lower=_lower),
    ),
    "Deconvolution": Kind(_deconvolution_tops, (1, MANY), (1, MANY), _deconvolution_blobs, lower=_lower),
}
