"""Matching: which part of a plan each part of a model is, where the two call their parts differently.

Parts of one shape are told apart by what every framework shows alike, the surest first: what they are for, how far they
are from the batch and from the end, what feeds and follows them, what they are connected to, and at last their names.
Evidence counts where it divides both sides alike. Nothing is guessed: where two parts fit, neither is taken.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.graph.sources import Curved, Joined, Mean, Product, Source, Sum
from glorot.inventory import Inventory, Part, path_of, runs
from glorot.plans.entry import PlanEntry, layout_text
from glorot.plans.evidence import (
    Evidence,
    Fact,
    Group,
    Keys,
    by_distance_from_batch,
    by_distance_from_end,
    by_functions,
    by_numbers,
    by_purpose,
    by_role,
    by_words,
)
from glorot.plans.names import as_names
from glorot.plans.plan import Plan

MOST_TOLD = 4
"""Parts of one shape, and shapes, that an error names."""

KERNELS = ("kernel", "recurrent", "embedding")


def matched(plan: Plan, inventory: Inventory, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the parts of a model are called in a plan that was made for the same network.

    Args:
        plan: the plan.
        inventory: the parts of the model.
        known: {path or name of a part in the model: its name in the plan}, for parts that nothing else tells apart.

    Returns:
        {path in the model: path in the plan}; by pieces where the two hold them in other parameters.

    Raises:
        GlorotError: if a part of either side has no counterpart, or several fit.
    """
    ours, theirs = _compared(inventory.parts, plan.entries)
    search = _Search(ours, theirs, _given(as_names(known), ours, theirs))
    shown = search.divide(_by_layout(ours, theirs), search.shown)
    found = search.divide(shown, (*search.shown, by_words, by_numbers))
    _refuse_several(found)
    twins = {group.ours[0].name: group.theirs[0] for group in found}
    pairs = [(part, twins[part.name]) for part in ours]
    contradiction = _contradiction(pairs)
    if contradiction:
        _refuse_several(shown)  # of which the names tell nothing true
        raise GlorotError(f"the model is not the network of this plan: {contradiction}")
    return _by_path(pairs)


# ---- what is compared ------------------------------------------------------------------------------------------------


def _compared(parts: Sequence[Part], entries: Sequence[PlanEntry]) -> tuple[list[Part], list[PlanEntry]]:
    """Return the parts of both sides; of running statistics only those of which both have as many."""
    ours, theirs = (Counter((one.role, one.shape) for one in side if runs(one.role)) for side in (parts, entries))
    alike = {key for key, count in ours.items() if theirs[key] == count}
    return (
        [part for part in parts if not runs(part.role) or (part.role, part.shape) in alike],
        [entry for entry in entries if not runs(entry.role) or (entry.role, entry.shape) in alike],
    )


def _given(known: Mapping[str, str], ours: Sequence[Part], theirs: Sequence[PlanEntry]) -> dict[str, str]:
    """Return the known names part by part: a path stands for all of its parts.

    Raises:
        GlorotError: if they are about what one side does not have, or give two parts one name.
    """
    held, planned = {name for part in ours for name in (part.name, part.path)}, {entry.name: entry for entry in theirs}
    for given in known:
        if given not in held:
            raise GlorotError(f"names is about {given!r}, which the model does not have{nearest(given, held)}")
    found: dict[str, str] = {}
    for part in ours:
        if part.name not in known and part.path not in known:
            continue
        name = known.get(part.name, known.get(part.path, "") + part.name.removeprefix(part.path))
        if name not in planned:
            raise GlorotError(
                f"names calls {part.name!r} {name!r}, which the plan does not have{nearest(name, planned)}"
            )
        if layout_text(planned[name]) != layout_text(part):
            raise GlorotError(
                f"names calls {part.name!r}, {layout_text(part)}, {name!r}, which is {layout_text(planned[name])}"
            )
        found[part.name] = name
    twice = [name for name, count in Counter(found.values()).items() if count > 1]
    if twice:
        first, second = [part for part, name in found.items() if name == twice[0]][:2]
        raise GlorotError(f"names gives one name, {twice[0]!r}, to both {first!r} and {second!r}")
    return found


def _by_layout(ours: Sequence[Part], theirs: Sequence[PlanEntry]) -> list[Group]:
    """Group both sides by axes and shape, which a part has in every framework.

    Raises:
        GlorotError: unless both sides have as many of each.
    """
    held: dict[str, list[Part]] = defaultdict(list)
    planned: dict[str, list[PlanEntry]] = defaultdict(list)
    for part in ours:
        held[layout_text(part)].append(part)
    for entry in theirs:
        planned[layout_text(entry)].append(entry)
    layouts = [*planned, *(layout for layout in held if layout not in planned)]
    wrong = [layout for layout in layouts if len(held[layout]) != len(planned[layout])]
    if wrong:
        lines = [f"  {one}: the plan has {_some(planned[one])}, the model {_some(held[one])}" for one in wrong]
        raise GlorotError(
            "the model is not the network of this plan: they differ in\n"
            + "\n".join(lines)
            + _batch_helps(ours, theirs)
        )
    return [Group(tuple(held[layout]), tuple(planned[layout])) for layout in layouts]


def _some(facts: Sequence[Fact]) -> str:
    names = [one.name for one in facts]
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return f"{', '.join(names[:MOST_TOLD])}{more}" if names else "none"


def _batch_helps(ours: Sequence[Part], theirs: Sequence[PlanEntry]) -> str:
    """Return how a batch would show more; "" where it was there."""
    unseen = [what for what, side in (("glorot.match", ours), ("glorot.plan", theirs)) if not all(map(_is_seen, side))]
    if not unseen:
        return ""
    return (
        f"\na batch shows the order of execution and what fused layers hold: give inputs= to {' and to '.join(unseen)}"
    )


def _is_seen(one: Fact) -> bool:
    return one.seen and (one.way is not None or runs(one.role))


# ---- evidence --------------------------------------------------------------------------------------------------------


class _Search:
    """The search for the only pairs that fit: groups are divided until each has one part of either side.

    Attributes:
        shown: what the graphs and layers of both sides show, the surest first.
    """

    def __init__(self, ours: Sequence[Part], theirs: Sequence[PlanEntry], given: Mapping[str, str]) -> None:
        self.given = given
        self.sides = (_Side(ours), _Side(theirs))
        self.shown: tuple[Evidence, ...] = (
            self._by_given_names, by_role, by_purpose, by_distance_from_batch, by_distance_from_end, by_functions,
            self._by_connections,
        )  # fmt: skip

    def divide(self, groups: list[Group], evidence: Sequence[Evidence]) -> list[Group]:
        """Divide groups as far as evidence goes."""
        at = 0
        while at < len(evidence) and any(len(group.ours) > 1 for group in groups):
            if evidence[at] == self._by_connections:
                for side, facts in zip(self.sides, zip(*groups, strict=True), strict=True):
                    side.number(facts)
            finer = [part for group in groups for part in _divide(group, evidence[at])]
            at = at + 1 if len(finer) == len(groups) else 0  # what is known now may tell others apart
            groups = finer
        return groups

    def _by_given_names(self, group: Group) -> Keys:
        names = set(self.given.values())
        return (
            [self.given.get(part.name) for part in group.ours],
            [entry.name if entry.name in names else None for entry in group.theirs],
        )

    def _by_connections(self, group: Group) -> Keys:
        ours, theirs = self.sides
        return [ours.connections(part) for part in group.ours], [theirs.connections(entry) for entry in group.theirs]


class _Side:
    """The parts of one side, with what each is connected to: the rest of its layer, what feeds it, what it feeds."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.layers: dict[str, list[str]] = defaultdict(list)
        self.parts: dict[str, list[str]] = defaultdict(list)
        self.fed: dict[str, list[str]] = defaultdict(list)
        self.group: dict[str, int] = {}
        self.layer: dict[str, tuple[int, ...]] = {}
        for one in facts:
            path = path_of(one.name)
            self.layers[path.rpartition(".")[0]].append(one.name)
            self.parts[path].append(one.name)
            for kernel in kernels_in(one.source):
                self.fed[kernel].append(one.name)

    def number(self, groups: Sequence[Sequence[Fact]]) -> None:
        """Record the group that each part is in now."""
        self.group = {one.name: n for n, group in enumerate(groups) for one in group}
        self.layer = {layer: tuple(sorted(map(self.group.__getitem__, names))) for layer, names in self.layers.items()}

    def connections(self, one: Fact) -> Hashable:
        """Return the groups of what a part is connected to."""
        path = path_of(one.name)
        before = [name for kernel in kernels_in(one.source) for name in self.parts.get(kernel, ())]
        return self.layer[path.rpartition(".")[0]], self._groups(before), self._groups(self.fed.get(path, ()))

    def _groups(self, names: Sequence[str]) -> frozenset[int]:
        return frozenset(map(self.group.__getitem__, names))


def kernels_in(source: Source | None) -> set[str]:
    """Return the paths of the kernels whose outputs a source is made of."""
    match source:
        case Curved(of=kernel) if kernel:
            return {kernel}
        case Mean(inner):
            return kernels_in(inner)
        case Sum(several) | Product(several) | Joined(several):
            return {kernel for inner in several for kernel in kernels_in(inner)}
    return set()


def _divide(group: Group, evidence: Evidence) -> list[Group]:
    """Divide a group by what tells its parts apart; leave it whole unless that divides both sides alike."""
    keys = evidence(group) if len(group.ours) > 1 else None
    if keys is None or Counter(keys[0]) != Counter(keys[1]):
        return [group]
    ours: dict[Hashable, list[Part]] = defaultdict(list)
    theirs: dict[Hashable, list[PlanEntry]] = defaultdict(list)
    for key, part in zip(keys[0], group.ours, strict=True):
        ours[key].append(part)
    for key, entry in zip(keys[1], group.theirs, strict=True):
        theirs[key].append(entry)
    return [Group(tuple(parts), tuple(theirs[key])) for key, parts in ours.items()]


# ---- what is found ---------------------------------------------------------------------------------------------------


def _refuse_several(found: Sequence[Group]) -> None:
    """Raise if a group holds several parts."""
    groups = [group for group in found if len(group.ours) > 1]
    if not groups:
        return
    first = groups[0]
    lines = [
        f"  {layout_text(group.ours[0])}: {_some(group.theirs)} of the plan may be {_some(group.ours)} of the model"
        for group in groups[:MOST_TOLD]
    ]
    more = [f"  … and {len(groups) - MOST_TOLD} more such groups"] if len(groups) > MOST_TOLD else []
    raise GlorotError(
        "several parts fit, and nothing tells which is which:\n" + "\n".join(lines + more) + "\n"
        f"tell them apart with names=, as in names={{{first.ours[0].name!r}: {first.theirs[0].name!r}}}"
        + _batch_helps(first.ours, first.theirs)
    )


def _contradiction(pairs: Sequence[tuple[Part, PlanEntry]]) -> str:
    """Return where parts that fit each other are connected to parts that do not; "" where all connections agree."""
    names: dict[str, set[str]] = defaultdict(set)
    for part, entry in pairs:
        names[part.path].add(path_of(entry.name))
    planned = {name for several in names.values() for name in several}
    beside, theirs = _kernels_beside([part for part, _ in pairs]), _kernels_beside([entry for _, entry in pairs])
    for part, entry in pairs:
        for what, ours, others in (
            ("is fed by", kernels_in(part.source), kernels_in(entry.source)),
            ("goes with", beside.get(part.name, set()), theirs.get(entry.name, set())),
        ):
            if len(ours) != len(others) or not ours <= names.keys() or not others <= planned:
                continue  # one side keeps in one parameter what the other keeps in several
            wrong = sorted(kernel for kernel in ours if names[kernel].isdisjoint(others))
            if wrong:
                called, other = " and ".join(sorted(names[wrong[0]])), " and ".join(sorted(others))
                return f"{part.name} {what} {wrong[0]}, which is {called} in the plan, but {entry.name} {what} {other}"
    return ""


def _kernels_beside(facts: Sequence[Fact]) -> dict[str, set[str]]:
    """Return the kernel that each vector goes with, of layers that have one kernel."""
    layers: dict[str, set[str]] = defaultdict(set)
    for one in facts:
        if one.role in KERNELS:
            layers[path_of(one.name).rpartition(".")[0]].add(path_of(one.name))
    found: dict[str, set[str]] = {}
    for one in facts:
        layer = path_of(one.name).rpartition(".")[0]
        if one.role not in KERNELS and layer and len(layers.get(layer, ())) == 1:
            found[one.name] = layers[layer]
    return found


def _by_path(pairs: Sequence[tuple[Part, PlanEntry]]) -> dict[str, str]:
    """Return names path by path where the parts of a parameter keep their own ends, else part by part."""
    parameters: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for part, entry in pairs:
        parameters[part.path].append((part.name, entry.name))
    found: dict[str, str] = {}
    for path, named in parameters.items():
        wholes = {theirs.removesuffix(ours.removeprefix(path)) for ours, theirs in named}
        ends = all(theirs.endswith(ours.removeprefix(path)) for ours, theirs in named)
        found |= {path: wholes.pop()} if ends and len(wholes) == 1 else dict(named)
    return found
