"""Twins: what a batch does not reach is like the same parameter of another block that it does reach."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from glorot.inventory.parts import UNREACHED, Parameter, Part, runs

DIGITS = re.compile(r"[0-9]+")

Key = tuple[str, tuple[int, ...], str]


def like_twins(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return parameters of which those that no batch reaches have the parts of their twins.

    A twin has the same name but for its numbers, the same shape and the same class of layer; of several the nearest
    one counts.

    Args:
        parameters: the parameters of a model, as its graph shows them.
    """
    reached: dict[Key, list[Parameter]] = defaultdict(list)
    for one in parameters:
        if one.parts and all(part.seen for part in one.parts):
            reached[_key(one)].append(one)
    return tuple(_like_twin(one, reached.get(_key(one), ())) if _is_unreached(one) else one for one in parameters)


def _is_unreached(parameter: Parameter) -> bool:
    return bool(parameter.parts) and not any(part.seen or runs(part.role) for part in parameter.parts)


def _key(parameter: Parameter) -> Key:
    layer = parameter.parts[0].layer if parameter.parts else ""
    return DIGITS.sub("#", parameter.path), parameter.shape, layer


def _like_twin(parameter: Parameter, twins: Sequence[Parameter]) -> Parameter:
    if not twins:
        return parameter
    places = [int(digits) for digits in DIGITS.findall(parameter.path)]

    def distance(twin: Parameter) -> list[int]:
        theirs = [int(digits) for digits in DIGITS.findall(twin.path)]
        return [abs(ours - other) for ours, other in zip(places, theirs, strict=True)]

    twin = min(twins, key=distance)
    own = parameter.parts[0]
    return replace(parameter, parts=tuple(_like(part, own, twin, parameter.path) for part in twin.parts))


def _like(part: Part, own: Part, twin: Parameter, path: str) -> Part:
    """Return a part of a twin as one of the parameter at a path, with what its own model holds and declares."""
    note = f"like {twin.path}, {UNREACHED}"
    name = path + part.name.removeprefix(twin.path)
    part = replace(part, declared=own.declared, start=own.start, held=own.held, filled=own.filled)
    return replace(part, name=name, depth=0, way=None, seen=False, note=note, stored=own.stored)
