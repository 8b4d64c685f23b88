"""Layers that put blobs together, take them apart or give them another shape."""

from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.base import Shapes
from glorot.caffe.kinds.combining import joined_axis, operation_of, slice_points, softmax_axis
from glorot.caffe.modules.base import CaffeLayer, Result
from glorot.caffe.nets import Node


class Eltwise(CaffeLayer):
    """Caffe's Eltwise: the product, the weighted sum or the largest of several blobs."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.operation, self.coefficients = operation_of(node.layer)

    def _compute(self, *bottoms: Tensor) -> Tensor:
        if self.operation == "SUM":
            weighed = zip(self.coefficients, bottoms, strict=True)
            return reduce(torch.add, (bottom if factor == 1 else factor * bottom for factor, bottom in weighed))
        return reduce(torch.mul if self.operation == "PROD" else torch.maximum, bottoms)


class Concat(CaffeLayer):
    """Caffe's Concat."""

    def _compute(self, *bottoms: Tensor) -> Tensor:
        return torch.cat(bottoms, joined_axis(self.layer, "concat_param", "concat_dim", bottoms[0].dim()))


class Slice(CaffeLayer):
    """Caffe's Slice."""

    def _compute(self, bottom: Tensor) -> tuple[Tensor, ...]:
        axis, edges = slice_points(self.layer, tuple(bottom.shape))
        return tuple(torch.split(bottom, [stop - start for start, stop in pairwise(edges)], axis))


class Split(CaffeLayer):
    """Caffe's Split: the same blob under several names."""

    def _compute(self, bottom: Tensor) -> tuple[Tensor, ...]:
        return (bottom,) * len(self.layer.tops)


class Flatten(CaffeLayer):
    """Caffe's Flatten."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return bottom.reshape(tuple(self.tops((bottom,))[0]))


class Reshape(Flatten):
    """Caffe's Reshape.

    A size that the file writes out for the axis of examples, as in `shape { dim: 64 dim: -1 }`, stands for as many
    examples as there are.
    """

    def _fit(self, bottoms: Shapes) -> Shapes:
        (declared,), (actual,) = self.node.bottoms, bottoms
        if declared and actual and declared[:1] == self.node.tops[0][:1]:
            ((_, *rest),) = super()._fit([(declared[0], *actual[1:])])
            return [(actual[0], *rest)]
        return super()._fit(bottoms)


class Softmax(CaffeLayer):
    """Caffe's Softmax."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.softmax(bottom, softmax_axis(self.layer, tuple(bottom.shape)))


class Silence(CaffeLayer):
    """Caffe's Silence, which reads blobs so that they are no outputs."""

    def _compute(self, *bottoms: Tensor) -> Result:
        return ()


LAYERS: dict[str, type[CaffeLayer]] = {
    "Eltwise": Eltwise,
    "Concat": Concat,
    "Slice": Slice,
    "Split": Split,
    "Flatten": Flatten,
    "Reshape": Reshape,
    "Softmax": Softmax,
    "Silence": Silence,
}
