"""State spaces: the rates at which their states decay, and the shifts of their steps, told by how they meet.

A state decays by exp(−exp(w)·softplus(z + b)): w is a rate, b the shift of a step.
"""

import numpy as np

from glorot.graph.folding import Folded, Use
from glorot.graph.operations import Map
from glorot.inventory.roles import curve_of_parameter
from glorot.inventory.walking import before


def states_of(folded: Folded) -> dict[str, str]:
    """Return the roles of the parameters of state spaces, by their paths."""
    found: dict[str, str] = {}
    for path, uses in folded.uses.items():
        rates = [use for use in uses if use.role == "scale" and _is_rate(folded, use)]
        for use in rates:
            found[path] = "state_rate"
            found |= dict.fromkeys(_shifts_of_step(folded, use), "state_step")
    return found


def _is_rate(folded: Folded, use: Use) -> bool:
    """Tell whether a signal is multiplied by −exp(w) of a parameter w."""
    step = folded.graph.steps[use.step]
    curve = curve_of_parameter(folded, step.operands[use.operand], use.path)
    if curve is None:
        return False
    w = np.array([-1.0, 0.0, 2.0])
    return bool(np.allclose(curve(w), -np.exp(w)))


def _shifts_of_step(folded: Folded, use: Use) -> list[str]:
    """Return the path of what is added last before a signal becomes the steps that a rate multiplies."""
    at, is_positive = folded.signal_beside(use), False
    while at is not None and folded.kind.get(at) != "kernel":
        step = folded.makers.of(at)
        is_positive |= folded.source[at] != at  # a softplus, cut off as it may be
        if is_positive and step is not None and step.operation == Map("add"):
            found = [path for operand in step.operands for path in folded.parameters.get(operand, ())]
            if found:
                return found
        at = before(folded, at)
    return []
