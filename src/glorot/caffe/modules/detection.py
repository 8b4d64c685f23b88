"""Layers that SSD has added to Caffe: Permute and PriorBox."""

import math

import torch
from torch import Tensor

from glorot.caffe.kinds.detection import Priors, order_of, priors_of
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node


class Permute(CaffeLayer):
    """SSD's Permute: the axes in another order."""

    def _compute(self, bottom: Tensor) -> Tensor:
        return bottom.permute(order_of(self.layer, tuple(bottom.shape)))


class PriorBox(CaffeLayer):
    """SSD's PriorBox: boxes around each place of a map, as shares of the image, and four variances for each."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.priors = priors_of(node.layer)

    def _compute(self, features: Tensor, image: Tensor) -> Tensor:
        priors, (rows, columns) = self.priors, features.shape[2:]
        height, width = priors.image or (float(image.shape[2]), float(image.shape[3]))
        down, right = priors.step or (height / rows, width / columns)
        y = (torch.arange(rows, dtype=torch.float64) + priors.offset) * down / height
        x = (torch.arange(columns, dtype=torch.float64) + priors.offset) * right / width
        centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[:, :, None]  # rows, columns, 1, (x, y)
        halves = torch.tensor(_sizes(priors), dtype=torch.float64) / 2 / torch.tensor([width, height])
        boxes = torch.cat([centres - halves, centres + halves], -1)
        boxes = boxes.clamp(0, 1) if priors.is_clipped else boxes
        variances = torch.tensor(priors.variances, dtype=torch.float64).expand_as(boxes)
        return torch.stack([boxes.flatten(), variances.flatten()])[None].to(features)


def _sizes(priors: Priors) -> list[tuple[float, float]]:
    """Return width and height of the boxes at one place: squares first, then the aspect ratios."""
    found = []
    for index, smallest in enumerate(priors.smallest):
        squares = [smallest, math.sqrt(smallest * priors.largest[index])] if priors.largest else [smallest]
        found += [(side, side) for side in squares]
        found += [(smallest * math.sqrt(ratio), smallest / math.sqrt(ratio)) for ratio in priors.ratios]
    return found


LAYERS: dict[str, type[CaffeLayer]] = {"Permute": Permute, "PriorBox": PriorBox}
