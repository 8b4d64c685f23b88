"""InnerProduct and Embed."""

from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.dense import product_of
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node


class InnerProduct(CaffeLayer):
    """Caffe's InnerProduct: a product with all axes from `axis` on, taken as one."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.how = product_of(node.layer, node.bottoms[0])

    def _compute(self, bottom: Tensor) -> Tensor:
        weights = self.blob(0).t() if self.how.is_transposed else self.blob(0)
        return functional.linear(bottom.reshape(*bottom.shape[: self.how.axis], self.how.inputs), weights, self.bias())


class Embed(CaffeLayer):
    """Caffe's Embed: a row of weights for each number that it reads."""

    def _compute(self, bottom: Tensor) -> Tensor:
        numbers, weights, bias = bottom.long(), self.blob(0), self.bias()
        self.check_range(0, numbers, len(weights))
        rows = functional.embedding(numbers, weights)
        return rows if bias is None else rows + bias


LAYERS: dict[str, type[CaffeLayer]] = {"InnerProduct": InnerProduct, "Embed": Embed}
