"""One call of an operator: its arguments by name, and the steps that it becomes."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor
from torch._ops import OpOverload

from glorot.graph import Graph
from glorot.graph.moves import box
from glorot.graph.operations import Broadcast, Join, Map, Operation, Permute, Reshape, Slice
from glorot.torch.writes import draws

Shape = tuple[int, ...]
Ids = Sequence[int]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Signature(NamedTuple):
    """How an operator is called.

    Attributes:
        name: its name, without the overload, and without the underscore of one that writes in place.
        arguments: the name and the default of each argument, in order.
        written: the names of those that it writes to.
        is_drawn: whether it draws random numbers.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    written: tuple[str, ...]
    is_drawn: bool

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return every argument by its name."""
        given = len(args)
        return {
            name: args[n] if n < given else kwargs.get(name, default)
            for n, (name, default) in enumerate(self.arguments)
        }


@functools.cache
def signature(function: OpOverload) -> Signature:
    """Return how an operator is called."""
    arguments = function._schema.arguments
    written = tuple(argument.name for argument in arguments if argument.is_write)
    name = function.overloadpacket.__name__
    if written and name.endswith("_") and not name.endswith("__"):
        name = name[:-1]
    named = tuple((argument.name, argument.default_value) for argument in arguments)
    return Signature(name, named, written, draws(function))


def tensors_in(values: Any) -> list[Tensor]:
    """Return the tensors among arguments, in lists and mappings too."""
    if isinstance(values, Tensor):
        return [values]
    found: list[Tensor] = []
    if isinstance(values, list | tuple | dict):
        for value in values.values() if isinstance(values, dict) else values:
            if isinstance(value, Tensor):
                found.append(value)
            elif isinstance(value, list | tuple | dict):
                found += tensors_in(value)
    return found


@dataclass(slots=True)
class Call:
    """One call of an operator, after it ran.

    Attributes:
        graph: the graph that it adds to.
        name: the name of the operator.
        arguments: its arguments by name, in order.
        results: the tensors that it returned.
        of: the value of each tensor as it was before.
        truth: the elements of a tensor, if they are few and do not depend on parameters or inputs.
    """

    graph: Graph
    name: str
    arguments: dict[str, Any]
    results: list[Tensor]
    of: Callable[[Tensor], int]
    truth: Callable[[Tensor], Tensor | None]

    def __getitem__(self, name: str) -> Any:
        """Return an argument by its name; None if there is none of that name."""
        return self.arguments.get(name)

    def __len__(self) -> int:
        return len(self.arguments)

    @property
    def positional(self) -> list[Any]:
        """The arguments in order."""
        return list(self.arguments.values())

    @property
    def first(self) -> Tensor:
        """The tensor that comes first."""
        return tensors_in(self.arguments)[0]

    @property
    def shape(self) -> Shape:
        """The shape of the result."""
        return tuple(self.results[0].shape)

    def value(self, argument: Any) -> int:
        """Return the value of a tensor or a number."""
        if isinstance(argument, Tensor):
            return self.of(argument)
        if isinstance(argument, int | float):
            return self.graph.number(float(argument))
        return self.graph.constant(())

    def axes(self, given: Any, rank: int | None = None) -> tuple[int, ...]:
        """Return axes, counted from the front; all of them where none is given."""
        rank = self.first.dim() if rank is None else rank
        if given is None or given == []:
            return tuple(range(rank))
        listed = [given] if isinstance(given, int) else given
        return tuple(axis % rank if rank else 0 for axis in listed) if rank else ()

    @property
    def axis(self) -> int:
        """The axis that it works along, counted from the front; the first where none is given."""
        rank = self.first.dim()
        return 0 if self["dim"] is None or not rank else int(self["dim"]) % rank

    # ---- steps -----------------------------------------------------------------------------------------------------

    def step(self, operation: Operation, operands: Ids, shape: Sequence[int] | None = None) -> int:
        """Add a step; without a shape, that of the result."""
        return self.graph.step(operation, operands, self.shape if shape is None else tuple(shape))

    def map(self, function: str, *operands: int, shape: Sequence[int] | None = None) -> int:
        """Add a function of each element."""
        return self.step(Map(function), operands, shape)

    def number(self, number: float) -> int:
        """Return the value of a number."""
        return self.graph.number(float(number))

    def scaled(self, value: int, factor: Any) -> int:
        """Multiply a value by a number, or do nothing if that is 1, or not given."""
        if factor in (1, None):
            return value
        return self.map("mul", value, self.number(factor), shape=self.graph.shape(value))

    def reshaped(self, value: int, shape: Sequence[int]) -> int:
        """Return the same elements under another shape."""
        return value if self.graph.shape(value) == tuple(shape) else self.step(Reshape(), [value], shape)

    def permuted(self, value: int, order: Sequence[int]) -> int:
        """Return a value with its axes in another order."""
        shape = self.graph.shape(value)
        if tuple(order) == tuple(range(len(shape))):
            return value
        return self.step(Permute(tuple(order)), [value], [shape[axis] for axis in order])

    def cut(self, value: int, axis: int, start: int, stop: int) -> int:
        """Return a piece of a value along an axis."""
        shape = self.graph.shape(value)
        if (start, stop) == (0, shape[axis]):
            return value
        return self.step(
            Slice(box(shape, axis, start, stop)), [value], (*shape[:axis], stop - start, *shape[axis + 1 :])
        )

    def pieces(self, value: int, axis: int, sizes: Sequence[int]) -> list[int]:
        """Return the pieces of a value along an axis."""
        ends = list(itertools.accumulate(sizes, initial=0))
        return [self.cut(value, axis, start, stop) for start, stop in itertools.pairwise(ends)]

    def at(self, value: int, axis: int, position: int) -> int:
        """Return a value at one position of an axis, which is dropped."""
        shape = self.graph.shape(value)
        index = tuple(position if n == axis else (0, size, 1) for n, size in enumerate(shape))
        return self.step(Slice(index), [value], (*shape[:axis], *shape[axis + 1 :]))

    def spread(self, value: int, shape: Sequence[int], at: Sequence[int] | None = None) -> int:
        """Repeat a value along the axes that it does not have; without `at`, its axes are the last."""
        own = self.graph.shape(value)
        if own == tuple(shape):
            return value
        at = range(len(shape) - len(own), len(shape)) if at is None else at
        return self.step(Broadcast(tuple(at)), [value], shape)

    def joined(self, values: Ids, axis: int) -> int:
        """Return values side by side."""
        if len(values) == 1:
            return values[0]
        shape = list(self.graph.shape(values[0]))
        shape[axis] = sum(self.graph.shape(value)[axis] for value in values)
        return self.step(Join(axis), values, shape)

    def affine(self, value: int, scale: Any, shift: Any, channel: int | None = None) -> int:
        """Scale and shift a value by vectors along its last axes, or along that of its channels."""
        shape = self.graph.shape(value)
        for function, vector in (("mul", scale), ("add", shift)):
            if vector is not None:
                operand = self.value(vector)
                if channel is not None and channel != len(shape) - 1:
                    operand = self.spread(operand, shape, [channel])
                value = self.map(function, value, operand, shape=shape)
        return value
