"""Meetings: each kernel of a graph where it meets the signal, and what is asked of such places."""

from collections.abc import Iterator
from dataclasses import dataclass

from glorot.graph.folding import Folded, Use
from glorot.graph.graph import Graph, Step
from glorot.graph.operations import Contract, Convolve, Map, Reduce, Softmax


@dataclass(frozen=True)
class Met:
    """A kernel where it meets the signal: its path, the signal, and what it makes of it."""

    path: str
    signal: int
    result: int
    step: Step


def met_in(folded: Folded) -> Iterator[Met]:
    """Return the kernels of a graph in the order of execution; of one that is used in a loop, a later turn."""
    firsts: list[Use] = []
    for uses in folded.uses.values():
        kernels = [use for use in uses if use.role == "kernel"]
        settled = [use for use in kernels if not _is_first_turn(folded, folded.graph.steps[use.step].result)]
        firsts += (settled or kernels)[:1]
    for use in sorted(firsts, key=lambda one: one.step):
        step = folded.graph.steps[use.step]
        signal = folded.signal_beside(use)
        if signal is not None:
            yield Met(use.path, signal, step.result, step)


def _is_first_turn(folded: Folded, result: int) -> bool:
    """Tell whether a kernel's result is that of the first turn of a loop, where its state is zeros times a kernel."""
    if result in folded.graph.settling:
        return True
    at: int | None = result
    while at is not None:
        users = [folded.graph.steps[position] for position, _ in folded.users[at]]
        added = [value for step in users if step.operation == Map("add") for value in step.operands]
        paths = [path for value in added for path in folded.parameters.get(value, ())]
        if any(use.role == "kernel" for path in paths for use in folded.uses[path]):
            return True
        at = next((step.result for step in users if folded.passes.get(step.result) == at), None)
    return False


def before_kernels(folded: Folded) -> set[int]:
    """Return the values that kernels come after."""
    found: set[int] = set()
    for step in reversed(folded.graph.steps):
        if step.result in found or folded.kind.get(step.result) == "kernel":
            found.update(step.operands)
    return found


def is_dense(step: Step) -> bool:
    """Tell whether a kernel connects features at each place alone."""
    match step.operation:
        case Contract():
            return True
        case Convolve(window=window):
            return set(window) <= {1}
    return False


def features(graph: Graph, step: Step, value: int) -> int:
    """Return how many features a value has that a kernel takes or makes: its channels, or the size of its last axis."""
    shape = graph.shape(value)
    if isinstance(step.operation, Convolve):
        return shape[step.operation.channel]
    return shape[-1] if shape else 0


def shares_last_axis(folded: Folded, softmax: Step) -> bool:
    """Tell whether what a softmax makes sums to 1 along the last axis."""
    last = len(folded.graph.shape(softmax.result)) - 1
    if isinstance(softmax.operation, Softmax):
        return last in softmax.operation.axes
    for operand in softmax.operands:  # one written by hand: exp z over its sum
        step = folded.makers.of(operand)
        while step is not None and not isinstance(step.operation, Reduce):
            step = folded.makers.of(step.operands[0])
        if step is not None and isinstance(step.operation, Reduce) and step.operation.statistic == "sum":
            return last in step.operation.axes
    return False
