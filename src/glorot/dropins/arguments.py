"""What an argument of a drop-in must be, and the one sentence that says so where it is not."""

import contextlib
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple, NoReturn

from glorot.distributions import LARGEST_SCALE, SMALLEST_SCALE
from glorot.errors import GlorotError
from glorot.fans import Fans, from_axes
from glorot.text import shape_text

Axes = tuple[int, ...]


@contextlib.contextmanager
def name_errors(drop_in: str) -> Iterator[None]:
    """Begin what is refused inside with the name of the drop-in that the user called."""
    try:
        yield
    except GlorotError as error:
        raise GlorotError(f"{drop_in}: {error}") from error


class Argument(NamedTuple):
    """A value, and what the argument is called that it was given for."""

    name: str
    value: Any

    def __str__(self) -> str:
        return f"{self.name}={self.value:g}"

    def number(self) -> float:
        """Return the value as a number; that of an array or a tensor with one element is its element."""
        given = self.value
        if type(given) is float:
            return given
        if hasattr(given, "shape"):
            with contextlib.suppress(TypeError, ValueError, RuntimeError):
                given = given.item() if hasattr(given, "item") else float(given)
        if type(given) is not int and (isinstance(given, bool) or not isinstance(given, Real)):
            raise GlorotError(f"{self.name} must be a number, got {self.value!r} ({type(self.value).__name__})")
        try:
            return float(given)
        except OverflowError as error:
            raise GlorotError(f"{self.name} must lie within ±1.8e308, got a longer whole number") from error

    def finite(self) -> float:
        """Return a number that is neither infinite nor NaN."""
        number = self.number()
        return number if -math.inf < number < math.inf else self._refuse(number, "a finite number")

    def not_negative(self) -> float:
        """Return a finite number from 0 upwards."""
        number = self.number()
        return number if 0 <= number < math.inf else self._refuse(number, "a finite number from 0 upwards")

    def above_zero(self, way_out: str = "") -> float:
        """Return a finite number above 0; `way_out` says what to call where 0 is meant."""
        number = self.number()
        return number if 0 < number < math.inf else self._refuse(number, "a finite number above 0", way_out)

    def _refuse(self, number: float, expected: str, way_out: str = "") -> NoReturn:
        raise GlorotError(f"{self.name} must be {expected}, got {number:g}{way_out}")

    def one_of(self, known: Iterable[str], way_out: str = "") -> str:
        """Return a text that is known."""
        if not isinstance(self.value, str) or self.value not in known:
            raise GlorotError(f"{self.name} must be one of {', '.join(known)}, got {self.value!r}{way_out}")
        return self.value

    def whole(self) -> int:
        """Return a whole number."""
        try:
            return operator.index(self.value)
        except TypeError:
            raise GlorotError(f"{self.name} must be a whole number, got {self.value!r}") from None

    def axes(self) -> Axes:
        """Return one axis or several as a tuple."""
        with contextlib.suppress(TypeError):
            return (operator.index(self.value),)
        with contextlib.suppress(TypeError):
            return tuple(map(operator.index, self.value))
        raise GlorotError(f"{self.name} must be a whole number or a sequence of them, got {self.value!r}")


def check_order(low: Argument, high: Argument) -> None:
    """Raise unless one end lies below the other, or on it."""
    if not low.value <= high.value:
        raise GlorotError(f"{low.name} must not be above {high.name}, got {low}, {high}")


def check_scale(what: str, scale: float) -> None:
    """Raise unless the stream has numbers of a scale."""
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise GlorotError(
            f"{what} must lie between 2^-64 and 2^64, got {scale:g}; "
            "draw with a scale of about 1 and multiply the weights"
        )


def check_axes(fits: bool, shape: Sequence[int], expected: str, way_out: str = "") -> None:
    """Raise unless a shape has as many axes as expected, as in "2 axes, (out, in)"."""
    if not fits:
        raise GlorotError(f"the shape must have {expected}, got {shape_text(shape)}{way_out}")


def letters(shape: Sequence[int], named: Mapping[str, tuple[str, Axes]], rest: str) -> str:
    """Return a letter for each axis of a shape: b, o, i or k.

    Args:
        shape: the shape.
        named: for each argument that names axes, its letter and the axes.
        rest: the letter of axes that no argument names.
    """
    rank, by = len(shape), dict[int, str]()
    for argument, (_, axes) in named.items():
        for axis in axes:
            if not -rank <= axis < rank:
                count = f"{rank} {'axis' if rank == 1 else 'axes'}"
                raise GlorotError(f"{argument}={axis} is out of range for shape {shape_text(shape)} with {count}")
            if axis % rank in by:
                raise GlorotError(
                    f"axis {axis % rank} of shape {shape_text(shape)} is named twice, by {by[axis % rank]} and by "
                    f"{argument}; name each axis once at most"
                )
            by[axis % rank] = argument
    return "".join(named[by[axis]][0] if axis in by else rest for axis in range(rank))


def fans_of(shape: Sequence[int], axes: str) -> Fans:
    """Return the fans that the letters of the axes give, 1 at least."""
    fans = from_axes(shape, axes)
    return Fans(max(1.0, fans.fan_in), max(1.0, fans.fan_out))
