"""Thresholds that a user sets for checks, by name or code."""

import math
from collections.abc import Mapping

from glorot.checks.registry import all_checks, check_named
from glorot.errors import GlorotError


def by_name(given: Mapping[str, float]) -> dict[str, float]:
    """Return thresholds by the names of their checks.

    Args:
        given: positive numbers, by name or code.

    Raises:
        GlorotError: if a check does not exist, has no threshold or is given twice, or a value is not a positive number.

    Example:
        >>> by_name({"GL307": 3, "head-scale": 2.5})
        {'branch-scale': 3.0, 'head-scale': 2.5}
    """
    if not isinstance(given, Mapping):
        raise GlorotError(f"thresholds must be a mapping of numbers by the name of a check, got {given!r}")
    found: dict[str, float] = {}
    for text, value in given.items():
        check = check_named(text)
        if check.threshold is None:
            known = ", ".join(one.name for one in all_checks() if one.threshold is not None)
            raise GlorotError(f"{check.code} {check.name} has no threshold; those that have one are {known}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise GlorotError(f"the threshold of {check.code} {check.name} must be a positive number, got {value!r}")
        if check.name in found:
            raise GlorotError(f"the threshold of {check.code} {check.name} is given twice, by code and by name")
        found[check.name] = float(value)
    return found
