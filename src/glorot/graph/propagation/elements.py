"""Elements: the moments of parameters as a plan starts them, and of what a layer makes of them before it uses them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.graph.functions import function
from glorot.graph.graph import Graph, Step, Value
from glorot.graph.moves import moved
from glorot.graph.operations import Broadcast, Contract, Flip, Join, Map, Pad, Permute, Reduce, Reshape, Slice, Take
from glorot.graph.propagation.state import UnknownError

Array = NDArray[np.float64]

NODES, WEIGHTS = (np.asarray(a, np.float64) for a in np.polynomial.hermite_e.hermegauss(24))
WEIGHTS = WEIGHTS / WEIGHTS.sum()

LARGEST = 1 << 22
"""Elements of the largest parameter whose pieces are followed through a change of shape."""


@dataclass(frozen=True, eq=False)
class Elements:
    """The law of the elements of an array that does not depend on the batch.

    Attributes:
        samples: (draws, *shape) values that an element takes, of size 1 along axes along which the law stays the same.
        weights: how probable each draw is.
        varies: along which axes elements are drawn independently.
        shape: the shape of the array.
        known: whether it holds just these values.
    """

    samples: Array
    weights: Array
    varies: tuple[bool, ...]
    shape: tuple[int, ...]
    known: bool = False

    @property
    def mean(self) -> Array:
        """E w, of size 1 along axes along which it stays the same."""
        return np.asarray(np.tensordot(self.weights, self.samples, 1))

    @property
    def second(self) -> Array:
        """E w²."""
        return np.asarray(np.tensordot(self.weights, np.square(self.samples), 1))

    def mapped(self, call: Callable[..., Any]) -> "Elements":
        """Return what a function makes of it, element by element."""
        with np.errstate(all="ignore"):
            return replace(self, samples=np.asarray(call(self.samples), np.float64))


def drawn(mean: float, std: float, shape: Sequence[int]) -> Elements:
    """Return elements of one law, taken as normal."""
    ones = (1,) * len(shape)
    samples = np.full((1, *ones), mean) if std == 0 else (mean + std * NODES).reshape(-1, *ones)
    weights = np.ones(1) if std == 0 else WEIGHTS
    return Elements(samples, weights, tuple(std > 0 and size > 1 for size in shape), tuple(shape), std == 0)


def known(values: Any, shape: Sequence[int]) -> Elements:
    """Return elements that are known."""
    array = np.asarray(values, np.float64)
    return Elements(array[None], np.ones(1), (False,) * len(shape), tuple(shape), True)


Laws = Callable[[Value], Elements | None]
"""The law of a parameter or a running statistic; None where nothing is known."""


class Start:
    """What a model starts from: the elements of every value that does not depend on the batch."""

    def __init__(self, graph: Graph, laws: Laws, numbers: Callable[[int], float | None]) -> None:
        self.graph = graph
        self.laws = laws
        self.numbers = numbers
        self._makers = {step.result: step for step in graph.steps}
        self._found: dict[int, Elements] = {}

    def of(self, value: int) -> Elements:
        """Return the elements of a value.

        Raises:
            UnknownError: if they are not known.
        """
        waiting = [value]
        while waiting:  # a loop, for graphs are deeper than Python's stack
            step = self._makers.get(waiting[-1])
            missing = (
                []
                if step is None or self._is_number(waiting[-1])
                else [v for v in step.operands if v not in self._found]
            )
            if missing:
                waiting += missing
            else:
                made = waiting.pop()
                if made not in self._found:
                    self._found[made] = self._made(made, step)
        return self._found[value]

    def _is_number(self, value: int) -> bool:
        return self.numbers(value) is not None

    def _made(self, value: int, step: Step | None) -> Elements:
        leaf, shape = self.graph.values[value], self.graph.shape(value)
        number = self.numbers(value)
        if number is not None and leaf.leaf != "parameter":
            return known(np.full((1,) * len(shape), number), shape)
        if step is not None:
            return self._after(step, [self._found[operand] for operand in step.operands], shape)
        if leaf.leaf in ("parameter", "statistic"):
            found = self.laws(leaf)
            if found is None:
                raise UnknownError(f"what {leaf.path} holds is not known")
            return found
        if leaf.elements is not None:
            return known(leaf.elements, shape)
        raise UnknownError("an array of constants enters whose elements are not known")

    def _after(self, step: Step, operands: list[Elements], shape: tuple[int, ...]) -> Elements:
        first = operands[0]
        match step.operation:
            case Map(name):
                return _mapped(name, operands, shape)
            case Take(axis, index):
                return _taken(first, axis, index, shape)
            case Reshape() | Permute() | Slice() | Broadcast() | Flip() | Pad() | Join() as move:
                return _moved(move, operands, shape)
            case Reduce("norm", axes, keeps):
                size = math.prod(first.shape[axis] for axis in axes)
                root = np.sqrt(size * first.second.mean(axis=tuple(axes), keepdims=keeps))
                return known(root.reshape([1] * len(shape)) if root.size == 1 else root, shape)
            case Reduce("sum" | "mean" as statistic, axes, keeps):
                size = math.prod(first.shape[axis] for axis in axes)
                mean = first.mean.mean(axis=tuple(axes), keepdims=keeps)
                return known(mean * (size if statistic == "sum" else 1), shape)
            case Contract() as contract:
                return _multiplied(contract, operands, shape)
        raise UnknownError(f"what {type(step.operation).__name__.lower()} makes of parameters is not known")


def _mapped(name: str, operands: Sequence[Elements], shape: tuple[int, ...]) -> Elements:
    if any(not one.known for one in operands[1:]) and any(not one.known for one in operands[:1]):
        return _of_moments(name, operands, shape)
    arrays = [_aligned(one, len(shape)) for one in operands]
    random = next((one for one in operands if not one.known), operands[0])
    with np.errstate(all="ignore"):
        samples = np.asarray(function(name)(*arrays), np.float64)
    varies = (False,) * (len(shape) - len(random.varies)) + random.varies
    return Elements(samples, random.weights, varies, shape, all(one.known for one in operands))


def _aligned(one: Elements, rank: int) -> Array:
    draws = one.samples.shape[0]
    return one.samples.reshape((draws, *(1,) * (rank + 1 - one.samples.ndim), *one.samples.shape[1:]))


def _of_moments(name: str, operands: Sequence[Elements], shape: tuple[int, ...]) -> Elements:
    """Return a sum or a product of two arrays that are drawn independently, by its moments."""
    if len(operands) != 2 or name not in ("add", "sub", "mul", "div"):
        raise UnknownError(f"what {name} makes of several parameters is not known")
    a, b = operands[0], operands[1].mapped(lambda z: 1 / z) if name == "div" else operands[1]
    (ma, qa), (mb, qb) = ((float(one.mean.mean()), float(one.second.mean())) for one in (a, b))
    sign = -1 if name == "sub" else 1
    if name in ("add", "sub"):
        mean, second = ma + sign * mb, qa + qb + 2 * sign * ma * mb
    else:
        mean, second = ma * mb, qa * qb
    return drawn(mean, math.sqrt(max(second - mean**2, 0)), shape)


def _taken(table: Elements, axis: int, index: Any, shape: tuple[int, ...]) -> Elements:
    """Return rows of a table that are looked up by numbers known beforehand; each comes once."""
    extra = len(shape) - len(table.shape) + 1
    varies = (*table.varies[:axis], *[table.varies[axis]] * extra, *table.varies[axis + 1 :])
    if table.known and table.samples.size > 1:
        if index is None:
            raise UnknownError("rows of constants are looked up by an index that is not known")
        picked = np.take(np.broadcast_to(table.samples, (1, *table.shape)), index, axis=axis + 1)
        return known(picked[0].reshape(shape), shape)
    mean = table.samples.mean(axis=tuple(range(1, table.samples.ndim)))
    return Elements(mean.reshape(-1, *(1,) * len(shape)), table.weights, varies, shape, table.known)


def _moved(move: Any, operands: Sequence[Elements], shape: tuple[int, ...]) -> Elements:
    first = operands[0]
    flags = _moved_flags(move, operands, shape)
    if all(one.samples[0].size == 1 for one in operands) and not isinstance(move, Join | Pad):
        return Elements(first.samples.reshape(-1, *(1,) * len(shape)), first.weights, flags, shape, first.known)
    if any(math.prod(one.shape) > LARGEST for one in operands) or len({one.samples.shape[0] for one in operands}) > 1:
        raise UnknownError("pieces of a tensor start differently, and are moved about")
    draws = [
        moved(move, [np.broadcast_to(one.samples[n], one.shape) for one in operands], shape)
        for n in range(first.samples.shape[0])
    ]
    if any(draw is None for draw in draws):
        raise UnknownError("an array is moved in a way that is not known")
    return Elements(np.stack([np.asarray(d) for d in draws]), first.weights, flags, shape, first.known)


def _moved_flags(move: Any, operands: Sequence[Elements], shape: tuple[int, ...]) -> tuple[bool, ...]:
    """Return along which axes of a result elements are drawn independently."""
    varies = operands[0].varies
    if not any(any(one.varies) for one in operands):
        return (False,) * len(shape)
    match move:
        case Permute(order):
            return tuple(varies[axis] for axis in order)
        case Broadcast(at):
            own = dict(zip(at, varies, strict=True))
            return tuple(own.get(axis, False) for axis in range(len(shape)))
        case Slice(index):
            return tuple(varied for varied, cut in zip(varies, index, strict=True) if not isinstance(cut, int))
        case Flip() | Pad() | Join():
            return varies
    kept = iter([varied for varied, size in zip(varies, operands[0].shape, strict=True) if size > 1])
    if [size for size in operands[0].shape if size > 1] == [size for size in shape if size > 1]:
        return tuple(size > 1 and next(kept) for size in shape)
    return tuple(size > 1 for size in shape)


def _multiplied(contract: Contract, operands: Sequence[Elements], shape: tuple[int, ...]) -> Elements:
    """Return a product of two matrices that are drawn independently, as of a low rank, or one with constants."""
    a, b = operands
    if any(one.known and np.any(one.samples) for one in operands):
        raise UnknownError("a product of parameters and constants is not known")
    sizes = dict(zip(contract.operands[0], a.shape, strict=True)) | dict(
        zip(contract.operands[1], b.shape, strict=True)
    )
    count = math.prod(size for letter, size in sizes.items() if letter not in contract.result)
    return drawn(0.0, math.sqrt(count * float(a.second.mean()) * float(b.second.mean())), shape)
