"""Watching a Keras model on PyTorch: its operators are followed once, and then intercepted."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from glorot.graph import Folded, Graph
from glorot.graph.readings import FirstStep, Observed
from glorot.graph.spectra import Found
from glorot.keras.graph.calls import Pass, stored_of
from glorot.torch.graph import lower
from glorot.torch.jacobians import jacobians_of_run
from glorot.torch.locating import Call as Located
from glorot.torch.locating import Locating
from glorot.torch.observing import Watch, observe_run


def observe(
    given: Pass,
    targets: Any,
    loss: Any,
    step: FirstStep | None = None,
) -> Observed:
    """Return what a pass shows.

    Args:
        given: the pass.
        targets: what the loss compares the outputs with, or None.
        loss: the loss, or None for the usual one.
        step: tries an optimiser's first step.
    """
    run, tensors, values = _run_of(given)
    folded, calls = _followed(given, run, tensors, values)
    weights = {
        given.paths[id(variable)]: value
        for variable, value in zip(given.call.variables, values, strict=True)
        if id(variable) in given.paths
    }
    watch = Watch(folded, calls)
    return observe_run(given.call.model, partial(run, *tensors), tensors, watch, weights, targets, loss, step)


def jacobians(given: Pass) -> Found:
    """Return the singular values of the Jacobians of a pass."""
    run, tensors, values = _run_of(given)
    folded, calls = _followed(given, run, tensors, values)
    return jacobians_of_run(given.call.model, run, tensors[0], folded, calls)


def _run_of(given: Pass) -> tuple[Callable[..., Any], list[Tensor], list[Tensor]]:
    """Return a function that runs a model on a batch, the tensors of its batch, and the values of its variables."""
    call = given.call
    values = [variable.value.detach() for variable in call.variables]
    for value, variable in zip(values, call.variables, strict=True):
        value.requires_grad_(id(variable) in given.paths and value.is_floating_point())
    device = values[0].device if values else "cpu"

    def run(*batch: Tensor) -> Any:
        found = call.run(values, batch)
        return found[0] if len(found) == 1 else found

    return run, [torch.as_tensor(one, device=device) for one in given.batch], values


def _followed(
    given: Pass, run: Callable[..., Any], tensors: Sequence[Tensor], values: Sequence[Tensor]
) -> tuple[Folded, dict[int, Located]]:
    """Return what a model computes, and the calls that make its values."""
    call, paths = given.call, given.paths

    def leaves(graph: Graph) -> list[tuple[Tensor, int]]:
        stored = zip(call.variables, values, stored_of(call, graph, paths, given.slopes), strict=True)
        return [(value, leaf) for variable, value, leaf in stored if id(variable) in paths]

    locating = Locating()
    with locating.from_start_of(call.model):
        lowered = lower(call.model, partial(run, *tensors), tensors, leaves, beside=locating.beside)
    if lowered.error is not None:
        raise lowered.error
    return Folded(lowered.graph), locating.calls
