"""Lowering small nets to graphs, for tests."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from glorot.graph import Folded, Graph, Source
from glorot.graph.operations import Opaque
from glorot.inventory.seen import seen_in
from glorot.torch.graph import Lowered, lower


class Between(nn.Module):
    """Three layers, with a function between the first two."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(8, 8) for _ in range(3))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.tanh(self.b(self.function(self.a(x)))))


def leaves_of(
    model: nn.Module, slopes: Mapping[str, float] | None = None
) -> Callable[[Graph], list[tuple[Tensor, int]]]:
    """Return what adds the parameters of a model to a graph."""
    slopes = slopes or {}
    parameters = dict(model.named_parameters()).items()
    return lambda graph: [
        (tensor, graph.parameter(path, tensor.shape, slopes.get(path))) for path, tensor in parameters
    ]


def lowered(model: nn.Module, *batch: Any, slopes: Mapping[str, float] | None = None) -> tuple[Lowered, Folded]:
    """Run a model once, and understand what it computes."""
    lowering = lower(model, lambda: model(*batch), batch, leaves_of(model, slopes))
    return lowering, Folded(lowering.graph)


def source_before(function: Callable[[Tensor], Tensor]) -> Source:
    """Return what feeds a layer that stands after a function of another layer's output."""
    lowering, folded = lowered(Between(function), torch.linspace(-1, 1, 32).reshape(4, 8))
    assert lowering.error is None
    assert opaque(lowering) == []
    return seen_in(folded)["b.weight"].source


def roles(folded: Folded) -> dict[str, str]:
    """Return what each parameter is for: the first of its uses that says more than a shift."""
    found = {}
    for path, uses in folded.uses.items():
        names = [use.role for use in uses]
        found[path] = next((role for role in ("kernel", "embedding", "token", "slope") if role in names), names[0])
    return found


def opaque(lowering: Lowered) -> list[str]:
    """Return the names of the steps that were not understood."""
    return [step.operation.name for step in lowering.graph.steps if isinstance(step.operation, Opaque)]
