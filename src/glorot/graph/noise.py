"""Noise and gains: parameters that scale what differs from unit to unit, as σ does in w = μ + σ·ε, and g in w = g·v."""

from collections.abc import Iterator

from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Map, Random, Reshape

NORMAL = ("randn", "normal")
"""What the names of steps contain that draw normal numbers, of which no mask of a dropout is made."""


def scales_in(folded: Folded) -> set[str]:
    """Return the paths of parameters that noise, or another parameter, is multiplied by element by element.

    Args:
        folded: the graph.

    Returns:
        Those of w = μ + σ·ε, the noise drawn or kept in a buffer, σ by itself or as a function of the parameter; of
        what makes the σ of a result; and of w = g·v.
    """
    random = _random_in(folded)
    found = set(_kernels_of_noise(folded))
    for step in folded.graph.steps:
        if step.operation != Map("mul") or step.result in folded.source:
            continue
        for scale, noise in (step.operands, step.operands[::-1]):
            paths, others = folded.parameters.get(scale, ()), folded.parameters.get(noise, ())
            if len(paths) != 1:
                continue
            is_noise = not others and (noise in random or _is_table(folded, noise))
            if set(others) - set(paths) or (is_noise and _is_added(folded, step, paths[0])):
                found.add(paths[0])
    return found


def _kernels_of_noise(folded: Folded) -> Iterator[str]:
    """Yield the paths of kernels whose results, or functions of them, normal numbers are multiplied by and added."""
    normal = {step.result for step in folded.graph.steps if _is_normal(step)}
    for step in folded.graph.steps if normal else ():
        data = folded.data_of(step)
        if step.operation != Map("mul") or len(data) != 1 or normal.isdisjoint(step.operands):
            continue
        users = [folded.graph.steps[position] for position, _ in folded.users[step.result]]
        if not any(user.operation == Map("add") and len(folded.data_of(user)) == 2 for user in users):
            continue
        at = folded.back(data[0])
        maker = folded.makers.of(at)
        if maker is not None and folded.kind.get(at) == "kernel":
            yield from (path for operand in maker.operands for path in folded.parameters.get(operand, ()))


def _is_normal(step: Step) -> bool:
    return isinstance(step.operation, Random) and any(word in step.operation.name for word in NORMAL)


def _random_in(folded: Folded) -> set[int]:
    """Return the values that are drawn while the model runs, and what is made of them."""
    found: set[int] = set()
    for step in folded.graph.steps:
        if isinstance(step.operation, Random) or not found.isdisjoint(step.operands):
            found.add(step.result)
    return found


def _is_table(folded: Folded, value: int) -> bool:
    """Tell whether a value is made of constants alone and is not the same number everywhere, as far as is known."""
    waiting, reached = [value], {value}
    while waiting:
        at = waiting.pop()
        step = folded.makers.of(at)
        if at in folded.source or (step is None and folded.graph.values[at].leaf != "constant"):
            return False
        new = set(() if step is None else step.operands) - reached
        reached |= new
        waiting += new
    return len(folded.graph.shape(value)) > 0


def _is_added(folded: Folded, step: Step, path: str) -> bool:
    """Tell whether what a step makes is added to what is made of another parameter."""
    for position, _ in folded.users[step.result]:
        user = folded.graph.steps[position]
        if isinstance(user.operation, Reshape):
            return _is_added(folded, user, path)
        others = {
            other for value in user.operands if value != step.result for other in folded.parameters.get(value, ())
        }
        if user.operation in (Map("add"), Map("sub")) and others - {path}:
            return True
    return False
