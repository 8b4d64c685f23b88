"""What a scheme is, and the catalogue that all schemes enter by their decorator."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ParamSpec

from glorot.catalogue import Catalogue, format_call, signature_of
from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.fans import Fans

P = ParamSpec("P")
Rule = Callable[[Fans, tuple[int, ...], str], Distribution]


@dataclass(frozen=True)
class Scheme:
    """A rule (fans, shape, axes) → distribution, with the text that names it.

    Attributes:
        text: the call that built it, as in `xavier_uniform(gain=2)`; two schemes of one text are equal.
        needs_fans: whether the rule reads the fans.
        rule: the rule itself.
    """

    text: str
    needs_fans: bool
    rule: Rule = field(compare=False, repr=False)

    def __call__(self, fans: Fans | None, shape: tuple[int, ...] = (), axes: str = "") -> Distribution:
        """Return the distribution for one part."""
        if fans is None and self.needs_fans:
            raise GlorotError(
                f"scheme {self.text!r} needs fans, and none are known for shape {shape}; "
                "use one that needs none, such as 'normal(std=0.02)', 'zeros' or 'ones'"
            )
        return self.rule(fans or Fans(math.nan, math.nan), shape, axes)

    def counted(self, fans: Fans) -> "Scheme":
        """Return the same scheme, bound to fans as a framework counts them, whatever it is given.

        Args:
            fans: the fans that the rule shall read.

        Returns:
            A scheme of the same text that needs no fans.

        Example:
            >>> from glorot.schemes import as_scheme
            >>> bound = as_scheme("lecun_uniform").counted(Fans(300.0, 100.0))
            >>> bound(None) == as_scheme("lecun_uniform")(Fans(300.0, 100.0))
            True
        """
        return replace(self, needs_fans=False, rule=lambda _, shape, axes: self.rule(fans, shape, axes))

    def __str__(self) -> str:
        return self.text


SCHEMES: Catalogue[Scheme] = Catalogue("scheme", "glorot.schemes")


def scheme(*aliases: str, needs_fans: bool = True) -> Callable[[Callable[P, Rule]], Callable[P, Scheme]]:
    """Register a function that returns a rule as the factory of a scheme of the same name."""

    def decorate(build: Callable[P, Rule]) -> Callable[P, Scheme]:
        @functools.wraps(build)
        def factory(*args: P.args, **kwargs: P.kwargs) -> Scheme:
            bound = signature_of(build).bind(*args, **kwargs)
            bound.apply_defaults()
            return Scheme(format_call(build.__name__, build, bound.arguments), needs_fans, build(*args, **kwargs))

        SCHEMES.add(factory, *aliases)
        return factory

    return decorate


def as_scheme(given: "str | Scheme") -> Scheme:
    """Return a scheme as it is, or build the one that a text such as `normal(std=0.02)` names."""
    if isinstance(given, Scheme):
        return given
    if isinstance(given, str):
        return SCHEMES.make(given)
    raise GlorotError(f"a scheme is text such as 'xavier_uniform' or a glorot scheme, got {type(given).__name__}")


def check_positive(scheme_name: str, **numbers: float) -> None:
    """Raise unless every number is finite and above zero."""
    for name, value in numbers.items():
        if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise GlorotError(f"{scheme_name}: {name} must be a positive number, got {value!r}")
