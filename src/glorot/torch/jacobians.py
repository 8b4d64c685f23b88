"""The singular values of what a PyTorch model does between its points: all of them, or by Lanczos where it is wide."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glorot.graph import Folded, Forward
from glorot.graph.points import Point, points_of
from glorot.graph.readings import holders_of
from glorot.graph.spectra import (
    EXACT,
    Found,
    Values,
    check_apart,
    ends_of,
    first_alone,
    largest_by_lanczos,
    no_dependence,
    not_one_tensor,
)
from glorot.inventory import Inventory
from glorot.torch.calling import arguments_of, likeness
from glorot.torch.gathering import whole_in_each
from glorot.torch.locating import Call, Catching, Locating
from glorot.torch.losses import main_output
from glorot.torch.paths import bare
from glorot.torch.preserve import preserved, set_apart
from glorot.torch.seeing import graph, graph_on_meta


@whole_in_each
def jacobians(model: nn.Module, stock: Inventory, inputs: Any, forward: Forward | None = None) -> Found:
    """Return the singular values of each layer with its activation, and of the whole model; whether they are all.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: a batch of values, of which each example is taken by itself.
        forward: function (model, batch) that runs the model; by default it is called.

    Raises:
        GlorotError: if the model refuses the batch, or the batch holds whole numbers.
    """
    model = bare(model)
    args, kwargs = arguments_of(inputs, likeness(model.parameters()))
    if kwargs or len(args) != 1 or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
        raise not_one_tensor()
    locating = Locating()
    with locating.from_start_of(model):
        found = graph_on_meta(model, stock, inputs, locating.beside) if forward is None else None
        found = found or graph(model, stock, inputs, forward, beside=locating.beside)
    assert found is not None
    folded = Folded(found)
    with preserved(model):
        (start,) = set_apart(args)
        run = model if forward is None else partial(forward, model)
        return jacobians_of_run(model, run, start, folded, locating.calls)


def jacobians_of_run(
    model: Any, run: Callable[[Tensor], Any], start: Tensor, folded: Folded, calls: Mapping[int, Call]
) -> Found:
    """Return the same of a forward pass.

    Args:
        model: the model, whose calls are counted from its start on.
        run: function of a batch that runs it.
        start: the batch.
        folded: what the pass computes.
        calls: the calls that make its values, as `Locating` found them.

    Raises:
        GlorotError: if what the model returns does not depend on the batch, or examples depend on each other.
    """
    ends = ends_of(points_of(folded))
    with torch.enable_grad():
        start = start.detach().clone().requires_grad_()
        seen = _tensors_at(folded, calls, [point for point, _ in ends], model, partial(run, start))
        outputs = seen.pop(-1)
        _check_apart(start, outputs)
        layers, before = [], start
        for point, name in ends:
            if point.value in seen:
                values = singular_values(before, seen[point.value])
                layers += [(name, *values)] if values is not None else []
                before = seen[point.value]
        whole = singular_values(start, outputs)
    if whole is None:
        raise no_dependence()
    return layers, whole


def _tensors_at(
    folded: Folded, calls: Mapping[int, Call], points: Sequence[Point], model: Any, run: Callable[[], Any]
) -> dict[int, Tensor]:
    """Return the tensors at some points of a forward pass, and at −1 what the model returns."""
    seen: dict[int, Tensor] = {}
    holders = holders_of(folded, (call.value for call in sorted(calls.values())))
    wanted: dict[int, list[tuple[Call, Any]]] = defaultdict(list)
    for point in points:
        if point.value in holders:
            call = calls[holders[point.value]]
            wanted[call.number].append((call, point.value))
    catching = Catching(wanted, seen.__setitem__)
    with catching.from_start_of(model), catching:
        seen[-1] = main_output(run())
    return seen


def _check_apart(start: Tensor, outputs: Tensor) -> None:
    """Check that no example of a batch changes the outputs of another, where both begin with the examples."""
    if outputs.requires_grad and len(outputs) == len(start):
        weights = torch.as_tensor(first_alone(outputs.shape)).to(outputs)
        (back,) = torch.autograd.grad(outputs, start, weights, retain_graph=True, allow_unused=True)
        if back is not None:
            check_apart(back.detach().double().cpu().numpy())


def singular_values(before: Tensor, after: Tensor) -> tuple[Values, bool] | None:
    """Return the singular values of ∂after/∂before of each example, largest first; None if one isn't made of the other.

    Args:
        before: a tensor, its examples first.
        after: a tensor that was computed of it, each example of the same one.
    """
    if not after.requires_grad or len(after) != len(before):
        return None
    examples, outputs = len(after), math.prod(after.shape[1:])
    if outputs > EXACT:
        largest = _largest(before, after)
        return None if largest is None else (largest, False)
    flat = after.reshape(examples, outputs)
    rows = []
    for unit in range(outputs):  # examples do not meet, so that one derivative serves all of them
        (row,) = torch.autograd.grad(flat[:, unit].sum(), before, retain_graph=True, allow_unused=True)
        if row is None:
            return None
        rows.append(row.reshape(examples, -1))
    matrices = torch.stack(rows, dim=1).detach().double().cpu().numpy()
    return np.linalg.svd(matrices, compute_uv=False), True


def _largest(before: Tensor, after: Tensor) -> Values | None:
    """Return the largest singular values of each example, by Lanczos' method on products with the Jacobian."""
    probe = torch.zeros_like(after, requires_grad=True)
    (back,) = torch.autograd.grad(after, before, probe, create_graph=True, allow_unused=True)
    if back is None:
        return None
    sizes = math.prod(after.shape[1:]), math.prod(before.shape[1:])
    found = []
    for example in range(len(after)):

        def transposed(vector: Values, example: int = example) -> Values:
            weights = torch.zeros_like(after)
            weights[example] = torch.as_tensor(vector).reshape(after.shape[1:]).to(after)
            (made,) = torch.autograd.grad(after, before, weights, retain_graph=True)
            return made[example].detach().double().cpu().numpy().ravel()

        def applied(vector: Values, example: int = example) -> Values:
            weights = torch.zeros_like(before)
            weights[example] = torch.as_tensor(vector).reshape(before.shape[1:]).to(before)
            (made,) = torch.autograd.grad(back, probe, weights, retain_graph=True)
            return made[example].detach().double().cpu().numpy().ravel()

        found.append(largest_by_lanczos(sizes, applied, transposed))
    return np.stack(found)
