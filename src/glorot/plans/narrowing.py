"""Narrowing: a plan and a model cut down to what path patterns match, to be carried out in part."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from glorot.errors import GlorotError
from glorot.inventory import Inventory, path_of
from glorot.plans.plan import Plan
from glorot.text import matches


def narrowed(
    plan: Plan, inventory: Inventory, named: Mapping[str, str], only: str | Iterable[str]
) -> tuple[Plan, Inventory]:
    """Return the parts of a model that patterns match, and what a plan has of them.

    The path of a tied parameter stands for no tensor of its own: among other patterns it is passed over, as in the list
    of keys that a checkpoint lacks.

    Args:
        plan: the plan.
        inventory: the parts of the model.
        named: {own name of a part: its name in the plan}.
        only: a path pattern, or several.

    Raises:
        GlorotError: if they are no patterns, or one matches nothing.
    """
    patterns = _as_patterns(only)
    called = {
        part.name: {part.name, part.path, named[part.name], path_of(named[part.name])} for part in inventory.parts
    }
    for pattern in patterns:
        if not any(matches(pattern, name) for names in called.values() for name in names):
            _check_others(pattern, inventory, is_alone=len(patterns) == 1)
    kept = {own for own, names in called.items() if any(matches(p, name) for p in patterns for name in names)}
    parameters = []
    for parameter in inventory.parameters:
        parts = tuple(part for part in parameter.parts if part.name in kept)
        parameters += [replace(parameter, parts=parts)] if parts else []
    planned = kept | {named[own] for own in kept}
    entries = tuple(entry for entry in plan.entries if entry.name in planned)
    return replace(plan, entries=entries), replace(inventory, parameters=tuple(parameters))


def _as_patterns(only: object) -> tuple[str, ...]:
    patterns = (only,) if isinstance(only, str) else tuple(only) if isinstance(only, Iterable) else (only,)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise GlorotError(f"only must be a path pattern such as 'head.*', or several, got {only!r}")
    return patterns


def _check_others(pattern: str, inventory: Inventory, *, is_alone: bool) -> None:
    """Raise unless a pattern that matches no part means a tied parameter, which goes with its owner."""
    tied = {one.path: one.tied_to for one in inventory.parameters if one.tied_to is not None}
    alias = next((path for path in tied if matches(pattern, path)), None)
    if alias is not None and not is_alone:
        return
    buffer = next((path for path in inventory.buffers if matches(pattern, path)), None)
    if alias is not None:
        reason = f"{alias} is tied to {tied[alias]}, and written by that name"
    elif buffer is not None:
        reason = (
            f"{buffer} is a buffer, which no recipe starts; load it, or build the model under "
            "glorot.torch.deferred(), and leave it out here"
        )
    else:
        reason = f"paths here look like: {', '.join(part.name for part in inventory.parts[:4])}"
    raise GlorotError(f"only {pattern!r} matches no parameter of the model; {reason}")
