"""Roles: what a parameter is for that meets the signal, read from where and how it does."""

import math
from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from glorot.graph.curves import Application, Curve
from glorot.graph.folding import Folded, Use
from glorot.graph.operations import Join, Map
from glorot.inventory.kernels import follow_parameter, label_axes
from glorot.inventory.walking import before, cone

ORDER = ("kernel", "embedding", "position", "scale", "token", "slope", "bias", "shift", "signal")
"""Of several uses the first decides: a kernel that zeros meet in the first turn of a loop looks like a shift there."""


FAR = 8.0
"""The largest value of a parameter at which it is asked what its layer makes of it."""


@dataclass(frozen=True)
class Role:
    """What a parameter is for.

    Attributes:
        name: one of the roles of an inventory; "" where its use is not understood.
        use: the use that tells.
        neutral: the value at which a scale changes nothing; None where it has none.
    """

    name: str
    use: Use
    neutral: float | None = None


def role_of(folded: Folded, path: str, ends: Container[str] = ()) -> Role | None:
    """Return what a parameter is for; None if no signal meets it and the model does not return it as a temperature.

    Args:
        folded: the graph.
        path: the path of the parameter.
        ends: the paths that end residual branches.
    """
    uses = folded.uses.get(path)
    if not uses:
        return _returned(folded, path)
    use = min(uses, key=lambda one: (ORDER.index(one.role), one.step))
    match use.role:
        case "kernel":
            return Role("kernel", use)
        case "embedding":
            return Role("embedding", use)
        case "position":
            signal = folded.signal_beside(use)
            is_logit = signal is not None and folded.kind[folded.back(signal)] == "interaction"
            return Role("relative_bias" if is_logit else "position", use)
        case "token":
            return Role("sink" if _is_beside_logits(folded, use) else "token", use)
        case "bias":
            return Role("bias", use)
        case "slope":
            return Role("slope", use)
        case "scale":
            return _role_of_scale(folded, use, ends)
        case "shift":
            return Role(_role_of_shift(folded, use), use)
    return Role("", use)


def _returned(folded: Folded, path: str) -> Role | None:
    """Return the role of one number that a model returns as a factor, for whoever scales its results: a temperature."""
    leaf = next((value for value in folded.graph.values if value.path == path), None)
    if leaf is None or math.prod(leaf.shape) != 1:
        return None
    for position, operand in folded.users[leaf.id]:
        step = folded.graph.steps[position]
        if step.operation == Map("exp") and step.result in folded.graph.outputs:
            return Role("temperature", Use(path, "scale", position, operand), 0.0)
    return None


def _role_of_scale(folded: Folded, use: Use, ends: Container[str]) -> Role:
    step = folded.graph.steps[use.step]
    signal, size = folded.signal_beside(use), math.prod(folded.leaf(use.path).shape)
    neutral = neutral_of(folded, use)
    kind = folded.kind[folded.back(signal)] if signal is not None else ""
    if kind in ("normalised", "centred") or folded.is_statistic(step.result):
        return Role("scale", use, neutral)
    if neutral is None:  # no value of it changes nothing: the rate of a state space, and its like
        return Role("", use)
    if kind == "interaction" and (size == 1 or is_logit(folded, step.result)):
        return Role("temperature", use, neutral)
    if kind != "interaction" and (use.path in ends or _is_added_to_its_stream(folded, step.result)):
        return Role("layer_scale", use, neutral)
    return Role("temperature" if size == 1 else "scale", use, neutral)


def _is_added_to_its_stream(folded: Folded, value: int) -> bool:
    """Tell whether a value is added next to a signal that it was made from, moved or dropped out on the way."""
    at: int | None = value
    while at is not None:
        users = [folded.graph.steps[position] for position, _ in folded.users[at]]
        for step in users:
            others = [other for other in folded.data_of(step) if other != at]
            if folded.kind.get(step.result) == "sum" and others:
                return any(_is_made_from(folded, value, other) for other in others)
        at = next((step.result for step in users if folded.passes.get(step.result) == at), None)
    return False


def _is_made_from(folded: Folded, value: int, stream: int) -> bool:
    """Tell whether a value was made from a stream, or from what that was before it was last moved or scaled."""
    points = [stream]
    while (earlier := before(folded, points[-1])) is not None:
        points.append(earlier)
    return not cone(folded, [value], points[-1]).isdisjoint(points)


def _is_beside_logits(folded: Folded, use: Use) -> bool:
    """Tell whether a parameter stands beside the logits of attention, to take what no place gets."""
    step = folded.graph.steps[use.step]
    kinds = {folded.kind[folded.back(value)] for value in folded.data_of(step)}
    return isinstance(step.operation, Join) and "interaction" in kinds and is_logit(folded, step.result)


def is_logit(folded: Folded, value: int) -> bool:
    """Tell whether a softmax follows a value, scaled, shifted and masked as it may be on the way."""
    reached, waiting = {value}, [value]
    while waiting:
        at = waiting.pop()
        for position, _ in folded.users[at]:
            result = folded.graph.steps[position].result
            kind = folded.kind.get(result)
            if kind == "softmax":
                return True
            follows = folded.source.get(result) == folded.source[at] or kind in ("affine", "move", "centred", "join")
            if follows and result not in reached:
                reached.add(result)
                waiting.append(result)
    return False


def _role_of_shift(folded: Folded, use: Use) -> str:
    signal = folded.signal_beside(use)
    if signal is None:
        return "bias"
    kind = folded.kind[folded.source[signal]]
    varying = _varying_axes(folded, use)
    if kind == "interaction" or folded.kind[folded.back(signal)] == "interaction":
        return "relative_bias" if len(varying) > 1 else "bias"
    if len(varying) > 1 or (varying and kind in ("input", "embedding", "join")):
        return "position"
    return "shift" if folded.kind[folded.back(signal)] == "normalised" else "bias"


def _varying_axes(folded: Folded, use: Use) -> list[int]:
    """Return the axes of a result, counted from its end, along which a parameter that is added varies."""
    step = folded.graph.steps[use.step]
    operand = step.operands[use.operand]
    leaf = folded.leaf(use.path)
    labels = label_axes(leaf.shape, tuple(range(len(leaf.shape))))
    arrived = follow_parameter(folded, leaf.id, labels, operand)
    shape = folded.graph.shape(operand)
    if arrived is None:
        return [axis - len(shape) for axis, size in enumerate(shape) if size > 1]
    return [n - arrived.ndim for n, stride in enumerate(arrived.strides) if stride and arrived.shape[n] > 1]


def neutral_of(folded: Folded, use: Use) -> float | None:
    """Return the value of a scale at which it changes nothing: 1, 0 where its layer adds 1 to it, or any other."""
    step = folded.graph.steps[use.step]
    curve = curve_of_parameter(folded, step.operands[use.operand], use.path)
    if curve is None:
        return None
    made = curve(np.array([1.0, 0.0, -1.0]))
    plain = (w for w, y in zip((1.0, 0.0, -1.0), made.tolist(), strict=True) if abs(y - 1) < 1e-6)
    return next(plain, _crossing(curve))


def _crossing(curve: Curve) -> float | None:
    """Return where a function of a parameter that rises or falls crosses 1, as softplus does at .5413; else None."""
    w = np.linspace(-FAR, FAR, 401)
    with np.errstate(all="ignore"):
        over = curve(w) - 1
    slopes = np.diff(over)
    if not np.all(np.isfinite(over)) or over[0] * over[-1] >= 0 or not (np.all(slopes >= 0) or np.all(slopes <= 0)):
        return None
    for _ in range(6):
        place = int(np.flatnonzero(over[:-1] * over[1:] <= 0)[0])
        w = np.linspace(w[place], w[place + 1], 401)
        over = curve(w) - 1
    return float(f"{w[int(np.abs(over).argmin())]:.6g}")


def curve_of_parameter(folded: Folded, value: int, path: str) -> Curve | None:
    """Return what a layer does to a parameter, element by element, before it meets the signal."""
    applications: list[Application] = []
    numbers: dict[int, float] = {}
    waiting, result = [value], value
    while waiting:
        made = waiting.pop()
        if folded.graph.values[made].path == path:
            continue
        number, step = folded.number(made), folded.makers.of(made)
        if number is not None:
            numbers[made] = number
        elif step is None:
            return None
        else:
            name = step.operation.function if isinstance(step.operation, Map) else ""
            operands = step.operands if name else step.operands[:1]
            applications.append(Application(made, name, operands))
            waiting.extend(operands)
    unique = {applied.result: applied for applied in applications}
    return Curve(folded.leaf(path).id, result, tuple(unique[made] for made in sorted(unique)), numbers)
