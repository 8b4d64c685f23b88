"""An operation of a TensorFlow graph, as the rows of this package see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from glorot.graph import Graph
from glorot.graph.operations import Broadcast, Flip, Map, Opaque, Operation, Permute, Reshape, Slice

Ids = list[int]
Shape = tuple[int, ...]


class Unknown(Exception):  # noqa: N818 - no error of the user's
    """Something is known only while the model runs: an axis, the start of a slice."""


@dataclass(frozen=True)
class Node:
    """An operation of TensorFlow, and the graph that its steps are added to.

    Attributes:
        graph: the graph.
        operation: the operation.
        operands: the ids of what it takes.
        shapes: the shapes of what it returns.
    """

    graph: Graph
    operation: Any
    operands: Ids
    shapes: list[Shape]

    @property
    def name(self) -> str:
        """The type of the operation."""
        return str(self.operation.type)

    @property
    def shape(self) -> Shape:
        """The shape of its first operand."""
        return self.graph.shape(self.operands[0])

    def attribute(self, name: str) -> Any:
        """Return an attribute; text as text."""
        value = self.operation.get_attr(name)
        return value.decode() if isinstance(value, bytes) else value

    def is_known(self, operand: int) -> bool:
        """Tell whether the elements of an operand are known before the model runs."""
        return tf.get_static_value(self.operation.inputs[operand]) is not None

    def array(self, operand: int) -> NDArray[Any]:
        """Return an operand whose elements are known before the model runs.

        Raises:
            Unknown: if they are not.
        """
        value = tf.get_static_value(self.operation.inputs[operand])
        if value is None:
            raise Unknown
        return np.asarray(value)

    def integers(self, operand: int) -> list[int]:
        """Return a known operand as whole numbers."""
        return [int(n) for n in self.array(operand).ravel()]

    def axes(self, operand: int, rank: int) -> tuple[int, ...]:
        """Return a known operand as axes, counted from the front."""
        return tuple(n % rank if rank else n for n in self.integers(operand))

    # ---- steps -------------------------------------------------------------------------------------------------------

    def step(self, operation: Operation, operands: Sequence[int] | None = None, shape: Shape | None = None) -> int:
        """Add a step; what is not given is that of the operation."""
        return self.graph.step(
            operation, self.operands if operands is None else operands, self.shapes[0] if shape is None else shape
        )

    def map(self, function: str, *operands: int) -> int:
        """Add a function of elements, whose shape is what its operands broadcast to."""
        shape = np.broadcast_shapes(*map(self.graph.shape, operands))
        return self.graph.step(Map(function), operands, shape)

    def opaque(self) -> Ids:
        """Add a step that is not understood."""
        return [self.step(Opaque(self.name), shape=shape) for shape in self.shapes]

    def reshaped(self, value: int, shape: Sequence[int]) -> int:
        """Return a value in another shape."""
        given = tuple(shape)
        return value if self.graph.shape(value) == given else self.graph.step(Reshape(), [value], given)

    def permuted(self, value: int, order: Sequence[int]) -> int:
        """Return a value with its axes in another order."""
        shape = self.graph.shape(value)
        if list(order) == sorted(order):
            return value
        return self.graph.step(Permute(tuple(order)), [value], tuple(shape[n] for n in order))

    def flipped(self, value: int, axes: Sequence[int]) -> int:
        """Return a value with axes that run backwards."""
        return self.graph.step(Flip(tuple(axes)), [value], self.graph.shape(value)) if axes else value

    def sliced(self, value: int, index: Sequence[int | slice]) -> int:
        """Return a box of a value; one entry an axis, as Python writes it, without negative steps."""
        shape = self.graph.shape(value)
        cut = tuple(n if isinstance(n, int) else n.indices(size) for n, size in zip(index, shape, strict=True))
        if cut == tuple((0, size, 1) for size in shape):
            return value
        left = tuple(len(range(*n)) for n in cut if not isinstance(n, int))
        return self.graph.step(Slice(cut), [value], left)

    def broadcast(self, value: int, shape: Shape, at: Sequence[int] | None = None) -> int:
        """Return a value repeated along axes; it has the last ones of the shape unless they are given."""
        rank = len(self.graph.shape(value))
        axes = tuple(range(len(shape) - rank, len(shape)) if at is None else at)
        return value if self.graph.shape(value) == shape else self.graph.step(Broadcast(axes), [value], shape)
