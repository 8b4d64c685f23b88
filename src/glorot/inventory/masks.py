"""Masks: what of a weight is used, where pruning leaves some of its elements."""

from dataclasses import replace

from glorot.fans import Fans
from glorot.inventory.parts import Inventory, Part


def thinned(inventory: Inventory) -> Inventory:
    """Return an inventory whose fans count the connections that masks leave, on average over the units."""
    if not any(part.stored is not None and part.stored.share != 1 for part in inventory.parts):
        return inventory
    parameters = tuple(
        replace(parameter, parts=tuple(map(_thinned, parameter.parts))) for parameter in inventory.parameters
    )
    return replace(inventory, parameters=parameters)


def _thinned(part: Part) -> Part:
    share = 1.0 if part.stored is None else part.stored.share
    if part.fans is None or not 0 < share < 1:
        return part
    return replace(part, fans=Fans(part.fans.fan_in * share, part.fans.fan_out * share))
