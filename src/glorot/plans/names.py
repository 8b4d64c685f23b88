"""Shared names: what the parts of a model are called in a plan and in the stream."""

from collections.abc import Mapping

from glorot.catalogue import nearest
from glorot.errors import GlorotError
from glorot.inventory import Inventory


def as_names(names: object) -> Mapping[str, str]:
    """Return names as they were given; none for None.

    Raises:
        GlorotError: if they are not a mapping of texts to texts.
    """
    names = {} if names is None else names
    if not isinstance(names, Mapping) or not all(isinstance(n, str) for pair in names.items() for n in pair):
        raise GlorotError(f"names must be a dict {{path in the model: name}}, got {names!r}")
    return names


def shared_names(inventory: Inventory, names: Mapping[str, str] | None) -> dict[str, str]:
    """Return the name that every part of a model bears in a plan and in the stream.

    Raises:
        GlorotError: if `names` speaks of what the model does not have, or gives two parts one name.
    """
    names = as_names(names)
    parts = inventory.parts
    known = {key for part in parts for key in (part.name, part.path)}
    unknown = sorted(set(names) - known)
    if unknown:
        raise GlorotError(
            f"names gives a name to {unknown[0]!r}, which the model does not have{nearest(unknown[0], known)}"
        )
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for part in parts:
        name = names.get(part.name, names.get(part.path, part.path) + part.name.removeprefix(part.path))
        if not name:
            raise GlorotError(f"names gives {part.name!r} an empty name")
        if name in taken and taken[name] == part.name:
            raise GlorotError(f"two parameters of the model are called {name!r}; give them names of their own")
        if name in taken:
            raise GlorotError(f"names gives one name, {name!r}, to both {taken[name]!r} and {part.name!r}")
        taken[name] = part.name
        found[part.name] = name
    return found
