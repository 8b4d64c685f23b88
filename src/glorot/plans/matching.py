"""Matching: which part of a plan each part of a model is, where the two call their parts differently.

Parts of one shape are told apart by what every framework shows alike, the surest first: what they are for, how far they
are from the batch and from the end, what feeds and follows them, what they are connected to, and at last their names.
Evidence counts where it divides both sides alike. Nothing is guessed: where two parts fit, neither is taken.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.graph.sources import Curved, Mean, Source
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
    given = _given(known or {}, ours, theirs)
    twins = _Matching(ours, theirs, given).run(_by_layout(ours, theirs))
    pairs = [(part, twins[part.name]) for part in ours]
    _check_connections(pairs)
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


class _Matching:
    """The search for the only pairs that fit: groups are divided until each has one part of either side."""

    def __init__(self, ours: Sequence[Part], theirs: Sequence[PlanEntry], given: Mapping[str, str]) -> None:
        self.given = given
        self.sides = (_Side(ours), _Side(theirs))
        self.evidence: tuple[Evidence, ...] = (
            self._by_given_names, by_role, by_purpose, by_distance_from_batch, by_distance_from_end, by_functions,
            self._by_connections, by_words, by_numbers,
        )  # fmt: skip

    def run(self, groups: list[Group]) -> dict[str, PlanEntry]:
        """Return the part of the plan that each part of the model is.

        Raises:
            GlorotError: if several parts fit one.
        """
        at = 0
        while at < len(self.evidence) and any(len(group.ours) > 1 for group in groups):
            for side, found in zip(self.sides, zip(*groups, strict=True), strict=True):
                side.number(found)
            finer = [part for group in groups for part in _divide(group, self.evidence[at])]
            at = at + 1 if len(finer) == len(groups) else 0  # what is known now may tell others apart
            groups = finer
        _refuse_several([group for group in groups if len(group.ours) > 1])
        return {group.ours[0].name: group.theirs[0] for group in groups}

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
            self.fed[fed_by_kernel(one.source)].append(one.name)

    def number(self, groups: Sequence[Sequence[Fact]]) -> None:
        """Record the group that each part is in now."""
        self.group = {one.name: n for n, group in enumerate(groups) for one in group}
        self.layer = {layer: self._groups(names) for layer, names in self.layers.items()}

    def connections(self, one: Fact) -> Hashable:
        """Return the groups of what a part is connected to."""
        path = path_of(one.name)
        before = self._groups(self.parts.get(fed_by_kernel(one.source), ()))
        return self.layer[path.rpartition(".")[0]], before, self._groups(self.fed.get(path, ()))

    def _groups(self, names: Sequence[str]) -> tuple[int, ...]:
        return tuple(sorted(self.group[name] for name in names))


def fed_by_kernel(source: Source | None) -> str:
    """Return the path of the one kernel whose output feeds a layer; "" where there is no such kernel."""
    while isinstance(source, Mean):
        source = source.source
    return source.of if isinstance(source, Curved) else ""


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


def _refuse_several(groups: Sequence[Group]) -> None:
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
        f"say which is, as with names={{{first.ours[0].name!r}: {first.theirs[0].name!r}}}"
        + _batch_helps(first.ours, first.theirs)
    )


def _check_connections(pairs: Sequence[tuple[Part, PlanEntry]]) -> None:
    """Raise if parts that fit each other are connected to parts that do not."""
    paths: dict[str, set[str]] = defaultdict(set)
    for part, entry in pairs:
        paths[part.path].add(path_of(entry.name))
    planned = {path_of(entry.name) for _, entry in pairs}
    beside, theirs = (_kernels_beside(side) for side in zip(*pairs, strict=True)) if pairs else ({}, {})
    for part, entry in pairs:
        for what, ours, other in (
            ("is fed by", fed_by_kernel(part.source), fed_by_kernel(entry.source)),
            ("goes with", beside.get(part.name, ""), theirs.get(entry.name, "")),
        ):
            if ours in paths and other in planned and other not in paths[ours]:
                raise GlorotError(
                    f"the model is not the network of this plan: {part.name} {what} {ours}, which is "
                    f"{' and '.join(sorted(paths[ours]))} in the plan, but {entry.name} {what} {other}"
                )


def _kernels_beside(facts: Sequence[Fact]) -> dict[str, str]:
    """Return the path of the kernel that each vector goes with, of layers that have one kernel."""
    layers: dict[str, set[str]] = defaultdict(set)
    for one in facts:
        if one.role in KERNELS:
            layers[path_of(one.name).rpartition(".")[0]].add(path_of(one.name))
    kernels = {layer: next(iter(paths)) for layer, paths in layers.items() if len(paths) == 1 and layer}
    return {
        one.name: kernels[layer]
        for one in facts
        if one.role not in KERNELS and (layer := path_of(one.name).rpartition(".")[0]) in kernels
    }


def _by_path(pairs: Sequence[tuple[Part, PlanEntry]]) -> dict[str, str]:
    """Return names path by path where the parts of a parameter keep their own ends, else part by part."""
    parameters: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for part, entry in pairs:
        parameters[part.path].append((part.name, entry.name))
    found = {}
    for path, named in parameters.items():
        wholes = {theirs.removesuffix(ours.removeprefix(path)) for ours, theirs in named}
        ends = all(theirs.endswith(ours.removeprefix(path)) for ours, theirs in named)
        found |= {path: wholes.pop()} if ends and len(wholes) == 1 else dict(named)
    return found
