"""Convolution and Deconvolution."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.base import Shapes
from glorot.caffe.kinds.convolution import Convolving, convolving_of
from glorot.caffe.modules.base import CaffeLayer, Result
from glorot.caffe.nets import Node


class _Convolving(CaffeLayer):
    """A layer that convolves each blob that it reads with the same weights, by the function for its spatial axes."""

    functions: ClassVar[dict[int, Callable[..., Tensor]]]

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.how: Convolving = convolving_of(node.layer, node.bottoms[0])
        spatial = len(self.how.window.kernel)
        if not 1 <= spatial <= 3:
            raise node.layer.error(f"to_torch convolves along 1 to 3 spatial axes, got {spatial}")

    def _fit(self, bottoms: Shapes) -> Shapes:
        sizes = bottoms[0][self.how.axis + 1 :]
        self.layer.check(all(sizes), 0, bottoms[0], "to have no spatial axis of size 0")
        return super()._fit(bottoms)

    def _compute(self, *bottoms: Tensor) -> Result:
        results = tuple(self._one(bottom) for bottom in bottoms)
        return results if len(results) > 1 else results[0]

    def _one(self, bottom: Tensor) -> Tensor:
        axis = self.how.axis
        if axis == 1:
            return self._convolve(bottom)
        result = self._convolve(bottom.reshape(-1, *bottom.shape[axis:]))
        return result.reshape(*bottom.shape[:axis], *result.shape[1:])

    def _convolve(self, images: Tensor) -> Tensor:
        _, stride, padding, dilation = self.how.window
        settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": self.how.groups}
        return self.functions[len(stride)](images, self.blob(0), self.bias(), **settings)


class Convolution(_Convolving):
    """Caffe's Convolution."""

    functions: ClassVar = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


class Deconvolution(_Convolving):
    """Caffe's Deconvolution: the gradient of a Convolution with regard to what it reads."""

    functions: ClassVar = {
        1: functional.conv_transpose1d,
        2: functional.conv_transpose2d,
        3: functional.conv_transpose3d,
    }


LAYERS: dict[str, type[CaffeLayer]] = {
    **dict.fromkeys(("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution"), Convolution),
    "Deconvolution": Deconvolution,
}
