"""Assigning: from a plan and a seed to what is written into a model, part by part."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from glorot.distributions import Constant, Distribution
from glorot.errors import GlorotError
from glorot.inventory import Inventory, Part, fingerprint
from glorot.plans.names import shared_names
from glorot.plans.plan import Plan
from glorot.stream import Key, key_of


class Assignment(NamedTuple):
    """What one part of a model is written from: a law, and the key of its numbers."""

    part: Part
    distribution: Distribution
    key: Key


def assignments(
    plan: Plan, inventory: Inventory, seed: int, prefix: str = "", names: Mapping[str, str] | None = None
) -> list[Assignment]:
    """Return what a plan writes into a model, part by part; what it leaves alone is not among them.

    Args:
        plan: a plan for this model, with its own names or those that `names` gives.
        inventory: the parts of the model.
        seed: the seed of the stream.
        prefix: put before every name.
        names: {path or name of a part in this model: its name in the stream}; what is not there keeps its own.

    Returns:
        The assignments, in the order of the inventory.

    Raises:
        GlorotError: if the plan was made for another model, the seed is no seed, or `names` does not fit.
    """
    if not isinstance(prefix, str):
        raise GlorotError(f"prefix must be text, got {prefix!r}")
    key_of(seed, "")  # a seed that is none is refused even where nothing is drawn
    named = shared_names(inventory, names)
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


def _start_of(part: Part) -> Distribution:
    """Return what a running statistic starts at that the plan does not have."""
    return Constant(0.0 if part.role == "running_mean" else 1.0)
