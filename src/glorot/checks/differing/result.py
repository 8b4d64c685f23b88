"""What differs between two things that hold weights or plan them: frozen, printable, and ready for JSON."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from glorot.checks.paths import path_text
from glorot.inventory import path_of
from glorot.markup import html_table
from glorot.text import counted, printable

Kind = Literal["missing", "shape", "not finite", "values", "law", "dtype"]
KINDS: tuple[Kind, ...] = ("missing", "shape", "not finite", "values", "law", "dtype")
"""What can differ, the worst first; "values" are those that no law leaves to chance, such as constants."""


@dataclass(frozen=True)
class Difference:
    """One difference, with all tensors that have it.

    Attributes:
        kind: "missing", "shape", "not finite", "values", "law" or "dtype".
        paths: the tensors, or pieces of them, `path[piece]`.
        why: what differs, to be read after the paths: "has 1.1 times the std in B".
        a: what the first side has, as text; with several tensors, what the first of them has.
        b: what the second side has.
        effect: how far apart they are. For laws it is the logarithm of the ratio of the stds or the distance of the
            distribution functions, whichever is larger, and, where both are small, the logarithm of the ratio of the
            farthest elements; for everything else it is infinite.
    """

    kind: Kind
    paths: tuple[str, ...]
    why: str
    a: str = ""
    b: str = ""
    effect: float = math.inf

    def __str__(self) -> str:
        held = f" (A: {self.a}; B: {self.b})" if self.a and self.b else f" ({self.a or self.b})" * bool(self.a + self.b)
        return printable(f"{path_text(self.paths)}: {self.why}{held}")


class Untold(NamedTuple):
    """A tensor of which it cannot be told whether it differs, and why."""

    path: str
    why: str


@dataclass(frozen=True)
class Differences:
    """What differs between A and B; false if nothing does.

    Attributes:
        a: the first side, as the user calls it.
        b: the second side.
        differences: what differs, the worst first.
        same: how many tensors are the same; for plans, how many entries.
        alike: how many follow one law, as far as their sizes can tell.
        visible: how far a std must be off to be found, as a relative error, in the largest and in the smallest of the
            tensors that are alike; None where none was tested.
        untold: the tensors of which it cannot be told whether they differ, and why.
        tests: how many statistical tests were made, with one error rate for all.
        notes: what else was found on the way.
    """

    a: str
    b: str
    differences: tuple[Difference, ...]
    same: int = 0
    alike: int = 0
    visible: tuple[float, float] | None = None
    untold: tuple[Untold, ...] = ()
    tests: int = 0
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.differences)

    @property
    def verdict(self) -> str:
        """How many tensors differ, are the same, are equal in law, or cannot be told."""
        count = len({path_of(path) for one in self.differences for path in one.paths})
        told = [f"{counted(count, 'tensor')} differ{'s' * (count == 1)}" if count else "no differences"]
        told += [f"{self.same} the same"] * bool(self.same)
        told += [f"{self.alike} equal in law{self._seen}"] * bool(self.alike)
        reasons: dict[str, int] = {}
        for one in self.untold:
            reasons[one.why] = reasons.get(one.why, 0) + 1
        return "; ".join([*told, *(f"{count} cannot be told ({why})" for why, count in reasons.items())])

    @property
    def _seen(self) -> str:
        if self.visible is None:
            return ""
        low, high = (f"{100 * one:.0f}" for one in self.visible)
        return f" (a std off by {low if low == high else f'{low}–{high}'} % would have been found)"

    def __str__(self) -> str:
        head = [f"A is {self.a}, B is {self.b}"] if self.differences else []
        return "\n".join([*head, *map(str, self.differences), self.verdict, *self.notes])

    def _repr_html_(self) -> str:
        rows = [[path_text(one.paths), one.why, one.a, one.b] for one in self.differences]
        head = ["tensors", "what differs", f"A: {self.a}", f"B: {self.b}"]
        return (html_table(head, rows) if rows else "") + f"<p>{self.verdict}</p>"

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON; an infinite effect is null."""
        return {
            "format": "glorot-diff/1",
            "a": self.a,
            "b": self.b,
            "differ": bool(self),
            "verdict": self.verdict,
            "differences": [_plain(one) for one in self.differences],
            "same": self.same,
            "alike": self.alike,
            "visible": None if self.visible is None else list(self.visible),
            "untold": [one._asdict() for one in self.untold],
            "tests": self.tests,
            "notes": list(self.notes),
        }


def joined(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return differences, the worst first; those that say the same of several tensors are merged.

    Example:
        >>> same = "is in A alone"
        >>> [print(one) for one in joined([Difference("missing", ("a",), same), Difference("missing", ("b",), same)])]
        a, b: is in A alone
        [None]
    """
    found: dict[tuple[str, ...], Difference] = {}
    for one in sorted(differences, key=lambda one: (KINDS.index(one.kind), -one.effect)):
        key = (one.kind, one.why, *((one.a, one.b) if one.kind == "shape" else ()))
        first = found.get(key)
        found[key] = one if first is None else replace(first, paths=tuple(dict.fromkeys((*first.paths, *one.paths))))
    return tuple(found.values())


def _plain(one: Difference) -> dict[str, Any]:
    return {**asdict(one), "paths": list(one.paths), "effect": one.effect if math.isfinite(one.effect) else None}
