"""Checks look through what wrappers such as `torch.compile` put around a model or a part of it."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import glorot


def alike() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    nn.init.constant_(model[0].weight, 0.1)
    return model


def compiled(model: nn.Module) -> nn.Module:
    return torch.compile(model, backend="eager")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("wrap", "path", "count"),
    [
        (compiled, "0.weight", 4),
        (nn.DataParallel, "0.weight", 4),
        (lambda model: nn.Sequential(compiled(model), nn.Linear(10, 3)), "0.0.weight", 6),
    ],
    ids=["compiled", "DataParallel", "a compiled part"],
)
def test_all_tensors_are_looked_at(wrap: Callable[[nn.Module], nn.Module], path: str, count: int) -> None:
    report = glorot.check(wrap(alike()))
    assert report.looked_at == count
    assert [(one.code, one.paths) for one in report.findings] == [("GL201", (path,))]
