"""Ways: how many parameters lie between the batch, a parameter and the end of a model, in whichever order it runs."""

from collections import defaultdict
from collections.abc import Container

from glorot.graph.folding import Folded
from glorot.graph.operations import Broadcast, Map, Permute, Reshape, Slice

Way = tuple[int, int]
"""How many parameters the longest way from the batch to a parameter meets, and that from it to the end, itself with it.

Branches may run in any order, terms may be added in any order, and a framework unrolls a loop as far as it likes; a way
is as long in all of them.
"""

ADDITIVE = (Map("add"), Map("sub"))


def ways_in(folded: Folded, uncounted: Container[str] = ()) -> dict[str, Way]:
    """Return the way of every parameter that meets the signal.

    before = max over operands (before) + 1,  after = max over users (after) + 1

    A parameter that comes again on its own way, as in the next turn of a loop, doesn't lengthen it; what is added to
    one sum of several terms lengthens it once.

    Args:
        folded: the graph.
        uncounted: paths that lengthen no way: statistics, which a batch meets in one mode and not in another.

    Returns:
        The ways by path; of a parameter that is used several times, from its first use on.
    """
    meets: dict[int, list[str]] = defaultdict(list)
    for path, uses in folded.uses.items():
        for position in sorted({whole for use in uses for whole in _whole_sums(folded, use.step)}):
            meets[position].append(path)
    lengths = _lengths(folded, meets, uncounted)
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


def _whole_sums(folded: Folded, position: int) -> set[int]:
    """Return where the sums are complete that a step adds a term to; the step itself if it adds none."""
    found, waiting = set(), {position}
    while waiting:
        at = waiting.pop()
        step = folded.graph.steps[at]
        later = _added_in(folded, step.result) if step.operation in ADDITIVE else set()
        found |= set() if later else {at}
        waiting |= later
    return found


def _added_in(folded: Folded, value: int) -> set[int]:
    """Return the steps that add a value, moved or not, to something; none if it is used otherwise too."""
    found: set[int] = set()
    waiting = [value]
    while waiting:
        for position, _ in folded.users[waiting.pop()]:
            step = folded.graph.steps[position]
            if step.operation in ADDITIVE:
                found.add(position)
            elif isinstance(step.operation, Slice | Reshape | Permute | Broadcast):
                waiting.append(step.result)
            else:
                return set()
    return found


def _lengths(folded: Folded, meets: dict[int, list[str]], uncounted: Container[str]) -> dict[int, int]:
    """Return whether each step that takes parameters lengthens a way: 1, or 0 where all of them came before on it."""
    count: dict[str, int] = defaultdict(int)
    for paths in meets.values():
        for path in paths:
            count[path] += 1
    again = (path for path, times in count.items() if times > 1)
    bits = {path: 1 << n for n, path in enumerate(again)}
    met: dict[int, int] = {}  # for each value, the bits of the parameters on its way
    lengths: dict[int, int] = {}
    for position, step in enumerate(folded.graph.steps):
        if step.result not in folded.source:
            continue
        earlier = 0
        for value in step.operands:
            earlier |= met.get(value, 0)
        if position in meets:
            new = [path for path in meets[position] if not bits.get(path, 0) & earlier]
            lengths[position] = int(any(path not in uncounted for path in new))
            for path in new:
                earlier |= bits.get(path, 0)
        if earlier:
            met[step.result] = earlier
    return lengths
