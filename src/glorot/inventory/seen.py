"""What a graph shows of each layer: when it runs, what feeds it, and which activation follows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from glorot.graph.curves import recognised
from glorot.graph.folding import Folded, Use
from glorot.graph.operations import Choose, Join, Pool, Slice
from glorot.graph.sources import Curved, Data, Source, kernel_before, source_of
from glorot.inventory.kernels import kernel_of

UNNAMED = "a function"
"""What stands for a curve that is not in the catalogue."""


@dataclass(frozen=True)
class Seen:
    """What a graph shows of a weight.

    Attributes:
        position: the position of the first step that takes it.
        source: what feeds that step; the batch, for a table that is looked up.
        followed_by: the activation applied to what that step makes.
    """

    position: int
    source: Source
    followed_by: str


def seen_in(folded: Folded) -> dict[str, Seen]:
    """Return what a graph shows of every parameter that a signal is multiplied by, or that is looked up."""
    found = {}
    for path, uses in folded.uses.items():
        meets = [use for use in uses if use.role in ("kernel", "embedding", "position")]
        results = folded.graph.steps
        settled = [use for use in meets if results[use.step].result not in folded.graph.settling] or meets
        if settled:
            inner = _met_by_factors(folded, settled[0])
            followed_by = "identity" if "o" in inner else follower(folded, results[settled[0].step].result)
            source = Curved() if "i" in inner else _fed_by(folded, settled[0])
            found[path] = Seen(meets[0].step, source, followed_by)
    return found


def first_of(seen: dict[str, Seen], paths: Iterable[str]) -> Seen | None:
    """Return what is seen of the weight that runs first among several, as of one layer."""
    found = [seen[path] for path in paths if path in seen]
    return min(found, key=lambda one: one.position) if found else None


def _met_by_factors(folded: Folded, use: Use) -> str:
    """Return "o" if the outputs of a kernel enter another factor of the same product, "i" if its inputs come of one."""
    made = folded.parameters[folded.graph.steps[use.step].operands[use.operand]] if use.role == "kernel" else ()
    kernel = kernel_of(folded, use) if len(made) > 1 else None
    return "" if kernel is None else kernel.inner


def _fed_by(folded: Folded, use: Use) -> Source:
    step = folded.graph.steps[use.step]
    data = [value for n, value in enumerate(step.operands) if n != use.operand and value in folded.source]
    return source_of(folded, data[0]) if data and use.role == "kernel" else Data()


def follower(folded: Folded, value: int) -> str:
    """Return the activation that follows a value: the first curve after it, with norms and moves between them.

    Args:
        folded: the graph.
        value: the result of a layer.

    Returns:
        Its name; "identity" if a sum, a product or another layer comes first.
    """
    sources = [folded.source[value]]
    ends: list[tuple[int, int]] = []
    is_cut = False
    for source in sources:  # which grows on the way
        maker = folded.makers.of(source)
        is_cut |= maker is not None and isinstance(maker.operation, Slice)
        made = _made_of(folded, source)
        sources += [passed for one in made for passed in _after(folded, one)]
        sources += [] if is_cut else [total for one in made for total in _sums_in_loops(folded, one)]
        ends += [(one, source) for one in made if one != source and _is_end(folded, one)]
    names = [name for name in (_name(folded, *end) for end in sorted(set(ends))) if name != "identity"]
    is_mixed = is_cut and len(set(names)) > 1  # as the gates of a recurrent cell are
    return "identity" if is_mixed or not names else names[0]


def _name(folded: Folded, value: int, source: int) -> str:
    match = recognised(folded.curve(value, source))
    return UNNAMED if match is None else "identity" if match.activation.name == "identity" else match.text


def _users(folded: Folded, value: int) -> list[int]:
    """Return the results of the steps that take a value."""
    return [folded.graph.steps[position].result for position, _ in folded.users[value]]


def _is_end(folded: Folded, value: int) -> bool:
    """Tell whether a function of a source is used as it is, and not just on the way to another one or a statistic."""
    source, users = folded.source[value], _users(folded, value)
    if folded.passed.get(value) or not users:
        return True
    beyond = [used for used in users if folded.source.get(used) != source and folded.kind.get(used) != "dropout"]
    in_norm = [used for used in beyond if folded.kind.get(used) == "softmax" or folded.is_statistic(used)]
    return len(in_norm) < len(beyond)


def _made_of(folded: Folded, source: int) -> list[int]:
    """Return a source and every function of it, in order."""
    found, waiting = {source}, [source]
    while waiting:
        for position, _ in folded.users[waiting.pop()]:
            result = folded.graph.steps[position].result
            if folded.source.get(result) == source and result not in found:
                found.add(result)
                waiting.append(result)
    return sorted(found)


def _after(folded: Folded, value: int) -> list[int]:
    """Return the sources that pass a value on, normalised, pooled or beside others too."""
    users = [folded.graph.steps[position] for position, _ in folded.users[value]]
    normed = [step.result for step in users if folded.kind.get(step.result) in ("normalised", "centred")]
    pooled = [step.result for step in users if isinstance(step.operation, Pool | Join | Choose)]
    others = [*folded.passed.get(value, ()), *pooled]
    return normed + [source for source in others if source in folded.source and not folded.is_statistic(source)]


def _sums_in_loops(folded: Folded, value: int) -> list[int]:
    """Return the sums of a value and what a loop's own kernels make, as of an input and the state before it."""
    found = []
    for position, _ in folded.users[value]:
        step = folded.graph.steps[position]
        if folded.kind.get(step.result) == "sum":
            kernels = [kernel_before(folded, folded.back(operand)) for operand in folded.data_of(step)]
            is_turn = any(_recurs(folded, path) for path in kernels)
            is_turn |= all(kernels) and any(_repeats(folded, path) for path in kernels)
            found += [step.result] if is_turn else []
    return found


def _recurs(folded: Folded, path: str) -> bool:
    """Tell whether a kernel is used in the first turn of a loop, and so in all turns."""
    results = (folded.graph.steps[use.step].result for use in folded.uses.get(path, ()))
    return not folded.graph.settling.isdisjoint(results)


def _repeats(folded: Folded, path: str) -> bool:
    """Tell whether a kernel is taken more than once, be it by the zeros before the first turn of a loop."""
    taken = (folded.graph.steps[use.step].operands[use.operand] for use in folded.uses.get(path, ()))
    return any(len({position for position, _ in folded.users[value]}) > 1 for value in taken)
