"""Layers that several forks have added to Caffe: those of SegNet, DeepLab, PSPNet, the MobileNets and their like.

SSD's own layers are in `detection`; the two depthwise convolutions are among the convolutions.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from glorot.caffe.definition.layers import Layer, Shape
from glorot.caffe.formats.messages import Message
from glorot.caffe.kinds.base import Blob, Kind, Shapes, alike, blob
from glorot.caffe.kinds.lowering import Lowering
from glorot.caffe.kinds.neurons import activated, always
from glorot.caffe.kinds.norms import lower_batch_norm
from glorot.fans import ELEMENTWISE
from glorot.graph.operations import Broadcast, Permute, Pool, Take
from glorot.inventory import Declared
from glorot.inventory.layouts import laid_out

GATHERING = ("slope_filler", "bias_filler", "momentum", "frozen", "decay", "moving_average")
"""The settings that the BN of PSPNet has, which gathers averages, and that of SegNet has not."""


def gathers(layer: Layer) -> bool:
    """Tell whether a BN has averages beside its scale and its shift."""
    at = layer.settings("bn_param")
    return any(at.has(name) for name in GATHERING)


def _bn_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    _check_maps(layer, bottoms[0])
    return alike(layer, bottoms)


def _bn_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    """Return scale and shift, called slope and bias by some, of 1×C×1×1; and a mean and a variance in some forks."""
    at, shape = layer.settings("bn_param"), (1, bottoms[0][1], 1, 1)
    scale = "scale_filler" if at.has("scale_filler") else "slope_filler"
    shift = "shift_filler" if at.has("shift_filler") else "bias_filler"
    found = [
        blob(layer, at, scale, "o o o o", shape, "scale", ELEMENTWISE, 1.0),
        blob(layer, at, shift, "o o o o", shape, "shift", ELEMENTWISE, 0.0),
    ]
    start = Declared("zeros", None, "the fork gathers from 0")
    for role in ("running_mean", "running_variance") if gathers(layer) else ():
        part = replace(laid_out("o o o o", shape, role, layer.kind, None), declared=start)
        found.append(Blob(shape, (part,), is_learnt=False))
    return found


def _lower_bn(at: Lowering) -> Sequence[int]:
    return lower_batch_norm(at, *at.blobs[:2], axis=0)


def _interp_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    """Return the size that DeepLab's Interp gives: shrunk, then zoomed, or as it is written out."""
    at = layer.settings("interp_param")
    _check_maps(layer, bottoms[0])
    if len(bottoms) > 1:
        _check_maps(layer, bottoms[1], 1)
        return [(*bottoms[0][:2], *bottoms[1][2:])]
    is_scaled = at.has("zoom_factor") or at.has("shrink_factor")
    if not is_scaled and not (at.has("height") and at.has("width")):
        raise layer.error("needs height and width, zoom_factor or shrink_factor", at)
    if not is_scaled:
        return [(*bottoms[0][:2], at.integer("height", least=1), at.integer("width", least=1))]
    zoom, shrink = at.integer("zoom_factor", 1, least=1), at.integer("shrink_factor", 1, least=1)
    sizes = [(size - 1) // shrink + 1 for size in cropped(layer, at, bottoms[0])]
    return [(*bottoms[0][:2], *(size + (size - 1) * (zoom - 1) for size in sizes))]


def cropped(layer: Layer, at: Message, bottom: Shape) -> list[int]:
    """Return the sizes of a map without the margins that `pad_beg` and `pad_end` cut off."""
    cut = at.integer("pad_beg", 0) + at.integer("pad_end", 0)
    if at.integer("pad_beg", 0) > 0 or at.integer("pad_end", 0) > 0:
        raise layer.error("pad_beg and pad_end cut off and must not be positive", at)
    layer.check(min(bottom[2:]) + cut > 0, 0, bottom, f"to keep something once {-cut} are cut off")
    return [size + cut for size in bottom[2:]]


def scale_of(layer: Layer) -> tuple[int, int] | None:
    """Return how many times as high and wide an Upsample makes its maps; None where their size is written out."""
    at = layer.settings("upsample_param")
    if at.has("upsample_h") or at.has("upsample_w"):
        return None
    if at.has("scale_h") or at.has("scale_w"):
        return at.integer("scale_h", least=1), at.integer("scale_w", least=1)
    scale = at.integer("scale", 1, least=1)
    return scale, scale


def _upsample_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, scale, bottom = layer.settings("upsample_param"), scale_of(layer), bottoms[0]
    _check_maps(layer, bottom)
    if len(bottoms) > 1:
        layer.check(bottoms[1] == bottom, 1, bottoms[1], "to be the mask of the first, of its shape")
    if scale is None:
        return [(*bottom[:2], at.integer("upsample_h", least=1), at.integer("upsample_w", least=1))]
    lost = (at.flag("pad_out_h"), at.flag("pad_out_w"))
    return [(*bottom[:2], *(size * times - one for size, times, one in zip(bottom[2:], scale, lost, strict=True)))]


def _shuffle_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    groups = layer.settings("shuffle_channel_param").integer("group", 1, least=1)
    _check_maps(layer, bottoms[0])
    layer.check(bottoms[0][1] % groups == 0, 0, bottoms[0], f"to have channels that {groups} groups divide")
    return alike(layer, bottoms)


def _axpy_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    factors, first, second = bottoms
    layer.check(len(first) >= 2 and first == second, 2, second, f"to have the shape of {layer.bottoms[1]!r}")
    fits = factors[:2] == first[:2] and math.prod(factors) == math.prod(first[:2])
    layer.check(fits, 0, factors, "to hold a factor for each map of the second blob")
    return [first]


def _roi_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at = layer.settings("roi_pooling_param")
    _check_regions(layer, bottoms)
    return [(bottoms[1][0], bottoms[0][1], at.integer("pooled_h", least=1), at.integer("pooled_w", least=1))]


def _psroi_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at = layer.settings("psroi_pooling_param")
    _check_regions(layer, bottoms)
    outputs, size = at.integer("output_dim", least=1), at.integer("group_size", least=1)
    layer.check(bottoms[0][1] == outputs * size**2, 0, bottoms[0], f"to have {outputs * size**2} channels")
    return [(bottoms[1][0], outputs, size, size)]


def _reorg_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    at, bottom = layer.settings("reorg_param"), bottoms[0]
    _check_maps(layer, bottom)
    stride = at.integer("stride", 2, least=1)
    _, channels, height, width = bottom
    if at.flag("reverse"):
        layer.check(channels % stride**2 == 0, 0, bottom, f"to have channels that {stride**2} divides")
        return [(bottom[0], channels // stride**2, height * stride, width * stride)]
    layer.check(
        height % stride == width % stride == 0, 0, bottom, f"to have a height and a width that {stride} divides"
    )
    return [(bottom[0], channels * stride**2, height // stride, width // stride)]


def _check_regions(layer: Layer, bottoms: Shapes) -> None:
    _check_maps(layer, bottoms[0])
    layer.check(len(bottoms[1]) >= 2 and bottoms[1][1] == 5, 1, bottoms[1], "to hold five numbers for each region")


def _check_maps(layer: Layer, shape: Shape, bottom: int = 0) -> None:
    layer.check(len(shape) == 4 and all(shape[1:]), bottom, shape, "to have 4 axes, and maps that are not empty")


def _lower_interp(at: Lowering) -> Sequence[int]:
    """Lower weighted means of the nearest numbers of a map, without its margins."""
    at_settings = at.layer.settings("interp_param")
    sizes = cropped(at.layer, at_settings, at.shapes[0])
    start = -at_settings.integer("pad_beg", 0)
    rows = at.cut(at.bottom, 2, start, start + sizes[0])
    return [at.average(at.cut(rows, 3, start, start + sizes[1]), at.tops[0], 2, 2)]


def _lower_upsample(at: Lowering) -> Sequence[int]:
    """Lower numbers that are repeated, or that a mask spreads."""
    scale, top = scale_of(at.layer), at.tops[0]
    if scale is None or len(at.bottoms) > 1:
        return [at.step(Take(2), *at.bottoms, shape=top)]
    examples, channels, height, width = at.shapes[0]
    repeated = (examples, channels, height, scale[0], width, scale[1])
    whole = (examples, channels, height * scale[0], width * scale[1])
    value = at.reshape(at.step(Broadcast((0, 1, 2, 4)), at.bottom, shape=repeated), whole)
    return [at.cut(at.cut(value, 2, 0, top[2]), 3, 0, top[3])]


def _lower_shuffle(at: Lowering) -> Sequence[int]:
    examples, channels, *sizes = top = at.tops[0]
    groups = at.layer.settings("shuffle_channel_param").integer("group", 1)
    grouped = at.reshape(at.bottom, (examples, groups, channels // groups, *sizes))
    turned = at.step(Permute((0, 2, 1, 3, 4)), grouped, shape=(examples, channels // groups, groups, *sizes))
    return [at.reshape(turned, top)]


def _lower_reorg(at: Lowering) -> Sequence[int]:
    """Lower a move of all numbers, in an order that differs between the forks."""
    return [at.step(Take(1), at.bottom, shape=at.tops[0])]


def _lower_axpy(at: Lowering) -> Sequence[int]:
    factors, first, second = at.bottoms
    scale = at.reshape(factors, at.shapes[1][:2])
    return [at.map("add", at.apply_factors(first, 0, scale, None), second)]


def _lower_roi(at: Lowering) -> Sequence[int]:
    """Lower the largest numbers in the bins of each region."""
    return _pool_regions(at, "max")


def _lower_psroi(at: Lowering) -> Sequence[int]:
    """Lower the means in the bins of each region, each bin with its own channels."""
    return _pool_regions(at, "mean")


def _pool_regions(at: Lowering, statistic: Literal["max", "mean"]) -> Sequence[int]:
    """Lower a statistic of the bins of each region, taken for as large as the map."""
    bottom, top = at.shapes[0], at.tops[0]
    regions = at.step(Take(0), *at.bottoms, shape=(*top[:2], *bottom[2:]))
    window = tuple(-(-size // bins) for size, bins in zip(bottom[2:], top[2:], strict=True))
    return [at.step(Pool(statistic, (1, 1, *window)), regions, shape=top)]


KINDS = {
    "BN": Kind(_bn_tops, blobs=_bn_blobs, lower=_lower_bn),
    "ReLU6": activated(always("relu6")),
    "Mish": activated(always("mish")),
    "Interp": Kind(_interp_tops, (1, 2), lower=_lower_interp),
    "Upsample": Kind(_upsample_tops, (1, 2), lower=_lower_upsample),
    "ShuffleChannel": Kind(_shuffle_tops, lower=_lower_shuffle),
    "Reorg": Kind(_reorg_tops, lower=_lower_reorg),
    "Axpy": Kind(_axpy_tops, reads=(3, 3), lower=_lower_axpy),
    "ROIPooling": Kind(_roi_tops, (2, 2), lower=_lower_roi),
    "PSROIPooling": Kind(_psroi_tops, (2, 2), lower=_lower_psroi),
}
