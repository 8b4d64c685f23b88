"""SoftmaxWithLoss and Accuracy: what is held against labels."""

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.combining import softmax_axis
from glorot.caffe.kinds.losses import accuracy_axis
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node

NORMALIZATIONS = {"FULL": 0, "VALID": 1, "BATCH_SIZE": 2, "NONE": 3}

LARGEST_LOSS = -math.log(torch.finfo(torch.float32).tiny)
"""87.34: what Caffe tells at most, as it takes no probability for smaller than the smallest normal number."""


class _Judging(CaffeLayer):
    """A layer that holds scores against labels, of which some may not count."""

    settings: str

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings(self.settings)
        self.ignored = at.integer("ignore_label") if at.has("ignore_label") else None
        self.axis = self._class_axis(node)

    @abstractmethod
    def _class_axis(self, node: Node) -> int:
        """Return the axis of classes."""

    def labelled(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the labels with the axes of the scores, one of them for the classes, and which of them count."""
        known = labels.reshape(*scores.shape[: self.axis], 1, *scores.shape[self.axis + 1 :]).long()
        counts = torch.ones_like(known, dtype=torch.bool) if self.ignored is None else known != self.ignored
        known = known.where(counts, 0)
        self.check_range(1, known, scores.shape[self.axis])
        return known, counts


class SoftmaxWithLoss(_Judging):
    """Caffe's SoftmaxWithLoss: the mean of −log p over the labels that count."""

    settings = "loss_param"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings(self.settings)
        older = "VALID" if at.flag("normalize", True) else "BATCH_SIZE"
        self.normalization = at.choice("normalization", older, NORMALIZATIONS)

    def _class_axis(self, node: Node) -> int:
        return softmax_axis(node.layer, node.bottoms[0])

    def _compute(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        known, counts = self.labelled(scores, labels)
        logs = functional.log_softmax(scores, self.axis)
        losses = -logs.gather(self.axis, known)
        losses = losses + (losses.clamp(max=LARGEST_LOSS) - losses).detach()  # the gradient goes on as if unbounded
        loss = losses.where(counts, 0).sum() / max(1, self._number(counts))
        return (loss, logs.exp())[: len(self.layer.tops) or 1]

    def _number(self, counts: Tensor) -> int:
        """Return what the sum of the losses is divided by."""
        match self.normalization:
            case "VALID":
                return int(counts.sum())
            case "BATCH_SIZE":
                return math.prod(counts.shape[: self.axis])
            case "FULL":
                return counts.numel()
            case _:
                return 1


class Accuracy(_Judging):
    """Caffe's Accuracy: the share of labels whose score is among the `top_k` best.

    Of equal scores that of the larger label is the better one, as in Caffe, which sorts pairs (score, label).
    """

    settings = "accuracy_param"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.best = node.layer.settings(self.settings).integer("top_k", 1)

    def _class_axis(self, node: Node) -> int:
        return accuracy_axis(node.layer, node.bottoms[0])

    @torch.no_grad()
    def _compute(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        known, counts = self.labelled(scores, labels)
        score, classes = scores.gather(self.axis, known), torch.arange(scores.shape[self.axis], device=scores.device)
        is_later = classes.reshape(-1, *(1,) * (scores.dim() - self.axis - 1)) > known
        is_better = (scores > score) | (~(scores < score) & is_later)  # nan is equal to all, as in pairs of C++
        hits = (is_better.sum(self.axis, keepdim=True) < self.best) & counts
        is_of_class = (known[counts][:, None] == classes).to(scores)
        hits_of_class = is_of_class[hits[counts]].sum(0) / is_of_class.sum(0).clamp(min=1)
        return (hits.sum().to(scores) / counts.sum().clamp(min=1), hits_of_class)[: len(self.layer.tops)]


LAYERS: dict[str, type[CaffeLayer]] = {"SoftmaxWithLoss": SoftmaxWithLoss, "Accuracy": Accuracy}
