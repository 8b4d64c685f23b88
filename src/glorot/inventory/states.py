"""State spaces: the rates at which their states decay, and the shifts of their steps, told by how they meet.

A state decays by exp(−exp(w)·softplus(z + b)): w is a rate, b the shift of a step. The minus may stand before either
factor, or before their product.
"""

import numpy as np

from glorot.graph.curves import POINTS
from glorot.graph.folding import Folded, Use
from glorot.graph.graph import Step
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
    """Tell whether a signal is multiplied by −exp(w) of a parameter w, or by exp(w) where a state then decays by it."""
    step = folded.graph.steps[use.step]
    curve = curve_of_parameter(folded, step.operands[use.operand], use.path)
    if curve is None:
        return False
    w = np.array([-1.0, 0.0, 2.0])
    made, signal = curve(w), folded.signal_beside(use)
    if np.allclose(made, -np.exp(w)):
        return True
    is_factor = step.operation == Map("mul") and signal is not None and np.allclose(made, np.exp(w))
    return is_factor and signal is not None and _decays(folded, step.result, _sign_of(folded, signal))


def _sign_of(folded: Folded, value: int) -> int:
    """Return 1 or −1 where a signal is never of the other sign, as a softplus and its negative are; 0 elsewhere."""
    at, sign = value, 1
    while True:
        source = folded.source[at]
        if source != at:
            made = folded.curve(at, source)(POINTS)
            if np.all(made >= 0) or np.all(made <= 0):
                return sign if np.all(made >= 0) else -sign
            if not np.allclose(np.abs(made), np.abs(POINTS)):
                return 0
            at, sign = source, sign if made[0] * POINTS[0] > 0 else -sign
        elif folded.kind.get(at) == "move":
            at = folded.passes[at]
        else:
            return 0


def _decays(folded: Folded, value: int, sign: int) -> bool:
    """Tell whether exp is taken of a value of this sign when it is negative, moved and negated as it may be."""
    waiting, reached = [(value, sign)], {value}
    while waiting:
        at, sign = waiting.pop()
        for position, _ in folded.users[at]:
            step = folded.graph.steps[position]
            if step.operation == Map("exp") and sign < 0:
                return True
            if step.result not in reached:
                reached.add(step.result)
                number = _factor_in(folded, step)
                waiting += [] if number is None else [(step.result, sign if number > 0 else -sign)]
    return False


def _factor_in(folded: Folded, step: Step) -> float | None:
    """Return the number by which a step multiplies a signal, 1 of one that moves it; None for anything else."""
    if step.operation == Map("neg"):
        return -1.0
    if step.operation == Map("mul"):
        return next((number for number in map(folded.number, step.operands) if number is not None), None)
    return 1.0 if folded.kind.get(step.result) == "move" else None


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
