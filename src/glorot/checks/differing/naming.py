"""Shared names: the tensors and plans of one side, called as the other side calls them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from glorot.catalogue import nearest
from glorot.checks.differing.tensors import Held, piece_of
from glorot.errors import GlorotError
from glorot.inventory import path_of
from glorot.plans import Plan


def renamed(known: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return what each tensor of B, or piece of one, is called in A; a path stands for all of its pieces.

    Args:
        known: the names in B.
        names: {path in B: path in A}.

    Raises:
        GlorotError: if `names` has a path that B lacks, or gives two of them one name.

    Example:
        >>> renamed(["dense.kernel", "dense.bias"], {"dense.kernel": "fc.weight"})
        {'dense.kernel': 'fc.weight', 'dense.bias': 'dense.bias'}
    """
    known = list(known)
    paths = {key for name in known for key in (name, path_of(name))}
    unknown = next((path for path in names if path not in paths), None)
    if unknown is not None:
        raise GlorotError(f"names gives a name to {unknown!r}, which B does not have{nearest(unknown, paths)}")
    found = {
        name: names.get(name, names.get(path_of(name), path_of(name)) + name.removeprefix(path_of(name)))
        for name in known
    }
    taken: dict[str, str] = {}
    for name, shared in found.items():
        if shared in taken:
            raise GlorotError(f"names gives one name, {shared!r}, to both {taken[shared]!r} and {name!r} of B")
        taken[shared] = name
    return found


def renamed_plan(plan: Plan, found: Mapping[str, str]) -> Plan:
    """Return a plan whose entries have other names.

    Args:
        plan: the plan.
        found: the name of each entry, by the one that it has; what is missing keeps its own.
    """
    return replace(plan, entries=tuple(replace(one, name=found.get(one.name, one.name)) for one in plan.entries))


def in_parts(tensors: Mapping[str, Held], *, is_whole: bool) -> dict[str, Held]:
    """Return the tensors of a model part by part, each in the order of axes that all frameworks share.

    Args:
        tensors: the tensors by their paths.
        is_whole: whether fused tensors stay whole, as those of a file are, which the others are compared with.
    """
    found: dict[str, Held] = {}
    for path, held in tensors.items():
        if held.tied_to is not None:
            continue
        if not held.parts or (is_whole and len(held.parts) > 1):
            found[path] = held
            continue
        for part in held.parts:
            found[part.name] = Held(piece_of(held.stored, part), held.dtype)
    return found


def called(tensors: Mapping[str, Held], names: Mapping[str, str]) -> dict[str, Held]:
    """Return the tensors of B by the names that A has for them; pieces are renamed with their tensor.

    Raises:
        GlorotError: as `renamed` does.
    """
    found = renamed(tensors, names)
    owners = {path: found.get(path, path) for path in tensors}
    return {
        found[path]: replace(
            held,
            parts=tuple(replace(part, name=found[path] + part.name.removeprefix(part.path)) for part in held.parts),
            tied_to=None if held.tied_to is None else owners.get(held.tied_to, held.tied_to),
        )
        for path, held in tensors.items()
    }
