"""Watching signal and gradient in a PyTorch model on one batch."""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from glorot.errors import GlorotError
from glorot.graph import Folded, Forward
from glorot.graph.axes import Layout, examples_of, layouts_of
from glorot.graph.points import points_of
from glorot.graph.readings import (
    FirstStep,
    Observed,
    WholeLayer,
    holders_of,
    note_missing,
)
from glorot.inventory import Inventory
from glorot.preserving import LOCK
from glorot.torch.attending import QUERIES, hidden_weights
from glorot.torch.calling import arguments_of, likeness, refused_batch, what_failed
from glorot.torch.gathering import whole_in_each
from glorot.torch.graph.frames import Layers
from glorot.torch.layers import parts_of, state_activation
from glorot.torch.locating import INSIDE, Call, Catching, Locating
from glorot.torch.losses import checked_loss
from glorot.torch.model import weight_layers
from glorot.torch.paths import bare, structural
from glorot.torch.preserve import preserved, set_apart
from glorot.torch.reducing import Kept, keep, read_gradient, squares_of_rows
from glorot.torch.seeing import graph, graph_on_meta
from glorot.torch.spread import check_whole
from glorot.torch.stepping import first_step

COMPUTED_AGAIN = (
    f"where one operator keeps the weights of attention, they were computed again for up to {QUERIES} queries of each "
    "head, without their gradient"
)


@whole_in_each
def observe(
    model: nn.Module,
    stock: Inventory,
    inputs: Any,
    targets: Any,
    loss: Any,
    forward: Forward | None = None,
    optimizer: Any = None,
) -> Observed:
    """Run a batch forward and backward, and read every point of the model.

    The model is followed once without computing anything, to know its points and which function returns each; then it
    really runs, and what these return is reduced where it lies.

    Args:
        model: the model; it is left as it was found.
        stock: what is known of it by the classes of its layers.
        inputs: the batch.
        targets: what the loss compares the outputs with, or None.
        loss: function (what the model returns, targets) → scalar, or None for the usual one.
        forward: function (model, batch) that runs the model; by default it is called.
        optimizer: an optimiser whose first step is tried on a copy, or a function parameters → optimiser.

    Returns:
        What was read.

    Raises:
        GlorotError: if the model refuses the batch, or holds nothing.
    """
    model = bare(model)
    check_whole(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise GlorotError("a scripted model cannot be watched while it runs; pass the model that it was made of")
    args, kwargs = arguments_of(inputs, likeness(model.parameters()))
    locating = Locating()
    with locating.from_start_of(model):
        found = graph_on_meta(model, stock, inputs, locating.beside) if forward is None else None
        found = found or graph(model, stock, inputs, forward, beside=locating.beside)
    assert found is not None  # for there is a batch
    weights = {structural(path): one for path, one in model.named_parameters()}
    args, kwargs = set_apart((args, kwargs))

    def run() -> Any:
        return model(*args, **kwargs) if forward is None else forward(model, inputs)

    watch = Watch(Folded(found), locating.calls)
    step = None if optimizer is None else partial(first_step, optimizer, weights)
    return observe_run(model, run, (args, kwargs), watch, weights, targets, loss, step)


def observe_run(
    model: nn.Module,
    run: Callable[[], Any],
    batch: Any,
    watch: "Watch",
    weights: Mapping[str, Tensor],
    targets: Any,
    loss: Any,
    step: FirstStep | None = None,
) -> Observed:
    """Run a model that was followed, forward and backward, and read every point of it.

    Args:
        model: the model; it is left as it was found.
        run: runs it.
        batch: what it runs on.
        watch: reads the points of its graph.
        weights: its parameters by their paths.
        targets: what the loss compares the outputs with, or None.
        loss: as for `observe`.
        step: tries an optimiser's first step.

    Raises:
        GlorotError: if the model refuses the batch, or the loss is no number.
    """
    with preserved(model), torch.enable_grad():
        watch.see_batch(batch)
        value = checked_loss(_run(model, run, watch, batch), targets, loss)  # which lets go of what was returned
        gradients = _gradients(value, weights)
        for path, gradient in gradients.items():
            watch.observed.weights[path] = read_gradient(gradient)
        if step is not None:
            watch.observed.updates.update(step(gradients))
        watch.observed.loss = math.nan if targets is None and loss is None else value.item()
    watch.finish()
    return watch.observed


def _run(model: nn.Module, run: Callable[[], Any], watch: "Watch", batch: Any) -> Any:
    catching = Catching(watch.wanted, watch.caught)
    layers = Layers(model)
    with ExitStack() as stack:
        stack.enter_context(catching.from_start_of(model))
        watch.register(stack, model)
        if "torch._dynamo" in sys.modules:  # compiled code runs past the functions
            stack.enter_context(LOCK)
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        try:
            with catching:
                return run()
        except GlorotError:
            raise
        except Exception as error:
            raise refused_batch(model, batch, layers.failed(error), error) from error


def _gradients(loss: Tensor, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Go backward, and return the gradient of each parameter that has one."""
    trained = [(path, one) for path, one in weights.items() if one.requires_grad]
    if not loss.requires_grad:
        return {}
    try:
        found = torch.autograd.grad(loss, [one for _, one in trained], allow_unused=True)
    except Exception as error:
        raise GlorotError(f"the backward pass of the model failed: {what_failed(error)}") from error
    return {path: one for (path, _), one in zip(trained, found, strict=True) if one is not None}


class Watch:
    """Reads what a model shows at its points while it runs."""

    def __init__(self, folded: Folded, calls: Mapping[int, Call]) -> None:
        self.layouts = layouts_of(folded)
        self.examples = examples_of(folded)
        self.wanted: dict[int, list[tuple[Call, Any]]] = defaultdict(list)
        self.kept: dict[int, Kept] = {}
        self.gradients: dict[int, Kept] = {}
        self.layers: dict[str, tuple[int, str, Kept]] = {}
        self.layer_gradients: dict[str, Kept] = {}
        points = points_of(folded)
        self.observed = Observed(folded, points)
        self.sources = {point.of for point in points}
        found = holders_of(folded, (call.value for call in sorted(calls.values())))
        for point in points:
            if point.value in found:
                call = calls[found[point.value]]
                self.wanted[call.number].append((call, (point.value, self.layouts.get(call.value, Layout(0, -1)))))
        for value, result in hidden_weights(folded, {value: call.name for value, call in calls.items()}):
            call = calls[result]._replace(place=INSIDE, value=value)
            self.wanted[call.number].append((call, (value, self.layouts.get(value, Layout(0, -1)))))
            self.observed.notes = [COMPUTED_AGAIN]

    def see_batch(self, batch: Any) -> None:
        """See what the model is called with."""
        tensors = [one for one in tree_leaves(batch) if isinstance(one, Tensor) and one.dim() and len(one)]
        if tensors and tensors[0].is_floating_point():
            squares = squares_of_rows(tensors[0].detach())
            self.observed.input_second_moments = tuple(squares.tolist())

    def caught(self, purpose: tuple[int, Layout], tensor: Tensor) -> None:
        """See the tensor at a point."""
        value, layout = purpose
        if value in self.kept or not tensor.is_floating_point() or not tensor.numel():
            return
        self.kept[value] = keep(tensor, layout, self.examples)
        if tensor.requires_grad:
            is_paired = value in self.sources
            tensor.register_hook(self._hook(self.gradients, value, layout, with_sample=is_paired))

    def register(self, stack: ExitStack, model: nn.Module) -> None:
        """Let the layers show what they return whose kernels no function shows, as recurrent ones."""
        wanted = {value for calls in self.wanted.values() for _, (value, _) in calls}
        kernels = [point for point in self.observed.points if point.kind in ("kernel", "embedding")]
        seen = {point.layer for point in kernels if point.value in wanted}
        for path, module in weight_layers(model):
            if path not in seen and not isinstance(module, torch.jit.ScriptModule | nn.MultiheadAttention):
                stack.callback(module.register_forward_hook(self._layer_hook(path)).remove)

    def _layer_hook(self, path: str) -> Callable[..., None]:
        def see(module: nn.Module, args: Any, result: Any) -> None:
            tensor = next((one for one in tree_leaves(result) if isinstance(one, Tensor)), None)
            if path in self.layers or tensor is None or not tensor.is_floating_point() or not tensor.dim():
                return
            layout = Layout(0, 1 if tensor.dim() > 2 and _convolves(module) else tensor.dim() - 1)
            self.layers[path] = len(self.kept), state_activation(module), keep(tensor, layout, len(tensor))
            if tensor.requires_grad:
                tensor.register_hook(self._hook(self.layer_gradients, path, layout, with_sample=True))

        return see

    def _hook(self, kept: dict[Any, Kept], key: Any, layout: Layout, *, with_sample: bool) -> Callable[[Tensor], None]:
        def see(gradient: Tensor) -> None:
            kept[key] = keep(gradient, layout, self.examples, with_sample=with_sample)

        return see

    def finish(self) -> None:
        """Turn all that was kept into numbers."""
        observed = self.observed
        observed.values.update((value, kept.reading()) for value, kept in self.kept.items())
        observed.gradients.update((value, kept.reading()) for value, kept in self.gradients.items())
        for path, (after, activation, kept) in self.layers.items():
            gradient = self.layer_gradients.get(path)
            reached = None if gradient is None else gradient.reading()
            observed.layers[path] = WholeLayer(after, activation, kept.reading(), reached)
        note_missing(observed)


def _convolves(module: nn.Module) -> bool:
    return any("k" in part.axes for parts in parts_of(module).values() for part in parts)
