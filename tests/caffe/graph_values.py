"""Graphs of Caffe nets on numbers: what every value of a graph holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from glorot.graph import Graph, Step
from glorot.graph.functions import function
from glorot.graph.moves import moved
from glorot.graph.operations import Contract, Convolve, Map, Normalise, Pool, Reduce, Softmax, Take
from glorot.graph.running import reduced

Array = NDArray[Any]


def values_of(graph: Graph, parameters: Mapping[str, Array], inputs: list[Array]) -> dict[int, Array]:
    """Return every value of a graph."""
    waiting, known = iter(inputs), {}
    for value in graph.values:
        if value.leaf == "parameter":
            known[value.id] = parameters[value.path].astype(np.float64)
        elif value.leaf == "input":
            known[value.id] = next(waiting)
        elif value.number is not None:
            known[value.id] = np.full(value.shape, value.number)
    for step in graph.steps:
        known[step.result] = np.asarray(_do(graph, step, [known[v] for v in step.operands]))
        assert known[step.result].shape == graph.shape(step.result), step
    return known


def _do(graph: Graph, step: Step, arrays: list[Array]) -> Any:
    shape = graph.shape(step.result)
    match step.operation:
        case Map(name):
            return function(name)(*arrays)
        case Reduce(statistic, axes, keeps):
            return reduced(statistic, arrays[0], axes, keeps)
        case Contract(spec):
            return np.einsum(spec, *arrays)
        case Convolve() as how:
            return _convolve(how, *arrays)
        case Softmax((axis,)):
            return functional.softmax(torch.from_numpy(arrays[0]), axis).numpy()
        case Normalise(over):
            axes = tuple(n for n in range(arrays[0].ndim) if n != 1) if over == "batch" else over
            centred = arrays[0] - arrays[0].mean(axes, keepdims=True)
            return centred / np.sqrt(np.square(centred).mean(axes, keepdims=True) + 1e-5)
        case Pool("mean", window):
            return _average(arrays[0], window[1:], shape)
        case Take(0):
            return arrays[0][arrays[1].astype(np.int64)]
    return moved(step.operation, arrays, shape)


def _convolve(how: Convolve, signal: Array, kernel: Array) -> Array:
    assert (how.channel, how.window) == (1, kernel.shape[2:])
    before = [low for low, _ in how.padding]
    settings = {"stride": how.stride, "padding": before, "dilation": how.dilation, "groups": how.groups}
    functions = (functional.conv1d, functional.conv2d, functional.conv3d)
    if how.transposed:
        functions = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
    assert how.kernel[:2] == ((1, 0) if how.transposed else (0, 1))
    arrays = torch.from_numpy(signal), torch.from_numpy(kernel)
    return functions[len(how.window) - 1](*arrays, **settings).numpy()


def _average(array: Array, window: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Average over all of a map, or around each element, where what lies outside counts as 0."""
    is_whole = shape[2:] == (1, 1)
    assert is_whole or shape == array.shape
    pad = 0 if is_whole else tuple(size // 2 for size in window)
    return functional.avg_pool3d(torch.from_numpy(array[:, None]), window, 1, pad)[:, 0].numpy()
