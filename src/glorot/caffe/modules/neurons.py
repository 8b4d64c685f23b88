"""Layers that treat every number by itself: activations, powers and dropout."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.neurons import log_of_base
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node

LINEAR_FROM = 50.0
"""Where Caffe takes log(1 + exp(x)) for x."""


class ReLU(CaffeLayer):
    """Caffe's ReLU, whose slope for negative numbers may be other than 0."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.slope = node.layer.settings("relu_param").number("negative_slope", 0.0)

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.leaky_relu(bottom, self.slope) if self.slope else functional.relu(bottom)


class PReLU(CaffeLayer):
    """Caffe's PReLU: one slope for each channel, or one for all."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.prelu(bottom, self.blob(0))


class ELU(CaffeLayer):
    """Caffe's ELU."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.alpha = node.layer.settings("elu_param").number("alpha", 1.0)

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.elu(bottom, self.alpha)


class TanH(CaffeLayer):
    """Caffe's TanH."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return torch.tanh(bottom)


class Sigmoid(CaffeLayer):
    """Caffe's Sigmoid."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return torch.sigmoid(bottom)


class BNLL(CaffeLayer):
    """Caffe's BNLL: log(1 + exp(x))."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return functional.softplus(bottom, threshold=LINEAR_FROM)


class AbsVal(CaffeLayer):
    """Caffe's AbsVal."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return bottom.abs()


class _Shifted(CaffeLayer):
    """A layer that takes shift + scale·x first."""

    def __init__(self, node: Node, settings: str) -> None:
        super().__init__(node)
        at = node.layer.settings(settings)
        self.scale, self.shift = at.number("scale", 1.0), at.number("shift", 0.0)

    def _shifted(self, bottom: Tensor) -> Tensor:
        scaled = bottom if self.scale == 1 else bottom * self.scale
        return scaled if self.shift == 0 else scaled + self.shift


class Power(_Shifted):
    """Caffe's Power: (shift + scale·x)^power."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, "power_param")
        self.power = node.layer.settings("power_param").number("power", 1.0)

    def _compute(self, bottom: Tensor) -> Tensor:
        value = self._shifted(bottom)
        return value if self.power == 1 else value.pow(self.power)


class Exp(_Shifted):
    """Caffe's Exp: base^(shift + scale·x)."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, "exp_param")
        self.factor = log_of_base(node.layer, "exp_param")

    def _compute(self, bottom: Tensor) -> Tensor:
        value = self._shifted(bottom)
        return torch.exp(value if self.factor == 1 else value * self.factor)


class Log(_Shifted):
    """Caffe's Log: the logarithm of shift + scale·x to a base."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, "log_param")
        self.divisor = log_of_base(node.layer, "log_param")
        if self.divisor == 0:
            raise node.layer.error("there is no logarithm to base 1", node.layer.settings("log_param"), "base")

    def _compute(self, bottom: Tensor) -> Tensor:
        value = torch.log(self._shifted(bottom))
        return value if self.divisor == 1 else value / self.divisor


class Dropout(CaffeLayer):
    """Caffe's Dropout: in training, what is kept is scaled by 1/(1 − ratio).

    With `scale_train: false`, as DeepLab and SSD have it, nothing is scaled in training, and everything by 1 − ratio
    otherwise. With `sample_weights_test: true`, as SegNet has it, numbers are dropped at all times.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings("dropout_param")
        self.ratio = at.number("dropout_ratio", 0.5)
        if not 0 <= self.ratio < 1:
            raise node.layer.error(f"dropout_ratio must lie from 0 to below 1, got {self.ratio:g}", at, "dropout_ratio")
        self.factor = 1.0 if at.flag("scale_train", True) else 1 - self.ratio
        self.is_always_on = at.flag("sample_weights_test")

    def _compute(self, bottom: Tensor) -> Tensor:
        kept = functional.dropout(bottom, self.ratio, self.is_in_training or self.is_always_on)
        return kept if self.factor == 1 else kept * self.factor


LAYERS: dict[str, Callable[[Node], CaffeLayer]] = {
    "ReLU": ReLU,
    "PReLU": PReLU,
    "ELU": ELU,
    "TanH": TanH,
    "Sigmoid": Sigmoid,
    "BNLL": BNLL,
    "AbsVal": AbsVal,
    "Power": Power,
    "Exp": Exp,
    "Log": Log,
    "Dropout": Dropout,
}
