"""An outline of a model, made from its plan alone: its layers by their modules, equal blocks as one."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from glorot.inventory import path_of, runs
from glorot.plans.entry import PlanEntry
from glorot.plans.folding import list_of

ASIDE = ("bias", "forget_bias", "shift", "padding")
"""Roles of parameters that stand beside the main one of their layer."""

PLAIN = ("weight", "kernel", "embedding", "embeddings", "scale", "gamma")
"""The names of the main parameter of a layer, which go without saying."""


STREAM = ("identity", "sum")
"""What feeds the first block of a stream, and all later ones, which are equal for all that."""


@dataclass(frozen=True)
class Outline:
    """A module with those inside it, or one main parameter of a layer.

    Attributes:
        label: its name within the module around it; of several equal ones all their numbers, `h.{0..11}`.
        entries: what the plan says of the parameter, once for each equal block; none for a module.
        inside: what the module holds, in the order in which the model runs, where that is known.
        times: how many equal blocks it stands for.
    """

    label: str
    entries: tuple[PlanEntry, ...] = ()
    inside: "tuple[Outline, ...]" = ()
    times: int = 1


class _Leaf(NamedTuple):
    names: tuple[str, ...]
    entry: PlanEntry


def outline_of(entries: Iterable[PlanEntry]) -> Outline:
    """Return the outline of a plan's entries; the root has no label.

    Example:
        >>> import glorot, torch
        >>> deep = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(3)))
        >>> [(one.label, one.times) for one in outline_of(glorot.plan(deep, inputs=False)).inside]
        [('{0..2}', 3)]
    """
    kept = [entry for entry in entries if not runs(entry.role)]
    return _module("", [_Leaf(tuple(path_of(entry.name).split(".")), entry) for entry in _in_order(kept)])


def _in_order(entries: Sequence[PlanEntry]) -> list[PlanEntry]:
    """Return entries in the order in which the model runs, as far as they tell."""
    layers: dict[str, list[PlanEntry]] = defaultdict(list)
    for entry in entries:
        if entry.way is not None and _is_in_turn(entry) and entry.role not in ASIDE:
            for module in _modules_of(entry):
                layers[module].append(entry)
    places: list[float] = []
    for entry in entries:
        places.append(_place(entry, layers) if entry.way is not None else places[-1] if places else 0)
    order = sorted(range(len(entries)), key=places.__getitem__) if layers else range(len(entries))
    return [entries[n] for n in order]


def _modules_of(entry: PlanEntry) -> list[str]:
    """Return the paths of the modules around a parameter, the nearest first."""
    names = path_of(entry.name).split(".")[:-1]
    return [".".join(names[:count]) for count in range(len(names), -1, -1)]


def _is_in_turn(entry: PlanEntry) -> bool:
    """Tell whether a part is of a layer; a shortcut has its turn before or after the branch that it lies beside."""
    return entry.depth > 0 and entry.purpose != "shortcut"


def _place(entry: PlanEntry, layers: Mapping[str, Sequence[PlanEntry]]) -> float:
    """Return when a parameter is used: with its layer, or before the first layer near it that lies farther on."""
    if entry.way is None or _is_in_turn(entry):
        return entry.depth
    near = next((layers[module] for module in _modules_of(entry) if module in layers), [])
    later = [one.depth for one in near if one.way is not None and one.way[0] > entry.way[0]]
    return min(later) - 0.5 if later else max((one.depth for one in near), default=0) + 0.5


def _module(label: str, leaves: Sequence[_Leaf]) -> Outline:
    """Return a module of the leaves whose names are still relative to it."""
    inner: dict[str, list[_Leaf]] = defaultdict(list)
    for leaf in leaves:
        inner[leaf.names[0]].append(leaf)
    found: list[Outline] = []
    for name, held in inner.items():
        layers = [leaf for leaf in held if len(leaf.names) <= 2]
        deeper = [_Leaf(leaf.names[1:], leaf.entry) for leaf in held]
        if len(layers) == len(held):
            found += _layer(name, held)
        else:
            found.append(_module(name, deeper))
    return _joined(Outline(label, inside=_folded(found)))


def _layer(name: str, leaves: Sequence[_Leaf]) -> list[Outline]:
    """Return the main parameters of a layer, each piece of a fused one by itself."""
    main = [leaf for leaf in leaves if leaf.entry.role not in ASIDE] or list(leaves)
    is_plain = len({leaf.names for leaf in main}) == 1 and main[0].names[1:] in ((), *((plain,) for plain in PLAIN))
    found = []
    for names, entry in main:
        piece = entry.name.removeprefix(path_of(entry.name)) if len(main) > 1 else ""
        found.append(Outline((name if is_plain else ".".join((name, *names[1:]))) + piece, (entry,)))
    return found


def _joined(module: Outline) -> Outline:
    """Return a module that holds one thing alone as that."""
    if len(module.inside) == 1 and module.label:
        (inner,) = module.inside
        return replace(inner, label=f"{module.label}.{inner.label}")
    return module


def _folded(modules: Sequence[Outline]) -> tuple[Outline, ...]:
    """Fold modules that are called by their numbers and equal but for those."""
    alike: dict[Hashable, list[Outline]] = defaultdict(list)
    for place, module in enumerate(modules):
        is_numbered = module.label.partition(".")[0].partition("[")[0].isdecimal()
        alike[_likeness(module) if is_numbered else place].append(module)
    return tuple(_fold(group) for group in alike.values())


def _likeness(outline: Outline, is_first: bool = True) -> Hashable:
    """Return what equal blocks have in common: all but the numbers in their names and where they lie."""
    label = outline.label.lstrip("0123456789") if is_first else outline.label
    return label, outline.times, *map(_kind, outline.entries), *(_likeness(one, False) for one in outline.inside)


def _kind(entry: PlanEntry) -> Hashable:
    branch = None if entry.branch is None else (entry.branch.stream, entry.branch.count)
    fed_by = "" if entry.fed_by in STREAM else entry.fed_by
    return entry.shape, entry.axes, entry.fans, entry.role, fed_by, entry.purpose, branch


def _fold(group: Sequence[Outline]) -> Outline:
    """Return equal modules as one."""
    if len(group) == 1:
        return group[0]
    numbers = sorted((_number(one.label) for one in group), key=int)
    label = list_of(numbers) + group[0].label.removeprefix(_number(group[0].label))
    return replace(_merged(group), label=label, times=len(group) * group[0].times)


def _number(label: str) -> str:
    return label[: len(label) - len(label.lstrip("0123456789"))]


def _merged(group: Sequence[Outline]) -> Outline:
    entries = tuple(entry for one in group for entry in one.entries)
    inside = tuple(_merged(same) for same in zip(*(one.inside for one in group), strict=True))
    return replace(group[0], entries=entries, inside=inside)
