"""A graph: the values that a model computes, and the steps between them."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glorot.graph.operations import Broadcast, Map, Opaque, Operation, Pool, Random, Reduce, Reshape

Shape = tuple[int, ...]
Leaf = Literal["parameter", "statistic", "input", "constant"]
Forward = Callable[[Any, Any], Any]
"""Runs a model on a batch: function (model, batch) → whatever it returns."""


@dataclass(frozen=True, slots=True)
class Value:
    """An array on its way through a model; what is written in place is a new value.

    Attributes:
        id: its position among the values of its graph.
        shape: its shape.
        leaf: what it is, if no step makes it.
        path: the path of a parameter or a running statistic.
        number: the number that it holds everywhere, if that is known.
        integers: its elements, if it is a small constant of whole numbers.
        elements: its elements, if it is a small constant or a part of the batch, and they are known.
        is_kernel: whether the layer of a parameter says that it multiplies a signal.
    """

    id: int
    shape: Shape
    leaf: Leaf | None = None
    path: str = ""
    number: float | None = None
    integers: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    is_kernel: bool = False
    elements: NDArray[Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on values.

    Attributes:
        operation: what it does.
        operands: the ids of the values that it takes.
        result: the id of the value that it makes.
    """

    operation: Operation
    operands: tuple[int, ...]
    result: int


@dataclass
class Graph:
    """What a model computes, in the order of execution. Only lowerings add to it.

    Attributes:
        values: all values; the id of each is its position.
        steps: all steps; each comes after those that make its operands.
        tolerance: how far, relative to 1, the numbers of its functions may be off: they are rounded to its dtype.
        incomplete: why it ends before the model does, if it does.
        notes: what had to be assumed.
        outputs: the values that the model returns, of those that depend on a parameter, an input or chance.
        invented: whether sizes of its maps were made up, so that nothing is counted on them.
        settling: the results of the steps of a loop's first turn, which other values feed than all later turns.
        turns: how many turns of a loop a step stands for, by its result; one for all others.
        buffers: the paths of the buffers that a constant was made of, where that is known.
    """

    values: list[Value] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tolerance: float = 1e-4
    incomplete: str = ""
    notes: list[str] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    invented: bool = False
    settling: set[int] = field(default_factory=set)
    turns: dict[int, int] = field(default_factory=dict)
    buffers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _is_settling: bool = field(default=False, repr=False)
    _turns: int = field(default=1, repr=False)
    _numbers: dict[float, int] = field(default_factory=dict, repr=False)
    _makers: dict[int, Step] = field(default_factory=dict, repr=False)  # of sums, and of what moves them
    _known: dict[tuple[Operation, tuple[int, ...], Shape], int] = field(default_factory=dict, repr=False)

    def shape(self, value: int) -> Shape:
        """Return the shape of a value."""
        return self.values[value].shape

    def parameter(
        self, path: str, shape: Sequence[int], number: float | None = None, *, is_kernel: bool = False
    ) -> int:
        """Add a parameter.

        Args:
            path: its path.
            shape: its stored shape.
            number: what it starts at where its layer says so, as the slope of a PReLU.
            is_kernel: whether its layer says that it multiplies a signal, even if that is another parameter.

        Returns:
            Its id.
        """
        value = Value(len(self.values), tuple(map(int, shape)), "parameter", path, number, is_kernel=is_kernel)
        self.values.append(value)
        return value.id

    def statistic(self, path: str, shape: Sequence[int]) -> int:
        """Add a running variance, or its root: what is multiplied by something made of it is normalised."""
        return self._add(shape, "statistic", path)

    def input(self, shape: Sequence[int], elements: NDArray[Any] | None = None) -> int:
        """Add a part of the batch; its elements are kept if they are given."""
        return self._add(shape, "input", elements=elements)

    def forget_values(self) -> None:
        """Forget what the inputs hold, but for whole numbers: nobody gave them."""
        for value in self.values:
            if value.leaf == "input" and value.elements is not None and value.elements.dtype.kind == "f":
                self.values[value.id] = replace(value, elements=None)

    def number(self, number: float) -> int:
        """Add a number, once."""
        number = _as_written(number)
        if number not in self._numbers:
            self._numbers[number] = self._add((), "constant", number=number)
        return self._numbers[number]

    def constant(
        self,
        shape: Sequence[int],
        number: float | None = None,
        integers: NDArray[np.int64] | None = None,
        elements: NDArray[Any] | None = None,
        buffers: tuple[str, ...] = (),
    ) -> int:
        """Add an array that depends neither on the parameters nor on the batch: a mask, a table of sinusoids."""
        if number is not None and math.prod(shape) != 0:
            is_shared = not shape and not buffers
            value = self.number(number) if is_shared else self._add(shape, "constant", number=_as_written(number))
        else:
            value = self._add(shape, "constant", integers=integers, elements=integers if elements is None else elements)
        if buffers:
            self.buffers[value] = buffers
        return value

    def step(self, operation: Operation, operands: Sequence[int], shape: Sequence[int]) -> int:
        """Add a step, and return its result: the same step of the same values is the same value."""
        mean = self._mean_in(operation, operands)
        if mean is not None and self.shape(mean) == tuple(shape):
            return mean
        key = (operation, tuple(operands), tuple(shape))
        is_pure = not isinstance(operation, Random | Opaque)
        if is_pure and key in self._known:
            return self._known[key]
        result = self._add(shape)
        self.steps.append(Step(operation, tuple(operands), result))
        if isinstance(operation, Reduce | Pool | Reshape | Broadcast):
            self._makers[result] = self.steps[-1]
        self.settling |= {result} if self._is_settling else set()
        self.turns |= {result: self._turns} if self._turns > 1 else {}
        if is_pure:
            self._known[key] = result
        return result

    def _mean_in(self, operation: Operation, operands: Sequence[int]) -> int | None:
        """Return the mean that a sum over its count is, as some frameworks write it; None for all else."""
        if operation not in (Map("div"), Map("mul")):
            return None
        value, factor = operands if operands[0] in self._makers or operation == Map("div") else reversed(operands)
        number = self.values[factor].number
        if value not in self._makers or not number:
            return None
        return self._mean_of(value, number if operation == Map("div") else 1 / number)

    def _mean_of(self, value: int, count: float) -> int | None:
        """Return a sum over a count as a mean, moved as the sum is; None if it is not the sum of that many elements."""
        step = self._makers.get(value)
        match step.operation if step is not None else None:
            case Reduce("sum", axes, keeps) if step is not None:
                summed: Operation = Reduce("mean", axes, keeps)
                number = math.prod(self.shape(step.operands[0])[axis] for axis in axes)
            case Pool("sum", window) if step is not None:
                summed, number = Pool("mean", window), math.prod(window)
            case Reshape() | Broadcast() as move if step is not None:
                mean = self._mean_of(step.operands[0], count)
                return None if mean is None else self.step(move, [mean], self.shape(value))
            case _:
                return None
        is_mean = math.isclose(number, count, rel_tol=1e-6)
        return self.step(summed, step.operands, self.shape(value)) if is_mean else None

    @contextmanager
    def first_turn(self) -> Iterator[None]:
        """Let the steps that are added inside be those of the first turn of a loop."""
        before, self._is_settling = self._is_settling, True
        try:
            yield
        finally:
            self._is_settling = before

    @contextmanager
    def standing_for(self, turns: int) -> Iterator[None]:
        """Let the steps that are added inside stand for several turns of a loop, in each turn of one around it."""
        before, self._turns = self._turns, self._turns * turns
        try:
            yield
        finally:
            self._turns = before

    def _add(
        self,
        shape: Sequence[int],
        leaf: Leaf | None = None,
        path: str = "",
        number: float | None = None,
        integers: NDArray[np.int64] | None = None,
        elements: NDArray[Any] | None = None,
    ) -> int:
        shape = tuple(map(int, shape))
        self.values.append(Value(len(self.values), shape, leaf, path, number, integers, elements=elements))
        return len(self.values) - 1


def _as_written(number: float) -> float:
    """Return a number as its author wrote it, where a framework rounded it to 32 bits: 0.1, not 0.10000000149."""
    if math.isnan(number):
        return math.nan  # the same one, for no NaN equals another
    with np.errstate(all="ignore"):
        single = np.float32(number)
    short = float(f"{number:.7g}")
    return short if float(single) == number and np.float32(short) == single else number
