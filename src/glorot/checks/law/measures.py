"""What the checks of laws measure: how wide the values of a part are spread, and how certain that is."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from glorot.checks.evidence import Array, Evidence, largest_of
from glorot.graph.folding import Folded
from glorot.inventory import Inventory, Part
from glorot.inventory.roles import curve_of_parameter
from glorot.inventory.walking import before

CHUNK = 1 << 16
"""Elements that are looked at in one go."""

WHOLE = 1 << 18
"""Elements up to which all are looked at."""

SAMPLE = 1 << 16
"""About how many are looked at of more: the std of a normal law is known within 0.3 %."""

DRAWN = ("kernel", "recurrent")
"""The roles whose parts are drawn with a law that depends on fans."""


class Spread(NamedTuple):
    """The spread of a sample.

    Attributes:
        size: how many values there are.
        mean: their mean, as the next two of a sample where there are more than WHOLE.
        std: their standard deviation.
        kurtosis: their fourth central moment over the squared variance: 3 of a normal law, 1.8 of a uniform one.
        largest: the largest absolute value of all.
        sample: how many values are in the sample.
    """

    size: int
    mean: float
    std: float
    kurtosis: float
    largest: float
    sample: int

    @property
    def error(self) -> float:
        """The relative standard error of `std`: √((kurtosis − 1)/4n), n the size of the sample."""
        return math.sqrt(max(self.kurtosis - 1, 0.0) / (4 * self.sample)) if self.sample else math.inf

    def z(self, std: float) -> float:
        """Return how many standard errors the variance is away from that of a law with this std.

        z = (s²/σ² − 1)/√((kurtosis − 1)/n)
        """
        return ((self.std / std) ** 2 - 1) / (2 * self.error) if self.error else math.inf

    def chance(self, std: float) -> float:
        """Return the probability of a variance as far off as this, if the std of the law is the given one."""
        return math.erfc(abs(self.z(std)) / math.sqrt(2))


def spread_of(values: Array, largest: float | None = None) -> Spread:
    """Return the spread of some values.

    Args:
        values: the values.
        largest: the largest absolute one, if it is known.

    Example:
        >>> spread_of(np.array([-1.0, 1.0, -1.0, 1.0]))
        Spread(size=4, mean=0.0, std=1.0, kurtosis=1.0, largest=1.0, sample=4)
    """
    if not values.size:
        return Spread(0, 0.0, 0.0, 0.0, 0.0, 0)
    flat = (values if values.size <= WHOLE else _sampled(values)).reshape(-1)
    pieces = [flat[at : at + CHUNK] for at in range(0, flat.size, CHUNK)]
    with np.errstate(all="ignore"):
        mean = sum(float(piece.sum(dtype=np.float64)) for piece in pieces) / flat.size
        second = fourth = 0.0
        for piece in pieces:
            squares = np.square(piece.astype(np.float64) - mean)
            second += float(squares.sum())
            fourth += float(np.square(squares, out=squares).sum())
        variance = second / flat.size
        kurtosis = fourth / flat.size / variance**2 if variance > 0 else 0.0
    most = largest_of(values) if largest is None else largest
    return Spread(values.size, mean, math.sqrt(variance), kurtosis, most, flat.size)


def _sampled(values: Array) -> Array:
    """Return a smaller array of elements at even distances along each axis."""
    share = (SAMPLE / values.size) ** (1 / values.ndim)
    places = [np.linspace(0, size - 1, math.ceil(size * share)).astype(int) for size in values.shape]
    sample: Array = values[np.ix_(*places)]
    return sample


class Measured(NamedTuple):
    """A part of a model with the spread of what it holds.

    Attributes:
        part: the part.
        spread: the spread of what is stored.
        factor: the constant that its layer multiplies it by when it runs, as of an equalised learning rate.
    """

    part: Part
    spread: Spread
    factor: float = 1.0


_KNOWN: WeakKeyDictionary[Evidence, dict[str, Measured]] = WeakKeyDictionary()


def measured(evidence: Evidence) -> Mapping[str, Measured]:
    """Return the spread of each part that holds finite numbers, by the name of the part; read once for all checks."""
    if evidence not in _KNOWN:
        rows = {}
        for part, values in evidence.parts():
            if values.dtype.kind == "f" and values.size:
                spread = spread_of(values, evidence.largest(part.path) if part.view is None else None)
                if math.isfinite(spread.std) and math.isfinite(spread.largest):
                    rows[part.name] = Measured(part, spread, factor_of(evidence.folded, part))
        _KNOWN[evidence] = rows
    return _KNOWN[evidence]


def drawn(evidence: Evidence) -> Iterator[Measured]:
    """Yield the kernels and recurrent weights whose values differ, with their fans known."""
    for one in measured(evidence).values():
        if one.part.role in DRAWN and one.part.fans is not None and one.spread.std > 0 and len(one.part.shape) > 1:
            yield one


def gain_of(one: Measured) -> float:
    """Return the std of a unit's result where what feeds the layer starts at variance 1: |c|·√(fan_in·σ²·E φ²)."""
    second = 1.0 if one.part.source is None else one.part.source.squares[0]
    fan_in = 1.0 if one.part.fans is None else one.part.fans.fan_in
    return abs(one.factor) * one.spread.std * math.sqrt(fan_in * second)


def factor_of(folded: Folded | None, part: Part) -> float:
    """Return the constant that a layer multiplies a kernel by before it meets the signal; 1 where it does not."""
    if folded is None or part.role not in DRAWN:
        return 1.0
    use = next((one for one in folded.uses.get(part.path, ()) if one.role == "kernel"), None)
    curve = (
        None
        if use is None
        else curve_of_parameter(folded, folded.graph.steps[use.step].operands[use.operand], part.path)
    )
    if curve is None:
        return 1.0
    made = curve(np.array([1.0, -1.0, 2.0]))
    is_factor = made[0] != 0 and np.allclose(made, made[0] * np.array([1.0, -1.0, 2.0]))
    return float(made[0]) if is_factor else 1.0


def results_of(folded: Folded, path: str) -> Iterator[tuple[int, int]]:
    """Yield, for each use of a kernel, the value that it meets and the value that it makes."""
    for use in folded.uses.get(path, ()):
        step = folded.graph.steps[use.step]
        others = [operand for at, operand in enumerate(step.operands) if at != use.operand]
        if use.role == "kernel" and others:
            yield others[0], step.result


def is_normalised(folded: Folded | None, path: str) -> bool:
    """Tell whether the result of every use of a kernel goes straight into a norm, so that its scale is undone."""
    found = [] if folded is None else [result for _, result in results_of(folded, path)]
    return folded is not None and bool(found) and all(_meets_norm(folded, result) for result in found)


def scales_norm(folded: Folded, path: str) -> bool:
    """Tell whether what a norm has made is multiplied by w or by w plus a number, and not by a function of it."""
    for use in folded.uses.get(path, ()):
        at = folded.signal_beside(use)
        while at is not None and folded.kind.get(at) in ("move", "affine"):
            at = before(folded, at)
        curve = curve_of_parameter(folded, folded.graph.steps[use.step].operands[use.operand], path)
        is_whole = curve is not None and np.allclose(np.diff(curve(np.array([0.0, 1.0, 2.0]))), 1)
        if at is not None and folded.kind.get(at) == "normalised" and is_whole:
            return True
    return False


def is_settled(folded: Folded | None, path: str) -> bool:
    """Tell whether the sum that a kernel's result is added to goes nowhere but into a norm, as in a post-norm block."""
    if folded is None:
        return False
    at = next((result for _, result in results_of(folded, path)), None)
    while at is not None and folded.kind.get(at) != "sum":
        users = _users(folded, at)
        at = users.pop() if len(users) == 1 else None
    return at is not None and _meets_norm(folded, at) and _is_only_normalised(folded, at)


def _is_only_normalised(folded: Folded, value: int) -> bool:
    """Tell whether all that is made of a value, moved and scaled as it may be, is its norm and its statistics."""
    waiting, reached = [value], {value}
    while waiting:
        for user in _users(folded, waiting.pop()) - reached:
            reached.add(user)
            if folded.kind.get(user) in ("move", "affine"):
                waiting.append(user)
            elif folded.kind.get(user) != "normalised" and not folded.is_statistic(user):
                return False
    return True


def _users(folded: Folded, value: int) -> set[int]:
    return {folded.graph.steps[position].result for position, _ in folded.users[value]}


def _meets_norm(folded: Folded, value: int) -> bool:
    at = value
    for _ in range(len(folded.graph.steps)):
        users = _users(folded, at)
        if any(folded.kind.get(user) == "normalised" for user in users):
            return True
        if len(users) != 1 or folded.kind.get(next(iter(users))) not in ("move", "affine", "dropout"):
            return False
        at = users.pop()
    return False


def parts_at(inventory: Inventory, path: str) -> tuple[Part, ...]:
    """Return the parts of a parameter, or of the one that it shares its memory with."""
    parameter = inventory.parameter(path)
    if parameter is not None and parameter.tied_to is not None:
        parameter = inventory.parameter(parameter.tied_to)
    return () if parameter is None else parameter.parts
