"""Distributions: fully numeric descriptions of one draw, with nothing left to decide."""

import math
import reprlib
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from typing import Any, ClassVar, Self

from glorot.errors import GlorotError
from glorot.truncation import truncated_moments

SMALLEST_SCALE, LARGEST_SCALE = 2.0**-64, 2.0**64
MOST_EXTREME_CUT = 6.0

FINEST_CUT = 2.0**-10
"""How near to each other two cuts on one side may be, by their distance from the center: the quantile errs by 2e-6."""

FINEST_STEP = 2.0**-15
"""How near to each other the bounds may be, of their magnitude: 256 steps of float32."""


@dataclass(frozen=True)
class Distribution(ABC):
    """What every distribution tells of itself: mean, standard deviation, and how to scale it."""

    law: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.type is not float:
                continue
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, Real) or not _is_finite(value):
                given = reprlib.repr(value)
                raise GlorotError(f"{type(self).__name__}: {field.name} must be a finite number, got {given}")
            object.__setattr__(self, field.name, float(value))

    @property
    @abstractmethod
    def mean(self) -> float:
        """The mean of the law."""

    @property
    @abstractmethod
    def std(self) -> float:
        """The standard deviation of the law drawn."""

    @abstractmethod
    def scaled(self, k: float) -> Self:
        """Return the law of k times the draw."""

    def to_json(self) -> dict[str, Any]:
        """Return the law and its numbers, ready for JSON."""
        return {"law": self.law, **asdict(self)}


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # of a whole number that no float can hold
        return False


def _check_scale(owner: Distribution, name: str, scale: float) -> None:
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise GlorotError(
            f"{type(owner).__name__}: {name} must lie between 2^-64 and 2^64, got {scale:g}; "
            "for all-equal values use Constant"
        )


@dataclass(frozen=True, eq=False)
class Constant(Distribution):
    """Every element is `value`; -0 is another value than 0, for its bits are others."""

    value: float
    law: ClassVar[str] = "constant"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._bits() == other._bits()

    def __hash__(self) -> int:
        return hash(self._bits())

    def _bits(self) -> tuple[float, float]:
        return self.value, math.copysign(1, self.value)

    @property
    def mean(self) -> float:
        """The value."""
        return self.value

    @property
    def std(self) -> float:
        """Zero."""
        return 0.0

    def scaled(self, k: float) -> Self:
        """Return the constant k·value."""
        return replace(self, value=k * self.value)


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform on [low, high]; `Uniform.symmetric(bound)` is the one on ±bound."""

    low: float
    high: float
    law: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise GlorotError(f"Uniform: low must be below high, got low={self.low:g}, high={self.high:g}")
        _check_scale(self, "half of high - low", (self.high - self.low) / 2)
        if max(abs(self.low), abs(self.high)) > LARGEST_SCALE:
            raise GlorotError(f"Uniform: bounds must lie within ±2^64, got [{self.low:g}, {self.high:g}]")

    @classmethod
    def symmetric(cls, bound: float) -> Self:
        """Return the uniform law on [-bound, bound]."""
        return cls(-bound, bound)

    @property
    def mean(self) -> float:
        """(low + high)/2."""
        return (self.low + self.high) / 2

    @property
    def std(self) -> float:
        """(high - low)/√12."""
        return (self.high - self.low) / math.sqrt(12)

    def scaled(self, k: float) -> Self:
        """Return the uniform law of k times the draw."""
        low, high = sorted((k * self.low, k * self.high))
        return replace(self, low=low, high=high)


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal with the given mean and standard deviation."""

    mean: float = 0.0
    std: float = 1.0
    law: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scale(self, "std", self.std)

    def scaled(self, k: float) -> Self:
        """Return the normal law of k times the draw."""
        return replace(self, mean=k * self.mean, std=abs(k) * self.std)


@dataclass(frozen=True)
class TruncatedNormal(Distribution):
    """A normal law N(center, sigma²) cut to [low, high], both absolute.

    `sigma` belongs to the normal before the cut; `std` is that of the law drawn, which is smaller.
    """

    center: float
    sigma: float
    low: float
    high: float
    law: ClassVar[str] = "truncated_normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scale(self, "sigma", self.sigma)
        if not self.low < self.high:
            raise GlorotError(f"TruncatedNormal: low must be below high, got low={self.low:g}, high={self.high:g}")
        self._check_cuts()

    def _check_cuts(self) -> None:
        alpha, beta = self.cuts
        if not min(self.high - self.low, beta - alpha) >= SMALLEST_SCALE:
            raise GlorotError(
                f"TruncatedNormal: high - low must be at least 2^-64, and 2^-64 sigma, got {self.high - self.low:g}, "
                f"which is {beta - alpha:g} sigma; for all-equal values use Constant"
            )
        if alpha > MOST_EXTREME_CUT or beta < -MOST_EXTREME_CUT:
            raise GlorotError(
                f"TruncatedNormal: [{self.low:g}, {self.high:g}] lies more than {MOST_EXTREME_CUT:g} sigma "
                f"from the center {self.center:g}, where a normal law has no mass to cut"
            )
        far = max(alpha, -beta, 0.0)
        if beta - alpha < FINEST_CUT * far:
            raise GlorotError(
                f"TruncatedNormal: cuts {far:g} sigma from the center must be at least {FINEST_CUT * far:g} sigma "
                f"apart, got {beta - alpha:g}, which the stream cannot resolve; "
                f"use Uniform({self.low!r}, {self.high!r}), which is nearly the same law"
            )
        size = max(abs(self.low), abs(self.high), abs(self.center))
        if self.high - self.low < FINEST_STEP * size:
            raise GlorotError(
                f"TruncatedNormal: high - low must be at least 2^-15 of the largest of |low|, |high| and |center|, "
                f"{FINEST_STEP * size:g}, got {self.high - self.low:g}, within which float32 has too few numbers; "
                "for all-equal values use Constant"
            )

    @property
    def cuts(self) -> tuple[float, float]:
        """The two cuts in units of sigma, counted from the center."""
        return (self.low - self.center) / self.sigma, (self.high - self.center) / self.sigma

    @property
    def mean(self) -> float:
        """The mean of the law drawn."""
        return self.center + self.sigma * truncated_moments(*self.cuts)[0]

    @property
    def std(self) -> float:
        """The standard deviation of the law drawn."""
        return self.sigma * math.sqrt(truncated_moments(*self.cuts)[1])

    def scaled(self, k: float) -> Self:
        """Return the truncated normal law of k times the draw."""
        low, high = sorted((k * self.low, k * self.high))
        return replace(self, center=k * self.center, sigma=abs(k) * self.sigma, low=low, high=high)


class _OfWholePart(Distribution):
    """A law of a whole part, whose moments depend on the shape."""

    @property
    def mean(self) -> float:
        """Not a number: it depends on the shape."""
        return math.nan

    @property
    def std(self) -> float:
        """Not a number: it depends on the shape."""
        return math.nan


@dataclass(frozen=True)
class Orthogonal(_OfWholePart):
    """gain times a Haar-distributed (semi-)orthogonal matrix, out × everything summed over.

    Its standard deviation depends on the shape, as gain/√(the longer side).
    """

    gain: float = 1.0
    law: ClassVar[str] = "orthogonal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scale(self, "gain", self.gain)

    @property
    def mean(self) -> float:
        """Zero."""
        return 0.0

    def scaled(self, k: float) -> Self:
        """Return the law of k times the matrix (its distribution has no sign)."""
        return replace(self, gain=abs(k) * self.gain)


@dataclass(frozen=True)
class Identity(_OfWholePart):
    """gain where output channel = input channel (at the centre of a kernel), zero elsewhere."""

    gain: float = 1.0
    law: ClassVar[str] = "identity"

    def scaled(self, k: float) -> Self:
        """Return the identity scaled by k."""
        return replace(self, gain=k * self.gain)


@dataclass(frozen=True)
class SparseNormal(Distribution):
    """N(center, sigma²) with the probability `density`, element by element, and 0 otherwise.

    What is kept is not rescaled, so the law is narrower than its normal: `mean` and `std` are those of the law drawn.
    """

    center: float
    sigma: float
    density: float
    law: ClassVar[str] = "sparse_normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_scale(self, "sigma", self.sigma)
        if not 0 <= self.density <= 1:
            raise GlorotError(f"SparseNormal: density must lie between 0 and 1, got {self.density:g}")

    @property
    def mean(self) -> float:
        """The center times the density."""
        return self.density * self.center

    @property
    def std(self) -> float:
        """√(density · (sigma² + (1 - density) · center²))."""
        return math.sqrt(self.density) * math.hypot(self.sigma, math.sqrt(1 - self.density) * self.center)

    def scaled(self, k: float) -> Self:
        """Return the sparse law of k times the draw."""
        return replace(self, center=k * self.center, sigma=abs(k) * self.sigma)


@dataclass(frozen=True)
class PositiveUnitball(_OfWholePart):
    """gain times numbers from U(0, 1), each slice of them divided by its sum.

    `each` holds the letters of the axes that a slice does not run over: with "bo" there is one slice for each group
    and output of a convolution. Letters that a part lacks do not matter.
    """

    each: str = "bo"
    gain: float = 1.0
    law: ClassVar[str] = "positive_unitball"

    def __post_init__(self) -> None:
        super().__post_init__()
        letters = "".join(letter for letter in "boik" if isinstance(self.each, str) and letter in self.each)
        if not isinstance(self.each, str) or sorted(letters) != sorted(self.each):
            raise GlorotError(
                "PositiveUnitball: each must hold letters of axes, b (batch), o (out), i (in) or k (kernel), "
                f"none of them twice, as in 'bo'; got {reprlib.repr(self.each)}"
            )
        object.__setattr__(self, "each", letters)

    def scaled(self, k: float) -> Self:
        """Return the law of k times the draw."""
        return replace(self, gain=k * self.gain)


@dataclass(frozen=True)
class Bilinear(_OfWholePart):
    """gain times the kernel of bilinear interpolation, in every slice of two axes k of one length."""

    gain: float = 1.0
    law: ClassVar[str] = "bilinear"

    def scaled(self, k: float) -> Self:
        """Return the kernel scaled by k."""
        return replace(self, gain=k * self.gain)


LAWS: dict[str, type[Distribution]] = {
    kind.law: kind
    for kind in (
        Constant,
        Uniform,
        Normal,
        TruncatedNormal,
        Orthogonal,
        Identity,
        SparseNormal,
        PositiveUnitball,
        Bilinear,
    )
}


def from_json(data: dict[str, Any]) -> Distribution:
    """Read a distribution back from what `to_json` wrote.

    Args:
        data: the law's name under "law", and its numbers.

    Raises:
        GlorotError: if the law is unknown or its numbers are missing, extra or not finite.
    """
    numbers = dict(data)
    kind = LAWS.get(str(numbers.pop("law", None)))
    if kind is None:
        raise GlorotError(f"unknown law {data.get('law')!r}; known: {', '.join(LAWS)}")
    expected = {field.name for field in fields(kind)}
    if set(numbers) != expected:
        raise GlorotError(f"law {kind.law!r} takes {sorted(expected)}, got {sorted(numbers)}")
    return kind(**numbers)
