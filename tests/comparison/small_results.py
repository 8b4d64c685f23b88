"""Small comparisons that were really trained, for what becomes of a result: files, frames and how it is shown."""

from functools import cache

import numpy as np
import torch
from torch import nn

import glorot
from glorot import Comparison

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype(np.float32)
CLASSES = np.arange(24) % 3
VALUES = X @ RNG.normal(size=(4, 2)).astype(np.float32)


def net(outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, outputs))


@cache
def usual() -> Comparison:
    """Three recipes that classify, one of them dead."""
    return glorot.compare(net(3), (X, CLASSES, X, CLASSES), ["zeros", "xavier", "random(1)"], 2, epochs=2)


@cache
def diverged() -> Comparison:
    """A regression whose loss becomes infinite, then NaN, so that many figures are no numbers."""
    data = (X, VALUES, X, VALUES)

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, 1e12)  # type: ignore[arg-type]

    return glorot.compare(net(2), data, ["zeros", "random(3)"], 2, epochs=3, optimizer=optimizer)
