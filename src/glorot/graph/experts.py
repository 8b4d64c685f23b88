"""Experts: rows that are picked for each example, and are biases and no words of a table."""

from typing import TYPE_CHECKING, NamedTuple

from glorot.graph.graph import Step
from glorot.graph.operations import Contract

if TYPE_CHECKING:
    from glorot.graph.folding import Folded


class PickedBias(NamedTuple):
    """Rows of biases that are added to what experts make.

    Attributes:
        operand: which operand of the sum the rows are.
        taken: the step that picks them.
        table: the parameter that they are rows of.
        signal: what they are added to.
    """

    operand: int
    taken: Step
    table: int
    signal: int


def picked_bias(folded: "Folded", step: Step, name: str) -> PickedBias | None:
    """Return the rows that a step adds to what a stack of as many kernels makes; None for anything else.

    Args:
        folded: the graph, up to the step.
        step: the step.
        name: its function.
    """
    for operand, value in enumerate(step.operands if name == "add" else ()):
        taken, signal = folded.makers.of(folded.back(value)), step.operands[1 - operand]
        if taken is None or folded.kind[taken.result] != "embedding":
            continue
        table = taken.operands[0]
        if _copies(folded, folded.back(signal)) == folded.graph.shape(table)[0]:
            return PickedBias(operand, taken, table, signal)
    return None


def _copies(folded: "Folded", value: int) -> int | None:
    """Return how many kernels lie in the stack that makes a value; None if it is not made so."""
    step = folded.makers.of(value)
    if step is None or not isinstance(step.operation, Contract):
        return None
    paths = [path for operand in step.operands for path in folded.parameters.get(operand, ())]
    shape = folded.leaf(paths[0]).shape if paths else ()
    return shape[0] if len(shape) > 2 else None
