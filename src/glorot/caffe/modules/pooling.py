"""Pooling, whose sizes are rounded up unless the layer says otherwise."""

import math
from functools import partial

from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.base import Shapes
from glorot.caffe.kinds.pooling import pooled_of
from glorot.caffe.limits import MOST_ELEMENTS
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node


class Pooling(CaffeLayer):
    """Caffe's Pooling; padding counts in the average, and what lies beyond it does not."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        method, window, _ = pooled_of(node.layer, node.bottoms[0])
        if method == "AVE" and max(window.dilation) > 1:
            raise node.layer.error("to_torch dilates the windows of MAX pooling only", field="pooling_param")
        if method == "STOCHASTIC":
            raise node.layer.error("to_torch pools by MAX and AVE, not STOCHASTIC", field="pooling_param")
        if len(node.tops) > 1:
            raise node.layer.error("to_torch makes no mask, the second top of MAX pooling", field="top")

    def _fit(self, bottoms: Shapes) -> Shapes:
        how = pooled_of(self.layer, bottoms[0])
        self.layer.check(all(bottoms[0][2:]), 0, bottoms[0], "to have no spatial axis of size 0")
        padded = math.prod(bottoms[0][:2])
        for size, extent, stride, pad in zip(
            bottoms[0][2:], how.extents, how.window.stride, how.window.pad, strict=True
        ):
            start = (extent - 1) * stride - pad
            self.layer.check(start < size, 0, bottoms[0], f"to reach the last window, which begins at {start}")
            padded *= size + 2 * pad
        self.layer.check(padded <= MOST_ELEMENTS, 0, bottoms[0], f"padded to at most {MOST_ELEMENTS} elements")
        return super()._fit(bottoms)

    def _compute(self, bottom: Tensor) -> Tensor:
        how = pooled_of(self.layer, tuple(bottom.shape))
        if bottom.numel() == 0:
            return bottom.reshape(tuple(self.tops((bottom,))[0]))
        is_max = how.method == "MAX"
        (top, left), (height, width) = how.window.pad, how.extents
        if top or left:
            bottom = functional.pad(bottom, (left, left, top, top), value=-math.inf if is_max else 0.0)
        pool = partial(functional.max_pool2d, dilation=how.window.dilation) if is_max else functional.avg_pool2d
        return pool(bottom, how.window.kernel, how.window.stride, ceil_mode=True)[:, :, :height, :width]


LAYERS: dict[str, type[CaffeLayer]] = {"Pooling": Pooling}
