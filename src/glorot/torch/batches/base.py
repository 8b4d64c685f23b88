"""What a made batch is."""

import inspect
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


def signal(*shape: int) -> Tensor:
    """Return normal numbers, drawn without the generator of the process."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def integers(low: int, high: int, *shape: int) -> Tensor:
    """Return whole numbers from low to below high, drawn without the generator of the process."""
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(0))
