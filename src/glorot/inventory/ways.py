"""Ways: how many parameters lie between the batch, a parameter and the end of a model, in whichever order it runs."""

from collections import defaultdict
from collections.abc import Container

from glorot.graph.folding import Folded

Way = tuple[int, int]
"""How many parameters the longest way from the batch to a parameter meets, and that from it to the end, itself with it.

Branches may run in any order, and each framework has its own; a way is as long in all of them.
"""


def ways_in(folded: Folded, uncounted: Container[str] = ()) -> dict[str, Way]:
    """Return the way of every parameter that meets the signal.

    before = max over operands (before) + 1,  after = max over users (after) + 1

    Args:
        folded: the graph.
        uncounted: paths that lengthen no way: statistics, which a batch meets in one mode and not in another.

    Returns:
        The ways by path; of a parameter that is used several times, from its first use on.
    """
    meets: dict[int, list[str]] = defaultdict(list)
    for path, uses in folded.uses.items():
        for use in uses:
            meets[use.step].append(path)
    lengths = {step: any(path not in uncounted for path in paths) for step, paths in meets.items()}
    steps = folded.graph.steps
    before, after = ([0] * len(folded.graph.values) for _ in range(2))
    for position, step in enumerate(steps):
        if step.result in folded.source:
            before[step.result] = max((before[value] for value in step.operands), default=0) + lengths.get(position, 0)
    for position, step in reversed([*enumerate(steps)]):
        if step.result in folded.source:
            length = after[step.result] + lengths.get(position, 0)
            for value in step.operands:
                after[value] = max(after[value], length)
    ways: dict[str, Way] = {}
    for position, paths in meets.items():
        result, length = steps[position].result, lengths[position]
        for path in paths:
            first, last = ways.get(path, (before[result], 0))
            ways[path] = min(first, before[result]), max(last, after[result] + length)
    return ways
