"""The graph of a Keras model on PyTorch: that of the operators which it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from keras.src.backend.common import global_state

from glorot.graph import Graph
from glorot.keras.graph.calls import Call, Like, like, running_variances
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
    running = {paths[key] for key in running_variances(call.model) if key in paths}
    for value in graph.values:
        if value.path in running:
            graph.values[value.id] = replace(value, leaf="statistic")
    return graph


def _lowered(call: Call, paths: Mapping[int, str], slopes: Mapping[int, float], *, is_meta: bool) -> Any:
    values = [_empty(like(v)) if is_meta else v.value.detach() for v in call.variables]
    batch = [_empty(one) if is_meta else torch.zeros(one.shape, dtype=_dtype(one)) for one in call.batch]
    ids = [id(variable) for variable in call.variables]
    parameters = {paths[key]: value for key, value in zip(ids, values, strict=True) if key in paths}
    starts = {paths[key]: start for key, start in slopes.items() if key in paths}
    with _device(META if is_meta else "cpu"):
        return lower(call.model, lambda: call.run(values, batch), batch, parameters, starts)


@contextmanager
def _device(name: str) -> Iterator[None]:
    """Let Keras make its tensors on a device; by the name of meta, it would copy tensors that are there already."""
    before = global_state.get_global_attribute("torch_device")
    global_state.set_global_attribute("torch_device", torch.device(name))
    try:
        yield
    finally:
        global_state.set_global_attribute("torch_device", before)


def _empty(one: Like) -> torch.Tensor:
    return torch.empty(one.shape, dtype=_dtype(one), device=META)


def _dtype(one: Like) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, one.dtype)
    return dtype
