"""Low-rank updates that are merged into a kernel before it meets the signal: W + A·B."""

from glorot.graph.folding import Folded, Use
from glorot.graph.operations import Contract, Map


def other_factor(folded: Folded, use: Use) -> str:
    """Return the path of the parameter that another is multiplied by to be added to a third; "" for anything else.

    Args:
        folded: the graph.
        use: a use of the parameter as a kernel.
    """
    step = folded.graph.steps[use.step]
    waiting, added = [step.operands[use.operand]], False
    while waiting:
        maker = folded.makers.of(waiting.pop())
        if maker is None:
            continue
        if isinstance(maker.operation, Contract) and len(maker.operands) > 1:
            factors = sorted({path for operand in maker.operands for path in _paths_below(folded, operand)})
            if added and use.path in factors:
                return next((path for path in factors if path != use.path), "")
            continue
        below = [_paths_below(folded, operand) for operand in maker.operands]
        is_sum = isinstance(maker.operation, Map) and maker.operation.function == "add" and all(below)
        added |= is_sum and any(use.path not in paths for paths in below)
        waiting += [one for one, paths in zip(maker.operands, below, strict=True) if use.path in paths]
    return ""


def _paths_below(folded: Folded, value: int) -> set[str]:
    """Return the paths of the parameters that a value is made of."""
    found, waiting, known = set(), [value], set()
    while waiting:
        one = waiting.pop()
        if one in known:
            continue
        known.add(one)
        path, maker = folded.graph.values[one].path, folded.makers.of(one)
        if path:
            found.add(path)
        elif maker is not None:
            waiting += maker.operands
    return found
