"""What forensics says of a tensor and of a whole file: frozen, printable, and ready for JSON."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from glorot.distributions import Distribution
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.text import counted, number, printable, shape_text, table

Verdict = Literal["unwritten", "constant", "drawn", "trained", "cannot tell"]

SHOWN = 2
"""Explanations of a tensor that the table has room for."""


@dataclass(frozen=True)
class Explanation:
    """A start that explains a tensor.

    Attributes:
        rule: its name, and who uses it.
        law: what it draws from.
        fans: the fans that it was given, None where they do not matter.
        axes: how the axes of the tensor must be read for these fans.
    """

    rule: str
    law: Distribution
    fans: Fans | None = None
    axes: str = ""

    def __str__(self) -> str:
        return self.rule + (f" on {self.axes}" if self.axes else "")


@dataclass(frozen=True)
class Origin:
    """Where the values of a tensor come from.

    Attributes:
        name: the tensor's name.
        shape: its shape.
        dtype: the name of its dtype.
        verdict: "unwritten", "constant", "drawn", "trained", or "cannot tell".
        because: what shows it, in words.
        explanations: of a drawn tensor the starts of frameworks that explain it, those of the fewest readings first;
            empty where a law fits whose spread no known start has.
        laws: the laws that fit, with mean and standard deviation as estimated.
        is_sealed: whether a drawn tensor shows that nothing has changed it: the arithmetic of a generator is still in
            it, or the exact ends of a law, or rows that are orthogonal.
        mean: the mean; NaN where it was not taken.
        std: the standard deviation, likewise.
        low: the least of all elements.
        high: the largest of all elements.
        summed: how many elements the mean and the standard deviation are taken over.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    verdict: Verdict
    because: str
    explanations: tuple[Explanation, ...] = ()
    laws: tuple[Distribution, ...] = ()
    is_sealed: bool = False
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    summed: int = 0

    @property
    def is_sampled(self) -> bool:
        """Whether mean and standard deviation are those of a part of it, in blocks from its start to its end."""
        return 0 < self.summed < math.prod(self.shape)

    def to_json(self) -> dict[str, Any]:
        """Return all of it, ready for JSON; what is not finite is None."""
        plain = {key: _finite(value) for key, value in vars(self).items()}
        plain["shape"] = list(self.shape)
        plain["laws"] = [law.to_json() for law in self.laws]
        plain["explanations"] = [
            {"rule": one.rule, "law": one.law.to_json(), "fans": one.fans and asdict(one.fans), "axes": one.axes}
            for one in self.explanations
        ]
        return plain


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class Origins:
    """Where the values of a whole file come from; `str` of it is a table.

    Attributes:
        source: the file, or what was given in its place.
        tensors: one for each tensor, in stored order.
    """

    source: str
    tensors: tuple[Origin, ...]

    def __iter__(self) -> Iterator[Origin]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __getitem__(self, name: str) -> Origin:
        for origin in self.tensors:
            if origin.name == name:
                return origin
        raise GlorotError(f"{self.source} has no tensor {name!r}; it has {len(self)}, such as {self._some()}")

    def _some(self) -> str:
        return ", ".join(repr(origin.name) for origin in self.tensors[:3]) or "none"

    @property
    def summary(self) -> str:
        """How many tensors were looked at, how many got which verdict, and of how many a sample was looked at."""
        counts = Counter(origin.verdict for origin in self.tensors)
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()) or "nothing"
        sampled = sum(origin.is_sampled for origin in self.tensors)
        rest = (
            f"; of {sampled} large one{'s' * (sampled > 1)} a sample was summed, where the table says so"
            if sampled
            else ""
        )
        return f"{self.source}: {counted(len(self), 'tensor')}: {told}{rest}"

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return the heads of a table of all tensors, and its rows."""
        rows = [
            [printable(one.name), shape_text(one.shape), one.dtype, number(one.std), one.verdict, self._why(one)]
            for one in self
        ]
        return ["tensor", "shape", "dtype", "std", "verdict", "why"], rows

    def __str__(self) -> str:
        return f"{self.summary}\n\n{table(*self.rows())}"

    def _why(self, one: Origin) -> str:
        rest = f" (by {one.summed:,} of {math.prod(one.shape):,} elements)" if one.is_sampled else ""
        if not one.explanations:
            return one.because + rest
        more = len(one.explanations) - SHOWN
        return " or ".join(map(str, one.explanations[:SHOWN])) + (f", and {more} more" if more > 0 else "") + rest

    def to_json(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {"format": "glorot-origins/1", "source": self.source, "tensors": [one.to_json() for one in self]}
