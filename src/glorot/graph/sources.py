"""Sources: what feeds a layer, as plain data that a plan can keep."""

import functools
import math
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from glorot.activations import ACTIVATIONS, activation
from glorot.activations.numeric import from_function
from glorot.errors import GlorotError
from glorot.graph.blends import state_of
from glorot.graph.curves import Curve, recognised
from glorot.graph.folding import Folded
from glorot.graph.graph import Step
from glorot.graph.operations import Join, Map, Pool, Reduce

UNIT = (1.0, 1.0)
"""E x² and E (dx/dz)² of a signal that is passed on as it is."""

Squares = tuple[float, float]


@dataclass(frozen=True)
class Curved:
    """A function of one signal, element by element.

    Attributes:
        curve: the activation that it is, with a factor before it if there is one: "relu", "0.5·relu"; "" for a
            function that is not in the catalogue.
        of: the path of the kernel whose output it is a function of; "" where that is no kernel's.
        squares: E φ² and E φ′² of that function for a normal signal of variance 1.
    """

    curve: str = "identity"
    of: str = ""
    squares: Squares = UNIT

    @property
    def text(self) -> str:
        """How it is written in short."""
        return self.curve or "a function"


@dataclass(frozen=True)
class Product:
    """A product of signals that are taken as independent, as in a gated layer."""

    factors: "tuple[Source, ...]"
    factor: float = 1.0

    @property
    def text(self) -> str:
        """How it is written in short."""
        return " × ".join(_within(source) for source in self.factors)

    @property
    def squares(self) -> Squares:
        """The mean square, and that of the slope: a gradient that enters by one factor is multiplied by the others."""
        values, slopes = zip(*(source.squares for source in self.factors), strict=True)
        whole = math.prod(values)
        slope = sum(whole / value * slope for value, slope in zip(values, slopes, strict=True)) / len(values)
        return self.factor**2 * whole, self.factor**2 * slope


@dataclass(frozen=True)
class Sum:
    """A sum of branches, as on a residual stream: how large it is depends on the whole depth of the model."""

    terms: "tuple[Source, ...]"
    text: ClassVar[str] = "sum"
    squares: ClassVar[Squares] = UNIT


@dataclass(frozen=True)
class Mean:
    """A mean over positions, or over the turns of a loop, which is at most as large as what it is the mean of."""

    source: "Source"

    @property
    def text(self) -> str:
        """How it is written in short."""
        return f"mean of {_within(self.source)}"

    @property
    def squares(self) -> Squares:
        """Those of what it is the mean of: an upper bound, reached where all are alike."""
        return self.source.squares


@dataclass(frozen=True)
class Joined:
    """Unlike signals side by side, each with its share of the elements."""

    parts: "tuple[Source, ...]"
    shares: tuple[float, ...]

    @property
    def text(self) -> str:
        """How it is written in short."""
        return " | ".join(dict.fromkeys(source.text for source in self.parts))

    @property
    def squares(self) -> Squares:
        """The mean over all elements."""
        weighed = [(share, source.squares) for share, source in zip(self.shares, self.parts, strict=True)]
        return sum(share * value for share, (value, _) in weighed), sum(share * slope for share, (_, slope) in weighed)


@dataclass(frozen=True)
class Data:
    """The batch itself."""

    text: ClassVar[str] = "identity"
    squares: ClassVar[Squares] = UNIT


Source = Curved | Product | Sum | Mean | Joined | Data


def _within(source: Source) -> str:
    return f"({source.text})" if isinstance(source, Product | Joined) else source.text


def gains(source: Source) -> tuple[float, float]:
    """Return what holds the signal and what holds the gradient of a layer that a source feeds.

    1/√E φ² and 1/√E φ′²; of a whole activation of the catalogue, those that `Activation.scale_gains` gives, which
    differ for one that squashes off zero.

    Args:
        source: what feeds the layer.

    Returns:
        The forward and the backward gain.

    Example:
        >>> gate = Product((Curved("silu", "gate", squares_of("silu")), Curved()))
        >>> round(gains(gate)[0] ** -2, 4)
        0.3558
    """
    if isinstance(source, Mean):
        return gains(source.source)
    if isinstance(source, Curved):
        known = gains_of(source.curve)
        if known is not None and source.squares == squares_of(source.curve):
            return known
    second, slope = source.squares
    return float(f"{second**-0.5:.12g}"), float(f"{slope**-0.5:.12g}")


def gains_of(name: str) -> tuple[float, float] | None:
    """Return the gains of an activation by its name; None if it is not in the catalogue."""
    is_one = re.fullmatch(r"\w+(\([^()]*\))?", name) is not None  # and no product of several
    return activation(name).scale_gains() if is_one and name.partition("(")[0] in ACTIVATIONS else None


@functools.cache
def squares_of(name: str) -> Squares:
    """Return E φ² and E φ′² of an activation, or of one with a factor before it, as in "0.5·relu"."""
    factor, dot, rest = name.rpartition("·")
    size = float(factor) ** 2 if dot else 1.0
    if rest == "identity":
        return size, size
    moments = activation(rest).moments()
    return size * moments.second_moment, size * moments.derivative_second_moment


def source_of(folded: Folded, value: int) -> Source:
    """Return what a value is: what feeds the step that takes it.

    Args:
        folded: the graph.
        value: a value that depends on the batch.

    Returns:
        Its source.
    """
    return _describe(folded, value, depth=4)


def _describe(folded: Folded, value: int, depth: int) -> Source:
    source = folded.back(value)
    curve, kind = folded.curve(value, source), folded.kind[source]
    name, squares = _named(curve)
    step = folded.makers.of(source)
    if kind in ("product", "sum", "mean", "join") and step is not None and depth:
        data = folded.data_of(step)
        if step.operation == Map("where"):  # whose condition, a mask, is no part of the signal
            data = [value for value in data if value in step.operands[1:]]
        inner = tuple(_describe(folded, operand, depth - 1) for operand in data)
        factor = _factor(name)
        if kind == "join" and factor is not None:
            alike = set(inner) if len(set(inner)) == 1 else set(map(_without_paths, inner))
            if len(alike) == 1:
                return _scaled(alike.pop(), factor)
            if isinstance(step.operation, Join):
                sizes = [folded.graph.shape(operand)[step.operation.axis] for operand in data]
                parts = tuple(_scaled(part, factor) for part in inner)
                return Joined(parts, tuple(size / sum(sizes) for size in sizes)) if all(sizes) else parts[0]
        if kind == "product" and factor is not None and step.operation == Map("mul"):
            factors = tuple(f for part in inner for f in (part.factors if isinstance(part, Product) else (part,)))
            return Product(factors, factor)
        if kind == "sum" and factor is not None:
            taken = state_of(folded, source)
            return Sum(inner) if taken is None else Mean(_scaled(_describe(folded, taken, depth - 1), factor))
        if kind == "mean" and factor is not None:
            return Mean(inner[0]) if _averages(folded, step, factor) else Sum(inner)
    if kind == "input" and name == "identity":
        return Data()
    if source in folded.second:
        squares = squares[0] * folded.second[source], squares[1] * folded.second[source]
    return Curved(name, kernel_before(folded, source), squares)


def _without_paths(source: Source) -> Source:
    """Return a source without the paths of kernels, for those of several signals side by side differ."""
    match source:
        case Curved():
            return replace(source, of="")
        case Product(parts, factor):
            return Product(tuple(map(_without_paths, parts)), factor)
        case Sum(terms):
            return Sum(tuple(map(_without_paths, terms)))
        case Mean(inner):
            return Mean(_without_paths(inner))
        case Joined(parts, shares):
            return Joined(tuple(map(_without_paths, parts)), shares)
        case Data():
            return Curved()
    return source


def _scaled(source: Source, factor: float) -> Source:
    """Return what a source is after it was multiplied by a number."""
    match source:
        case _ if factor == 1:
            return source
        case Curved(curve, of, (value, slope)):
            before, _, name = curve.rpartition("·")
            whole = factor * float(before or 1)
            written = name if whole == 1 or not name else f"{whole:.4g}·{name}"
            return Curved(written, of, (factor**2 * value, factor**2 * slope))
        case Product(parts, before):
            return Product(parts, before * factor)
        case Mean(inner):
            return Mean(_scaled(inner, factor))
        case Joined(parts, shares):
            return Joined(tuple(_scaled(part, factor) for part in parts), shares)
        case Data():
            return Curved(f"{factor:.4g}·identity", "", (factor**2, factor**2))
    return source


def _averages(folded: Folded, step: Step, factor: float) -> bool:
    """Tell whether a mean is taken, and not a sum; some frameworks write it as a sum that is divided."""
    match step.operation:
        case Reduce("sum", axes, _):
            shape = folded.graph.shape(step.operands[0])
            return math.isclose(factor * math.prod(shape[axis] for axis in axes), 1, rel_tol=1e-3)
        case Pool("sum", window):
            return math.isclose(factor * math.prod(window), 1, rel_tol=0.5)  # windows at a border hold less
    return True


def _factor(name: str) -> float | None:
    """Return the number that a curve multiplies by; None if it does more."""
    if name == "identity":
        return 1.0
    number, dot, rest = name.partition("·")
    return float(number) if dot and rest == "identity" else None


def _named(curve: Curve) -> tuple[str, Squares]:
    """Return the name of a curve, and its squares."""
    if all(not applied.function for applied in curve.applications):
        return "identity", UNIT
    match = recognised(curve)
    if match is not None:
        return match.text, squares_of(match.text)
    try:
        moments = from_function(curve).moments()
    except GlorotError:  # it is not finite everywhere, as 1/z is
        return "", UNIT
    second, slope = moments.second_moment, moments.derivative_second_moment
    return "", (second, slope) if second and slope else UNIT


def kernel_before(folded: Folded, source: int) -> str:
    """Return the path of the kernel whose output a source is, but for norms; "" if there is none."""
    while True:
        step = folded.makers.of(source)
        if step is None:
            return ""
        if folded.kind[source] in ("kernel", "embedding"):
            paths = [path for value in step.operands for path in folded.parameters.get(value, ())]
            return paths[0] if paths else ""
        if folded.kind[source] not in ("normalised", "centred"):
            return ""
        source = folded.back(folded.data_of(step)[0])


def to_json(source: Source) -> Any:
    """Return a source as a plan writes it."""
    match source:
        case Curved(curve, of, squares):
            row: dict[str, Any] = {"curve": curve, "of": of}
            return row if curve and squares == squares_of(curve) else {**row, "squares": list(squares)}
        case Product(factors, factor):
            row = {"product": [to_json(part) for part in factors]}
            return row if factor == 1 else {**row, "factor": factor}
        case Sum(terms):
            return {"sum": [to_json(part) for part in terms]}
        case Mean(inner):
            return {"mean": to_json(inner)}
        case Joined(parts, shares):
            return {"joined": [to_json(part) for part in parts], "shares": list(shares)}
        case Data():
            return "data"


def from_json(row: Any) -> Source:
    """Return the source that a plan wrote.

    Raises:
        GlorotError: if it is not a source.
    """
    match row:
        case "data":
            return Data()
        case {"product": [*factors], "factor": int() | float() as factor}:
            return Product(tuple(map(from_json, factors)), float(factor))
        case {"product": [*factors]}:
            return Product(tuple(map(from_json, factors)))
        case {"sum": [*terms]}:
            return Sum(tuple(map(from_json, terms)))
        case {"mean": inner}:
            return Mean(from_json(inner))
        case {"joined": [*parts], "shares": [*shares]} if len(parts) == len(shares) and all(map(_is_share, shares)):
            return Joined(tuple(map(from_json, parts)), tuple(map(float, shares)))
        case {"curve": str(curve), "of": str(of), "squares": [int() | float() as value, int() | float() as slope]}:
            return Curved(curve, of, (float(value), float(slope)))
        case {"curve": str(curve), "of": str(of)} if _is_number(curve.rpartition("·")[0] or "1"):
            return Curved(curve, of, squares_of(curve))
    raise GlorotError(f"a source is 'data', a curve, a product, a sum, a mean or several joined, got {row!r}")


def _is_share(row: Any) -> bool:
    return isinstance(row, int | float) and 0 <= row <= 1


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
