"""Noise: parameters that scale random numbers which are added to others, as σ does in w = μ + σ·ε."""

from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Map, Random, Reshape


def scales_of_noise(folded: Folded) -> set[str]:
    """Return the paths of parameters that noise, drawn or kept in a buffer, is multiplied by before it is added.

    Args:
        folded: the graph.

    Returns:
        Those of w = μ + σ·ε, σ by itself or as a function of the parameter.
    """
    random = _random_in(folded)
    found: set[str] = set()
    for step in folded.graph.steps:
        if step.operation != Map("mul") or step.result in folded.source:
            continue
        for scale, noise in (step.operands, step.operands[::-1]):
            paths = folded.parameters.get(scale, ())
            is_noise = noise in random or _is_table(folded, noise)
            if len(paths) == 1 and noise not in folded.parameters and is_noise and _is_added(folded, step, paths[0]):
                found.add(paths[0])
    return found


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
