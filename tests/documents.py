"""JSON documents with one thing changed, for readers of files that must read them or refuse them in one line."""

import copy
from typing import Any

Spot = tuple[str | int, ...]
"""The way to a value: keys and positions."""

ODD: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), 10**400, "", "x", "inf", "half a \ud800", [], [1, 2], [[0, 1]], [[None, None]],
    {}, {"a": 1},
]  # fmt: skip
"""Values that hardly any place expects."""


def spots(data: Any, most: int | None = None, spot: Spot = ()) -> list[Spot]:
    """Return the place of every value in a document; of a list, of the first ones only where `most` says so."""
    inside = data.items() if isinstance(data, dict) else enumerate(data[:most]) if isinstance(data, list) else ()
    return [spot, *(each for key, value in inside for each in spots(value, most, (*spot, key)))]


def changed(data: Any, spot: Spot, value: Any, drop: bool) -> Any:
    """Return a document with the value at one place replaced or dropped."""
    if not spot:
        return value
    data = copy.deepcopy(data)
    holder = data
    for key in spot[:-1]:
        holder = holder[key]
    if drop:
        del holder[spot[-1]]
    else:
        holder[spot[-1]] = value
    return data
