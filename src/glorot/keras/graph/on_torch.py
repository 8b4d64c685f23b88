"""The graph of a Keras model on PyTorch: that of the operators which it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from keras.src.backend.common import global_state
from torch.overrides import TorchFunctionMode

from glorot.graph import Graph
from glorot.keras.graph.calls import Call, Like, like, stored_of
from glorot.torch.graph import lower

META = "meta"


def graph_of(call: Call, paths: Mapping[int, str], slopes: Mapping[int, float]) -> Graph:
    """Return the graph of a call: on tensors without elements, or where that fails on its weights and zeros.

    Args:
        call: the call.
        paths: the paths of the variables that hold weights, by their ids.
        slopes: where the slopes of PReLUs start, by the ids of their variables.
    """
    found = _lowered(call, paths, slopes, is_meta=True)
    if found.error is not None:
        found = _lowered(call, paths, slopes, is_meta=False)
    if found.error is not None:
        raise found.error
    graph: Graph = found.graph
    return graph


def _lowered(call: Call, paths: Mapping[int, str], slopes: Mapping[int, float], *, is_meta: bool) -> Any:
    values = [_empty(like(v)) if is_meta else v.value.detach() for v in call.variables]
    batch = [_empty(one) if is_meta else torch.zeros(one.shape, dtype=_dtype(one)) for one in call.batch]

    def leaves(graph: Graph) -> list[tuple[torch.Tensor, int]]:
        stored = zip(call.variables, values, stored_of(call, graph, paths, slopes), strict=True)
        return [(value, leaf) for variable, value, leaf in stored if id(variable) in paths]

    with _device(META if is_meta else "cpu"), _KnownNumbers():
        return lower(call.model, lambda: call.run(values, batch), batch, leaves)


@contextmanager
def _device(name: str) -> Iterator[None]:
    """Let Keras make its tensors on a device; by the name of meta, it would copy tensors that are there already."""
    before = global_state.get_global_attribute("torch_device")
    global_state.set_global_attribute("torch_device", torch.device(name))
    try:
        yield
    finally:
        global_state.set_global_attribute("torch_device", before)


class _KnownNumbers(TorchFunctionMode):
    """Makes a tensor of numbers where it can hold them, before it goes to meta: so the graph knows the numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        is_made = func in (torch.as_tensor, torch.tensor) and not isinstance(args[0], torch.Tensor)
        if is_made and str(given.get("device")) == META:
            return func(*args, **{**given, "device": "cpu"}).to(META)
        return func(*args, **given)


def _empty(one: Like) -> torch.Tensor:
    return torch.empty(one.shape, dtype=_dtype(one), device=META)


def _dtype(one: Like) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, one.dtype)
    return dtype
