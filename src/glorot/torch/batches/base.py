"""What a made batch is."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """A batch that glorot made.

    Attributes:
        inputs: what the model is called with, as for `glorot.plan`.
        invented: whether the sizes of its maps were made up, so that nothing is counted on them.
    """

    inputs: Any
    invented: bool = False


def required(takes: Mapping[str, inspect.Parameter]) -> list[str]:
    """Return the names of the arguments that a forward pass cannot do without."""
    return [name for name, one in takes.items() if one.default is one.empty]


MOST = 1_000_000
"""Elements of a batch that takes memory; what a model computes of a larger one is not known by its numbers."""


def signal(*shape: int) -> Tensor:
    """Return normal numbers, drawn without the generator of the process; many of them take no memory."""
    if math.prod(shape) > MOST:
        return torch.empty(shape, device="meta")
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def integers(low: int, high: int, *shape: int) -> Tensor:
    """Return whole numbers from low to below high, drawn without the generator of the process."""
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(0))
