"""Assigning: from a plan and a seed to what is written into a model, part by part."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from glorot.distributions import Constant, Distribution
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Parameter, Part, fingerprint, path_of
from glorot.inventory.layouts import stored_shape
from glorot.plans.entry import PlanEntry
from glorot.plans.names import shared_names
from glorot.plans.narrowing import narrowed
from glorot.plans.plan import Plan
from glorot.stream import Key, key_of


class Assignment(NamedTuple):
    """What one part of a model is written from: a law, and the key of its numbers."""

    part: Part
    distribution: Distribution
    key: Key


def assignments(
    plan: Plan,
    inventory: Inventory,
    seed: int,
    prefix: str = "",
    names: Mapping[str, str] | None = None,
    only: str | Iterable[str] | None = None,
) -> list[Assignment]:
    """Return what a plan writes into a model, part by part; what it leaves alone is not among them.

    Args:
        plan: a plan for this model, with its own names or those that `names` gives.
        inventory: the parts of the model.
        seed: the seed of the stream.
        prefix: put before every name.
        names: {path or name of a part in this model: its name in the stream}; what is not there keeps its own.
        only: a path pattern or several: what they do not match is left alone, and need not be in both.

    Returns:
        The assignments, in the order of the inventory.

    Raises:
        GlorotError: if the plan was made for another model, the seed is no seed, `names` does not fit, or a pattern
            matches nothing.
    """
    if not isinstance(prefix, str):
        raise GlorotError(f"prefix must be text, got {prefix!r}")
    key_of(seed, "")  # a seed that is none is refused even where nothing is drawn
    inventory = _as_planned(plan, inventory, shared_names(inventory, names))
    named = shared_names(inventory, names)
    if only is not None:
        plan, inventory = narrowed(plan, inventory, named, only)
    entries = {entry.name: entry for entry in plan.entries}
    renamed = [replace(part, name=named[part.name]) for part in inventory.parts]
    if plan.fingerprint == fingerprint(inventory.parts) != fingerprint(renamed):  # it has the model's own names
        entries = {named[name]: entry for name, entry in entries.items()}
    else:
        plan.check_fits(renamed)
    found = []
    for part in inventory.parts:
        name = named[part.name]
        law = entries[name].distribution if name in entries else _start_of(part)
        if law is not None:
            found.append(Assignment(part, law, key_of(seed, prefix + name)))
    return found


def _as_planned(plan: Plan, inventory: Inventory, named: Mapping[str, str]) -> Inventory:
    """Return an inventory whose parameters have the parts that the plan has of them, where their stored shapes agree.

    A plan knows from the graph of its model what the classes of the layers don't tell, and needs no batch for that.
    """
    if plan.framework != inventory.framework:
        return inventory
    planned: dict[str, list[PlanEntry]] = defaultdict(list)
    for entry in plan.entries:
        planned[path_of(entry.name)].append(entry)
    parameters = []
    for parameter in inventory.parameters:
        shared = {path_of(named[part.name]) for part in parameter.parts}
        entries = planned[shared.pop()] if len(shared) == 1 else []
        parts = tuple(_part_of(entry, parameter) for entry in entries)
        differs = fingerprint(parts) != fingerprint(parameter.parts) or _is_interleaved_otherwise(parts, parameter)
        fits = bool(parts) and differs and _lie_in(parts, parameter.shape)
        parameters.append(replace(parameter, parts=parts) if fits else parameter)
    return replace(inventory, parameters=tuple(parameters))


def _is_interleaved_otherwise(parts: Sequence[Part], parameter: Parameter) -> bool:
    """Tell whether parts lie interleaved, as only what a model computes shows, where its classes tell another way."""
    views = [part.view for part in parts]
    return any(view is not None and view.cut is not None for view in views) and views != [
        part.view for part in parameter.parts
    ]


def _part_of(entry: PlanEntry, parameter: Parameter) -> Part:
    """Return the part of a parameter that an entry is about."""
    name = parameter.path + entry.name.removeprefix(path_of(entry.name))
    part = Part(name, entry.axes, entry.shape, entry.role, parameter.parts[0].layer, entry.fans, entry.view)
    return replace(part, stored=parameter.parts[0].stored)


def _lie_in(parts: Sequence[Part], shape: tuple[int, ...]) -> bool:
    held = sum(math.prod(part.shape) for part in parts)
    whole = stored_shape(parts, shape)
    return (whole == shape or _are_merged(shape, whole)) and held <= math.prod(shape)


def _are_merged(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Tell whether neighbouring axes of a stored shape make up each axis of another, as models in one tensor do."""
    sizes = iter(shape)
    for size in whole:
        product = next(sizes, 0)
        while 0 < product < size:
            product *= next(sizes, 0)
        if product != size:
            return False
    return next(sizes, None) is None


def _start_of(part: Part) -> Distribution:
    """Return what a running statistic starts at that the plan does not have."""
    return Constant(0.0 if part.role == "running_mean" else 1.0)
