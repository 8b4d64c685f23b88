"""Layers that normalise or scale: LRN, BatchNorm, Normalize, Scale and Bias."""

import torch
from torch import Tensor
from torch.nn import functional

from glorot.caffe.kinds.base import Shapes
from glorot.caffe.kinds.norms import ACROSS, REGIONS, has_factors, scaled_axes
from glorot.caffe.modules.base import CaffeLayer
from glorot.caffe.nets import Node


class LRN(CaffeLayer):
    """Caffe's LRN.

    across channels: x / (k + α·m)^β, m the mean of x² over `local_size` channels
    within a channel: x / (1 + α·m)^β, m the mean of x² over a square of that side; what lies outside counts as 0
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings("lrn_param")
        self.size, self.region = at.integer("local_size", 5), at.choice("norm_region", ACROSS, REGIONS)
        self.alpha, self.beta, self.k = at.number("alpha", 1.0), at.number("beta", 0.75), at.number("k", 1.0)

    def _compute(self, bottom: Tensor) -> Tensor:
        if bottom.numel() == 0:
            return bottom
        is_across = self.region == ACROSS
        size = min(self.size, 2 * max(bottom.shape[1:2] if is_across else bottom.shape[2:]) + 1)  # beyond, all is 0
        alpha = self.alpha * (size / self.size) ** (1 if is_across else 2)
        if is_across:
            return functional.local_response_norm(bottom, size, alpha, self.beta, self.k)
        mean = functional.avg_pool2d(bottom.square(), size, 1, size // 2)
        return bottom * (1 + alpha * mean).pow(-self.beta)


class BatchNorm(CaffeLayer):
    """Caffe's BatchNorm, which has no factors of its own, and that of NVIDIA's fork, which has by `scale_bias`.

    Caffe's: training gathers sums in its blobs, S ← λ·S + batch, of means, of variances and of 1; divided by the last,
    they are the averages that it normalises with otherwise. NVIDIA's gathers averages, A ← λ·A + (1 − λ)·batch.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings("batch_norm_param")
        self.uses_averages = at.flag("use_global_stats") if at.has("use_global_stats") else None
        self.fraction, self.eps = at.number("moving_average_fraction", 0.999), at.number("eps", 1e-5)
        self.has_factors = has_factors(node.layer)

    def _fit(self, bottoms: Shapes) -> Shapes:
        self.layer.check(len(bottoms[0]) > 0, 0, bottoms[0], "to have an axis of examples")
        return super()._fit(bottoms)

    def _compute(self, bottom: Tensor) -> Tensor:
        values = bottom if bottom.dim() > 1 else bottom.unsqueeze(1)
        from_averages = not self.is_in_training if self.uses_averages is None else self.uses_averages
        self.layer.check(from_averages or bottom.numel() > 0, 0, tuple(bottom.shape), "to hold numbers to average")
        mean, variance = self._averages() if from_averages else (None, None)
        if self.training and not from_averages:
            self._gather(values)
        scale, shift = (self.blob(3), self.blob(4)) if self.has_factors else (None, None)
        normed = torch.batch_norm(
            values, scale, shift, mean, variance, not from_averages, 0.0, self.eps, torch.backends.cudnn.enabled
        )
        return normed.reshape(bottom.shape)

    def _averages(self) -> tuple[Tensor, Tensor]:
        if self.has_factors:
            return self.blob(0), self.blob(1)
        count = self.blob(2)
        factor = torch.where(count == 0, 0, 1 / count)
        return self.blob(0) * factor, self.blob(1) * factor

    @torch.no_grad()
    def _gather(self, values: Tensor) -> None:
        """Add the statistics of a batch to the sums, or to the averages."""
        variance, mean = torch.var_mean(values, [axis for axis in range(values.dim()) if axis != 1], correction=0)
        number = values.numel() // values.shape[1]
        unbiased = variance * (number / (number - 1)) if number > 1 else variance
        if self.has_factors:
            for index, statistic in enumerate((mean, variance)):
                self.blob(index).lerp_(statistic, 1 - self.fraction)
            return
        for index, statistic in enumerate((mean, unbiased, torch.ones_like(self.blob(2)))):
            self.blob(index).mul_(self.fraction).add_(statistic)


class Normalize(CaffeLayer):
    """SSD's Normalize: x/√(Σx² + ε) times a factor; the sum goes over channels, with `across_spatial` over all."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        at = node.layer.settings("norm_param")
        self.is_across, self.eps = at.flag("across_spatial", True), at.number("eps", 1e-10)

    def _compute(self, bottom: Tensor) -> Tensor:
        axes = list(range(1, bottom.dim())) if self.is_across else [1]
        norm = (bottom.square().sum(axes, keepdim=True) + self.eps).sqrt()
        return bottom / norm * self.blob(0).reshape(-1, *(1,) * (bottom.dim() - 2))


class _Broadcasting(CaffeLayer):
    """A layer whose factors, blobs of its own or a second blob that it reads, cover some of the axes."""

    settings: str

    def spread(self, factors: Tensor, bottoms: tuple[Tensor, ...]) -> Tensor:
        """Return factors with axes of 1 behind, so that they lie along the axes of the first blob that they cover."""
        axis, covered = scaled_axes(self.layer, self.settings, [tuple(bottom.shape) for bottom in bottoms])
        return factors.reshape((*covered, *(1,) * (bottoms[0].dim() - axis - len(covered))))

    def factors(self, bottoms: tuple[Tensor, ...]) -> Tensor:
        """Return what the first blob is scaled or shifted by."""
        return self.spread(bottoms[1] if len(bottoms) > 1 else self.blob(0), bottoms)


class Scale(_Broadcasting):
    """Caffe's Scale: a product with factors along some axes, and perhaps a bias along the same.

    With a factor for each channel it is the second half of what PyTorch calls a batch norm, and is computed as one, so
    that a probe knows it for no mixing of units.
    """

    settings = "scale_param"

    def _compute(self, *bottoms: Tensor) -> Tensor:
        bias = self.bias(2 - len(bottoms))
        is_batch = bottoms[0].dim() > 1 and bottoms[0].numel() > 0
        if len(bottoms) == 1 and is_batch and self._covers_channels(bottoms[0]):
            factors = self.blob(0)
            mean, variance = torch.zeros_like(factors), torch.ones_like(factors)
            return torch.batch_norm(bottoms[0], factors, bias, mean, variance, False, 0.0, 0.0, False)
        scaled = bottoms[0] * self.factors(bottoms)
        return scaled if bias is None else scaled + self.spread(bias, bottoms)

    def _covers_channels(self, bottom: Tensor) -> bool:
        axis, covered = scaled_axes(self.layer, self.settings, [tuple(bottom.shape)])
        return axis == len(covered) == 1


class Bias(_Broadcasting):
    """Caffe's Bias: a sum with numbers along some axes."""

    settings = "bias_param"

    def _compute(self, *bottoms: Tensor) -> Tensor:
        return bottoms[0] + self.factors(bottoms)


LAYERS: dict[str, type[CaffeLayer]] = {
    "LRN": LRN,
    "BatchNorm": BatchNorm,
    "Normalize": Normalize,
    "Scale": Scale,
    "Bias": Bias,
}
