"""Layers that several forks have added to Caffe, as far as they can be run."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.forks import gathers, scale_of
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node


class BN(CaffeLayer):
    """SegNet's BN, which takes the statistics of the batch at all times, and PSPNet's, which gathers averages."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings("bn_param")
        self.gathers, self.is_frozen = gathers(node.layer), at.flag("frozen")
        self.eps = at.number("eps", 1e-5 if self.gathers else 1e-9)
        self.fraction = at.number("momentum", 0.9)

    def _compute(self, bottom: Tensor) -> Tensor:
        scale, shift = self.blob(0).flatten(), self.blob(1).flatten()
        if self.gathers and (self.is_frozen or not self.is_in_training):
            mean, variance = self.blob(2).flatten(), self.blob(3).flatten()
            return torch.batch_norm(bottom, scale, shift, mean, variance, False, 0.0, self.eps, False)
        self.layer.check(bottom.numel() > 0, 0, tuple(bottom.shape), "to hold numbers to average")
        if self.gathers and self.training:
            self._gather(bottom)
        return torch.batch_norm(bottom, scale, shift, None, None, True, 0.0, self.eps, False)

    @torch.no_grad()
    def _gather(self, bottom: Tensor) -> None:
        variance, mean = torch.var_mean(bottom, [0, 2, 3], correction=0, keepdim=True)
        self.blob(2).lerp_(mean, 1 - self.fraction)
        self.blob(3).lerp_(variance, 1 - self.fraction)


class ReLU6(CaffeLayer):
    """ReLU6 of the MobileNets: a ReLU that ends at 6."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.relu6(bottom)


class Mish(CaffeLayer):
    """Mish of YOLOv4."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.mish(bottom)


class Interp(CaffeLayer):
    """DeepLab's Interp: bilinear, with corners on corners."""

    def _compute(self, *bottoms: Tensor) -> Tensor:
        at = self.layer.settings("interp_param")
        begin, end = at.integer("pad_beg", 0), at.integer("pad_end", 0)
        margins = (begin, end, begin, end)
        size = tuple(self.tops(bottoms)[0][2:])
        return functional.interpolate(functional.pad(bottoms[0], margins), size, mode="bilinear", align_corners=True)


class Upsample(CaffeLayer):
    """The Upsample of YOLO, which repeats numbers; that of SegNet reads a mask and cannot be run."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        if len(node.bottoms) > 1 or scale_of(node.layer) is None:
            raise node.layer.error("to_torch upsamples one blob by a scale, and reads no mask", field="bottom")

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.interpolate(bottom, tuple(self.tops((bottom,))[0][2:]), mode="nearest")


class ShuffleChannel(CaffeLayer):
    """ShuffleNet's ShuffleChannel."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.channel_shuffle(bottom, self.layer.settings("shuffle_channel_param").integer("group", 1))


class Axpy(CaffeLayer):
    """SENet's Axpy: a·x + y, with a factor a for each map."""

    def _compute(self, factors: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return factors.reshape(*first.shape[:2], *(1,) * (first.dim() - 2)) * first + second


LAYERS: dict[str, Callable[[Node], CaffeLayer]] = {
    "BN": BN,
    "ReLU6": ReLU6,
    "Mish": Mish,
    "Interp": Interp,
    "Upsample": Upsample,
    "ShuffleChannel": ShuffleChannel,
    "Axpy": Axpy,
}
