"""Watching a Keras model on PyTorch: the operators that it runs are followed, and then caught."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from glorot.graph import Folded, Graph
from glorot.graph.readings import FirstStep, Observed
from glorot.keras.graph.calls import Call, stored_of
from glorot.torch.graph import lower
from glorot.torch.locating import Locating
from glorot.torch.observing import Watch, observe_run


def observe(
    call: Call,
    paths: Mapping[int, str],
    slopes: Mapping[int, float],
    batch: Sequence[Any],
    targets: Any,
    loss: Any,
    step: FirstStep | None = None,
) -> Observed:
    """Return what a call shows.

    Args:
        call: the call.
        paths: the paths of the variables that hold weights, by their ids.
        slopes: where the slopes of PReLUs start, by the ids of their variables.
        batch: its arrays.
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
        step: tries an optimiser's first step.
    """
    values = [variable.value.detach() for variable in call.variables]
    for value, variable in zip(values, call.variables, strict=True):
        value.requires_grad_(id(variable) in paths and value.is_floating_point())
    device = values[0].device if values else "cpu"
    tensors = [torch.as_tensor(one, device=device) for one in batch]

    def run() -> Any:
        found = call.run(values, tensors)
        return found[0] if len(found) == 1 else found

    def leaves(graph: Graph) -> list[tuple[torch.Tensor, int]]:
        stored = zip(call.variables, values, stored_of(call, graph, paths, slopes), strict=True)
        return [(value, leaf) for variable, value, leaf in stored if id(variable) in paths]

    locating = Locating()
    with locating.from_start_of(call.model):
        lowered = lower(call.model, run, tensors, leaves, beside=locating.beside)
    if lowered.error is not None:
        raise lowered.error
    weights = {
        paths[id(variable)]: value
        for variable, value in zip(call.variables, values, strict=True)
        if id(variable) in paths
    }
    watch = Watch(Folded(lowered.graph), locating.calls)
    return observe_run(call.model, run, tensors, watch, weights, targets, loss, step)
