"""Running a graph on numbers, step by step, to see that it computes what the model does."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from graph_nets import leaves_of
from torch import Tensor, nn

from glorot.graph import Graph, Step
from glorot.graph.functions import function
from glorot.graph.moves import moved
from glorot.graph.operations import Contract, Convolve, Map, Normalise, Opaque, Reduce, Softmax, Take
from glorot.graph.running import reduced
from glorot.torch.graph import lower


class Of(nn.Module):
    """A function as a model."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.function = function

    def forward(self, *batch: Tensor) -> Any:
        return self.function(self, *batch)


def assert_graph_computes(model: nn.Module, *batch: Tensor) -> None:
    """Assert that the steps of a model's graph, run in NumPy, return what the model does."""
    arrays = [tensor.clone() for tensor in batch]
    lowering = lower(model, lambda: model(*batch), batch, leaves_of(model))
    assert lowering.error is None
    results = lowering.result if isinstance(lowering.result, tuple) else (lowering.result,)
    found = evaluate(lowering.graph, dict(model.named_parameters()), arrays, lowering.graph.outputs)
    assert len(found) == len(results)
    for array, tensor in zip(found, results, strict=True):
        assert array.shape == tuple(tensor.shape)
        np.testing.assert_allclose(array, tensor.detach().numpy(), rtol=1e-4, atol=1e-5)


def evaluate(
    graph: Graph, parameters: Mapping[str, Tensor], batch: list[Tensor], outputs: tuple[int, ...]
) -> list[np.ndarray[Any, Any]]:
    """Return values of a graph."""
    inputs = iter(batch)
    known: dict[int, Any] = {}
    for value in graph.values:
        if value.leaf == "parameter":
            known[value.id] = parameters[value.path].detach().double().numpy()
        elif value.leaf == "input":
            tensor = next(inputs)
            known[value.id] = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
        elif value.number is not None:
            known[value.id] = np.full(value.shape, value.number)
        elif value.integers is not None:
            known[value.id] = value.integers
    for step in graph.steps:
        if all(operand in known for operand in step.operands) and not isinstance(step.operation, Opaque):
            array = np.asarray(_done(step, [known[operand] for operand in step.operands], graph.shape(step.result)))
            assert array.shape == graph.shape(step.result), step
            known[step.result] = array
    return [known[value] for value in outputs]


def _done(step: Step, arrays: list[Any], shape: tuple[int, ...]) -> Any:
    match step.operation:
        case Map(name):
            with np.errstate(all="ignore"):
                return np.broadcast_to(function(name)(*arrays), shape)
        case Contract(spec):
            return np.einsum(spec, *arrays)
        case Reduce(statistic, axes, keeps):
            return reduced(statistic, arrays[0], axes, keeps)
        case Softmax(axes):
            powers = np.exp(arrays[0] - arrays[0].max(axis=axes, keepdims=True))
            return powers / powers.sum(axis=axes, keepdims=True)
        case Normalise(over, centred) if isinstance(over, tuple):
            centre = arrays[0].mean(axis=over, keepdims=True) if centred else 0.0
            return (arrays[0] - centre) / np.sqrt(np.mean((arrays[0] - centre) ** 2, axis=over, keepdims=True) + 1e-5)
        case Convolve() as convolve:
            return _convolved(convolve, *map(torch.from_numpy, arrays)).numpy()
        case Take(axis, None):
            return np.take(arrays[0], arrays[1], axis=axis)
    return moved(step.operation, arrays[:1] if isinstance(step.operation, Take) else arrays, shape)


def _convolved(convolve: Convolve, signal: Tensor, kernel: Tensor) -> Tensor:
    order = (1, 0) if convolve.transposed else (0, 1)
    stored = kernel.permute(*(convolve.kernel[n] for n in (*order, *range(2, kernel.dim()))))
    padding = [before for before, _ in convolve.padding]
    rest = (convolve.transposed, [0] * len(padding), convolve.groups)
    return torch.convolution(signal, stored, None, convolve.stride, padding, convolve.dilation, *rest)
