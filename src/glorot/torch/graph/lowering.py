"""Running a PyTorch model once, and returning the graph of what it computed."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from glorot.errors import GlorotError
from glorot.graph import Graph
from glorot.preserving import LOCK
from glorot.torch.graph.frames import Layers
from glorot.torch.graph.memory import Memory, elements_of, shape_of
from glorot.torch.graph.mode import Lowering
from glorot.torch.graph.truth import Answers
from glorot.torch.parametrized import Computed
from glorot.torch.paths import bare, structural
from glorot.torch.preserve import set_apart


@dataclass(frozen=True)
class Lowered:
    """What came of running a model.

    Attributes:
        graph: the graph, up to where the model stopped.
        result: what the model returned.
        error: the exception that stopped it, if one did.
        layer: the path of the innermost module that was running then; "" for the model itself.
    """

    graph: Graph
    result: Any = None
    error: Exception | None = None
    layer: str = ""


Leaves = Callable[[Graph], Iterable[tuple[Tensor | Computed, int]]]
"""Adds what a model stores to a graph, and returns each tensor with its value, or what computes the tensor."""


Beside = Callable[[Memory], AbstractContextManager[Any]]


def lower(
    model: nn.Module,
    run: Callable[[], Any],
    batch: Any,
    leaves: Leaves,
    *,
    on_meta: bool | None = None,
    beside: Beside | None = None,
) -> Lowered:
    """Run a model once, and return the graph of what it computed.

    A model that does not run under inference mode, as one that asks for gradients, runs again without.

    Args:
        model: the model.
        run: runs it; may be called twice. What it changes is not restored here. Of a model on meta, it moves a real
            batch there itself, so that the integers in it stay known.
        batch: what it runs on: the tensors in it are the inputs, and so are those that the model is called with.
        leaves: adds its parameters and running statistics to the graph, of tied ones the owner alone.
        on_meta: whether it runs on meta; by default, where any of the leaves is there.
        beside: a context that the model runs in, of the memory that knows which value each tensor holds.
    """
    first = _lower(model, run, batch, leaves, on_meta, torch.inference_mode, beside)
    if first.error is None or not _asks_for_gradients(first.error):
        return first
    second = _lower(model, run, batch, leaves, on_meta, torch.no_grad, beside)
    return second if second.error is None or len(second.graph.steps) > len(first.graph.steps) else first


def _asks_for_gradients(error: Exception) -> bool:
    text = str(error)
    return any(word in text for word in ("nference", "require grad", "requires_grad", "version_counter", "grad_fn"))


def _lower(
    model: nn.Module,
    run: Callable[[], Any],
    batch: Any,
    leaves: Leaves,
    on_meta: bool | None,
    without_gradients: Callable[[], Any],
    beside: Beside | None,
) -> Lowered:
    graph = Graph()
    stored = list(leaves(graph))
    tensors = [one.tensor if isinstance(one, Computed) else one for one, _ in stored]
    graph.tolerance = _tolerance(tensors)
    is_meta = any(tensor.is_meta for tensor in tensors) if on_meta is None else on_meta
    layers = Layers(model)
    lowering = Lowering(graph, is_meta, layers.running)
    with ExitStack() as stack:
        for one, value in stored:
            if isinstance(one, Tensor):
                lowering.memory.leaf(one, value)
            else:
                stack.callback(one.watch(partial(lowering.memory.assign, value=value)))
        for path, buffer in bare(model).named_buffers():
            lowering.memory.name_buffer(buffer, structural(path))
        _add_inputs(lowering, batch)
        stack.enter_context(_eager())
        _watch_batch(stack, model, lowering)
        if is_meta:
            stack.enter_context(Answers(lowering.truth))
        try:
            with without_gradients(), lowering, nullcontext() if beside is None else beside(lowering.memory):
                result = run()
        except Exception as error:
            kind = "" if isinstance(error, GlorotError) else f"{type(error).__name__}: "
            graph.incomplete = f"{kind}{error}".rstrip(": ")
            return Lowered(graph, error=error, layer=layers.failed(error))
        graph.outputs = _values_of(lowering, result)
        return Lowered(graph, result)


def _values_of(lowering: Lowering, result: Any) -> list[int]:
    tensors = [tensor for tensor in tree_leaves(result) if isinstance(tensor, Tensor)]
    values = [lowering.memory.follows(tensor) for tensor in tensors]
    return [value for value in values if value is not None]


def _tolerance(stored: Iterable[Tensor]) -> float:
    sizes = [tensor.element_size() for tensor in stored if tensor.is_floating_point()]
    return 2e-2 if sizes and min(sizes) <= 2 else 1e-4


@contextmanager
def _eager() -> Iterator[None]:
    """Run every module as it is written: without compiled code, and without the kernels of whole attention layers."""
    fast = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(_without_triton())
        if "torch._dynamo" in sys.modules:
            stack.enter_context(LOCK)
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        yield


@contextmanager
def _without_triton() -> Iterator[None]:
    """Keep operators on meta from importing Triton after TensorFlow, which ends the process: each has its own LLVM."""
    if "tensorflow" not in sys.modules or "triton" in sys.modules:
        yield
        return
    sys.modules["triton"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["triton"]


def _add_inputs(lowering: Lowering, batch: Any) -> None:
    for tensor in tree_leaves(batch):
        if isinstance(tensor, Tensor) and lowering.memory.follows(tensor) is None:
            lowering.memory.leaf(tensor, lowering.graph.input(shape_of(tensor), elements_of(tensor)))


def _watch_batch(stack: ExitStack, model: nn.Module, lowering: Lowering) -> None:
    """Let what the model is called with be its inputs, set apart from what its owner holds."""
    if isinstance(model, torch.jit.ScriptModule):  # takes no hooks
        return
    calls: list[bool] = []

    def start(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if calls:  # a model that calls itself
            return None
        calls.append(True)
        args, kwargs = set_apart((args, kwargs))
        _add_inputs(lowering, (args, kwargs))
        return args, kwargs

    stack.callback(model.register_forward_pre_hook(start, prepend=True, with_kwargs=True).remove)
