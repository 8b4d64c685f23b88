"""From a PyTorch model and a batch to its graph."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from glorot.errors import GlorotError
from glorot.graph import Forward, Graph
from glorot.inventory import Inventory, Parameter
from glorot.inventory.leaves import add_leaf
from glorot.torch.batches import Batch, arguments, batches, repaired, required
from glorot.torch.calling import arguments_of, call, likeness, refused_batch
from glorot.torch.gathering import whole
from glorot.torch.graph import Lowered, lower
from glorot.torch.graph.lowering import Beside, Leaves
from glorot.torch.graph.truth import UnknownElementsError
from glorot.torch.parametrized import Computed, computed_in, stored_in
from glorot.torch.paths import bare, structural
from glorot.torch.preserve import preserved


def graph(
    model: nn.Module,
    stock: Inventory,
    inputs: Any = None,
    forward: Forward | None = None,
    *,
    beside: Beside | None = None,
) -> Graph | None:
    """Return what a PyTorch model computes of a batch.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch.
        forward: function (model, batch) that runs the model; by default it is called.
        beside: as for `glorot.torch.graph.lower`.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    model = bare(model)
    with whole(model, on_meta=True):  # what is sharded need not be gathered for that
        if inputs is None:
            own = own_batch(model, stock)
            return None if own is None else own[1]
        return _graph_of(model, stock, inputs, forward, beside)


def _graph_of(model: nn.Module, stock: Inventory, inputs: Any, forward: Forward | None, beside: Beside | None) -> Graph:
    with preserved(model), torch.no_grad():
        lowered = _lowered(model, stock, inputs, forward, beside)
    if isinstance(lowered.error, GlorotError) and not isinstance(lowered.error, UnknownElementsError):
        raise lowered.error
    if lowered.error is None or (isinstance(lowered.error, UnknownElementsError) and lowered.graph.steps):
        return lowered.graph
    more = _what_it_takes(model, inputs)
    raise refused_batch(model, inputs, lowered.layer, lowered.error, more) from lowered.error


def _lowered(
    model: nn.Module, stock: Inventory, inputs: Any, forward: Forward | None, beside: Beside | None
) -> Lowered:
    """Run a model on a batch as it is, or without the targets where it takes one thing fewer."""
    run = call if forward is None else forward
    lowered = lower(model, lambda: run(model, inputs), inputs, _leaves(model, stock), beside=beside)
    fewer = _without_targets(model, inputs) if forward is None and lowered.error is not None else None
    if fewer is None:
        return lowered
    return lower(model, lambda: call(model, fewer), fewer, _leaves(model, stock), beside=beside)


def _without_targets(model: nn.Module, inputs: Any) -> Any:
    """Return what a data loader gives besides targets, where a model takes one thing fewer; None otherwise."""
    takes = arguments(model)
    if not isinstance(inputs, tuple | list) or len(inputs) < 2 or takes is None:
        return None
    has_one_more = len(takes) == len(inputs) - 1 if isinstance(inputs, tuple) else len(required(takes)) <= 1
    return tuple(inputs[:-1]) if has_one_more else None


def _what_it_takes(model: nn.Module, inputs: Any) -> str:
    """Say what a forward pass takes, where a batch has another number of things, or others by name."""
    takes = arguments(model)
    if takes is None:
        return ""
    needed, words = required(takes), f"{', '.join(takes)}" or "nothing"
    given = [*inputs] if isinstance(inputs, Mapping) else None
    is_unlike = not set(needed) <= set(given) <= set(takes) if given is not None else _count(inputs) < len(needed)
    return f"; its forward pass takes {words}: a tuple holds them in order, a dict by name" if is_unlike else ""


def _count(inputs: Any) -> int:
    return len(inputs) if isinstance(inputs, tuple) else 1


def _leaves(model: nn.Module, stock: Inventory, on_meta: Mapping[int, Tensor] | None = None) -> Leaves:
    """Return what adds the parameters and running variances of a model to a graph.

    Args:
        model: the model.
        stock: what is known of it by the classes of its layers.
        on_meta: what stands in for each tensor, by its id.
    """
    computed, instead = computed_in(model), on_meta or {}
    tensors = [(path, tensor) for path, tensor in stored_in(model, computed) if not _is_tied(stock.parameter(path))]
    buffers = ((structural(path), buffer) for path, buffer in model.named_buffers())
    tensors += [(path, buffer) for path, buffer in buffers if _is_variance(stock.parameter(path))]

    def leaves(graph: Graph) -> Iterator[tuple[Tensor | Computed, int]]:
        for path, tensor in tensors:
            leaf = computed.get(path, instead.get(id(tensor), tensor))
            yield leaf, add_leaf(graph, stock, path, tensor.shape)

    return leaves


def _is_tied(known: Parameter | None) -> bool:
    return known is not None and known.tied_to is not None


def _is_variance(known: Parameter | None) -> bool:
    return known is not None and known.parts[0].role == "running_variance"


# ---- a batch that nobody gave ----------------------------------------------------------------------------------------

MOST_TRIES = 32
"""Batches that are tried on a model."""

MOST_PARAMETERS = 10_000
"""Parameters of a model that is run without being asked for; thousands of experts one by one take a minute."""


def own_batch(model: nn.Module, stock: Inventory) -> tuple[Batch, Graph] | None:
    """Return a batch that is made for a model, and what it computes of it; None if it takes none of those tried.

    It runs on meta. Of several, that which reaches most parameters counts. Nobody asked for this pass: whatever it
    raises means None.
    """
    if len(stock.parameters) > MOST_PARAMETERS:
        return None
    with suppress(Exception), warnings.catch_warnings(), preserved(model), torch.no_grad():
        warnings.simplefilter("ignore")
        standing = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in model.parameters()}
        tries = itertools.count(1)
        for group in batches(model):
            best = _best(model, stock, group, standing, tries)
            if best is not None:
                best[1].forget_values()
            if best is not None or next(tries) > MOST_TRIES:
                return best
    return None


def _best(
    model: nn.Module, stock: Inventory, group: Iterable[Batch], standing: Mapping[int, Tensor], tries: Iterator[int]
) -> tuple[Batch, Graph] | None:
    """Return the batch that reaches most parameters, of those that a model takes, and what it computes of it."""
    best, most, further, again = None, 0, iter(group), list[Batch]()
    while most < len(standing) and next(tries) <= MOST_TRIES:
        batch = again.pop() if again else next(further, None)
        if batch is None:
            break
        lowered = _lowered_on_meta(model, stock, batch.inputs, standing)
        if lowered.error is None or isinstance(lowered.error, UnknownElementsError):
            reached = _reached(lowered.graph)
            if reached > most:
                lowered.graph.invented = batch.invented
                best, most = (batch, lowered.graph), reached
        else:
            fitting = repaired(batch, getattr(model, "config", None), str(lowered.error))
            again += [] if fitting is None else [fitting]
    return best


def _lowered_on_meta(
    model: nn.Module, stock: Inventory, inputs: Any, standing: Mapping[int, Tensor], beside: Beside | None = None
) -> Lowered:
    """Run a model with tensors on meta in the place of its parameters and buffers."""

    def run() -> Any:
        held = {path: standing[id(tensor)] for path, tensor in model.named_parameters()}
        held |= {path: buffer.to("meta") for path, buffer in model.named_buffers()}  # here, where it is watched
        args, kwargs = arguments_of(inputs, likeness(held.values()))
        return torch.func.functional_call(model, held, args, kwargs)

    return lower(model, run, inputs, _leaves(model, stock, standing), on_meta=True, beside=beside)


def graph_on_meta(model: nn.Module, stock: Inventory, inputs: Any, beside: Beside) -> Graph | None:
    """Return what a model computes of a batch without computing it; None where that takes what it computes.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch.
        beside: as for `glorot.torch.graph.lower`.
    """
    with suppress(Exception), warnings.catch_warnings(), preserved(model), torch.no_grad():
        warnings.simplefilter("ignore")
        standing = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in model.parameters()}
        lowered = _lowered_on_meta(model, stock, inputs, standing, beside)
        return lowered.graph if lowered.error is None else None
    return None


def _reached(graph: Graph) -> int:
    """Return how many parameters the steps of a graph take."""
    leaves = (graph.values[operand] for step in graph.steps for operand in step.operands)
    return len({leaf.path for leaf in leaves if leaf.leaf == "parameter"})
