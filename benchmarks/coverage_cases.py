"""A model of a library and the batch that it takes: what the scripts of coverage and the oracle run."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Case(NamedTuple):
    """A model: how it is built, and the batch that it takes, as positional (tuple) or named arguments (dict)."""

    build: Callable[[], nn.Module]
    batch: Callable[[], Any]


Cases = Mapping[str, Case]


def image(size: int = 32, channels: int = 3, count: int = 2, rank: int = 2) -> Callable[[], tuple[Tensor, ...]]:
    """Return what makes a batch of images."""
    return lambda: (torch.randn(count, channels, *[size] * rank),)


def words(length: int = 7, count: int = 2, many: int = 100) -> Callable[[], tuple[Tensor, ...]]:
    """Return what makes a batch of sentences."""
    return lambda: (torch.randint(3, many, (count, length)),)


def of_classes(home: Any, rows: Mapping[str, Any], batch: Callable[[], Any]) -> dict[str, Case]:
    """Return a case for each class of a module by its arguments, which are a dict, or a (dict, batch) pair."""
    cases = {}
    for name, row in rows.items():
        arguments, own = row if isinstance(row, tuple) else (row, batch)
        made = getattr(home, name.partition(" ")[0])
        cases[name] = Case(lambda made=made, arguments=arguments: made(**arguments), own)
    return cases
