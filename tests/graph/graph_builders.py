"""Graphs built by hand, step by step, as a lowering builds them."""

from collections.abc import Callable, Sequence

from glorot.graph import Folded, Graph
from glorot.graph.operations import Contract, Map, Reduce

Shape = tuple[int, ...]


class Builder:
    """A graph, and the few steps that tests add to it."""

    def __init__(self, tolerance: float = 1e-4) -> None:
        self.graph = Graph(tolerance=tolerance)

    def map(self, function: str, *operands: int | float) -> int:
        """Add a function of elements; a number is a number."""
        values = [self.graph.number(one) if isinstance(one, float) else one for one in operands]
        shape = max((self.graph.shape(value) for value in values), key=len)
        return self.graph.step(Map(function), values, shape)

    def mean(self, value: int, keeps: bool = True) -> int:
        """Add a mean over the last axis."""
        shape = self.graph.shape(value)
        return self.graph.step(Reduce("mean", (len(shape) - 1,), keeps), [value], (*shape[:-1], *(1,) * keeps))

    def dense(self, path: str, value: int, outputs: int) -> int:
        """Add a dense layer on the last axis."""
        *batch, inputs = self.graph.shape(value)
        letters = "abcde"[: len(batch)]
        weight = self.graph.parameter(path, (outputs, inputs))
        return self.graph.step(Contract(f"{letters}i,oi->{letters}o"), [value, weight], (*batch, outputs))


def between(function: Callable[[Builder, int], int], shape: Sequence[int] = (2, 8)) -> tuple[Folded, int, int]:
    """Return (a graph of a function between two layers, the value before it, the value after it)."""
    builder = Builder()
    before = builder.dense("a", builder.graph.input(tuple(shape)), shape[-1])
    after = function(builder, before)
    builder.dense("b", after, 4)
    return Folded(builder.graph), before, after
