"""Lowering: a layer on its way into a graph, and the steps that many types of layer have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glorot.caffe.definition.layers import Layer, Shape
from glorot.graph import Graph
from glorot.graph.moves import box
from glorot.graph.operations import Broadcast, Map, Opaque, Operation, Pool, Random, Reshape, Slice


@dataclass(frozen=True)
class Lowering:
    """A layer that is written as steps of a graph.

    Attributes:
        graph: the graph.
        layer: the layer.
        bottoms: the values that it reads.
        tops: the shapes of what it makes.
        blobs: its blobs of weights, in the shapes that it gives them.
        is_training: whether it computes as in training.
    """

    graph: Graph
    layer: Layer
    bottoms: tuple[int, ...]
    tops: tuple[Shape, ...]
    blobs: tuple[int, ...] = ()
    is_training: bool = False

    @property
    def bottom(self) -> int:
        """The first value that it reads."""
        return self.bottoms[0]

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of what it reads."""
        return [self.graph.shape(value) for value in self.bottoms]

    def step(self, operation: Operation, *operands: int, shape: Shape) -> int:
        """Add a step."""
        return self.graph.step(operation, operands, shape)

    def map(self, function: str, *operands: int) -> int:
        """Add a function of each element."""
        shape = np.broadcast_shapes(*(self.graph.shape(value) for value in operands))
        return self.step(Map(function), *operands, shape=shape)

    def scale(self, value: int, factor: float) -> int:
        """Return a value times a number."""
        return value if factor == 1 else self.map("mul", value, self.graph.number(factor))

    def shift(self, value: int, shift: float) -> int:
        """Return a value plus a number."""
        return value if shift == 0 else self.map("add", value, self.graph.number(shift))

    def reshape(self, value: int, shape: Shape) -> int:
        """Return the same elements under another shape."""
        return value if self.graph.shape(value) == shape else self.step(Reshape(), value, shape=shape)

    def spread(self, value: int, axis: int, shape: Shape) -> int:
        """Return a value that lies along the axes from `axis` on of a shape, repeated along those after it."""
        at = tuple(range(axis, axis + len(self.graph.shape(value))))
        return value if axis + len(at) == len(shape) else self.step(Broadcast(at), value, shape=shape)

    def cut(self, value: int, axis: int, start: int, stop: int) -> int:
        """Return what lies between two places of an axis."""
        shape = self.graph.shape(value)
        index = Slice(box(shape, axis, start, stop))
        return self.step(index, value, shape=(*shape[:axis], stop - start, *shape[axis + 1 :]))

    def apply_factors(self, value: int, axis: int, scale: int | None, shift: int | None) -> int:
        """Return a value times a scale plus a shift, either of which may be missing, along the axes from `axis` on."""
        shape = self.graph.shape(value)
        if scale is not None:
            value = self.map("mul", value, self.spread(scale, axis, shape))
        return value if shift is None else self.map("add", value, self.spread(shift, axis, shape))

    def average(self, value: int, shape: Shape, *window: int) -> int:
        """Return a map of means over a window along the last axes."""
        around = (1,) * (len(shape) - len(window))
        return self.step(Pool("mean", (*around, *window)), value, shape=shape)

    def drop(self, value: int) -> int:
        """Return a value with some elements set to 0 at random, and the others scaled so that the mean stays."""
        shape = self.graph.shape(value)
        return self.map("mul", value, self.step(Random("dropout"), shape=shape))

    def leave_opaque(self, name: str = "") -> list[int]:
        """Return what a step makes that is not understood."""
        operation = Opaque(name or self.layer.kind)
        return [self.step(operation, *self.bottoms, *self.blobs, shape=shape) for shape in self.tops]


Lower = Callable[[Lowering], Sequence[int]]
"""Adds what a layer computes to a graph, and returns what it makes."""


def lower_opaque(at: Lowering) -> Sequence[int]:
    """Lower a layer that is not understood."""
    return at.leave_opaque()


def lower_same(at: Lowering) -> Sequence[int]:
    """Lower a layer that returns what it reads, under one name or several."""
    return [at.bottom] * len(at.tops)


def lower_reshape(at: Lowering) -> Sequence[int]:
    """Lower a layer that gives what it reads another shape."""
    return [at.reshape(at.bottom, at.tops[0])]
