"""Pooling, whose sizes are rounded up unless the layer says otherwise."""

from collections.abc import Sequence
from typing import NamedTuple

from glorot.caffe.definition.layers import Layer, Shape
from glorot.caffe.formats.messages import Message
from glorot.caffe.kinds.base import Kind, Shapes
from glorot.caffe.kinds.lowering import Lowering
from glorot.caffe.kinds.windows import Window, window_of
from glorot.graph.operations import Opaque, Pool

METHODS = {"MAX": 0, "AVE": 1, "STOCHASTIC": 2}
ROUNDINGS = {"CEIL": 0, "FLOOR": 1}

IDLE = dict.fromkeys(("kernel_size", "kernel_h", "kernel_w"))
IDLE |= dict.fromkeys(("stride", "stride_h", "stride_w"), 1) | dict.fromkeys(("pad", "pad_h", "pad_w"), 0)
"""The one value that a setting may have where the whole blob is pooled; None for none."""


class Pooled(NamedTuple):
    """How a layer pools: the method, its window, and the sizes of what comes out."""

    method: str
    window: Window
    extents: tuple[int, ...]


def pooled_of(layer: Layer, bottom: Shape) -> Pooled:
    """Return how a Pooling layer pools what it reads.

    out = ⌈(in + 2·pad − kernel)/stride⌉ + 1, or ⌊ … ⌋ + 1 by `round_mode: FLOOR` of Caffe 1.0 or `ceil_mode: false` of
    its forks, less one where the last window would begin in the padding; a window may be larger than what it pools,
    and is cut then

    Raises:
        GlorotError: if its settings do not fit the shape.
    """
    at = layer.settings("pooling_param")
    layer.check(len(bottom) == 4, 0, bottom, "to have 4 axes")
    method = at.choice("pool", "MAX", METHODS)
    if at.flag("global_pooling"):
        for name in at.names():
            if name in IDLE and at.integer(name) != IDLE[name]:
                raise layer.error(f"global_pooling pools the whole blob and takes no {name}", at, name)
        return Pooled(method, Window(bottom[2:], (1, 1), (0, 0), (1, 1)), (1, 1))
    for name in ("kernel_size", "stride", "pad"):
        at.integer(name, 1)  # given once at most, other than for a convolution
    window = window_of(layer, at, 2)
    is_rounded_up = _is_rounded_up(layer, at)
    extents = []
    for size, kernel, stride, pad in zip(bottom[2:], window.reach, window.stride, window.pad, strict=True):
        if pad >= kernel:
            raise layer.error(f"pad {pad} must be smaller than the kernel, {kernel}", at)
        slack = size + 2 * pad - kernel
        extent = (-(-slack // stride) if is_rounded_up else slack // stride) + 1
        layer.check(extent > 0, 0, bottom, f"padded to about the kernel, {kernel}")
        if any(window.pad) and (extent - 1) * stride >= size + pad:
            extent -= 1
        extents.append(extent)
    return Pooled(method, window, tuple(extents))


def _is_rounded_up(layer: Layer, at: Message) -> bool:
    by_mode = at.choice("round_mode", "CEIL", ROUNDINGS) == "CEIL"
    by_flag = at.flag("ceil_mode", by_mode)
    if at.has("round_mode") and by_flag != by_mode:
        raise layer.error("round_mode and ceil_mode contradict each other; give one of them", at, "ceil_mode")
    return by_flag


def _tops(layer: Layer, bottoms: Shapes) -> Shapes:
    how = pooled_of(layer, bottoms[0])
    if len(layer.tops) > 1 and how.method != "MAX":
        raise layer.error(f"the mask, a second top, belongs to MAX pooling, got {how.method}")
    return [(*bottoms[0][:2], *how.extents)] * len(layer.tops)


def _lower(at: Lowering) -> Sequence[int]:
    """Lower a pooling; the stochastic one makes a mean weighted by size, which in training it makes on average."""
    how = pooled_of(at.layer, at.shapes[0])
    pool = Pool("max" if how.method == "MAX" else "mean", (1, 1, *how.window.kernel))
    mask = [at.step(Opaque("Pooling mask"), at.bottom, shape=top) for top in at.tops[1:]]
    return [at.step(pool, at.bottom, shape=at.tops[0]), *mask]


KINDS = {"Pooling": Kind(_tops, makes=(1, 2), lower=_lower)}
