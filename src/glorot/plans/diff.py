"""What differs between two plans, part by part."""

from collections.abc import Iterable
from dataclasses import dataclass

from glorot.plans.entry import PlanEntry, layout_text, std_text
from glorot.text import shortened, table


@dataclass(frozen=True)
class PlanDiff:
    """What differs between two plans; false if nothing does.

    Attributes:
        removed: the entries of the first plan alone.
        added: the entries of the second plan alone.
        changed: pairs of entries with one name and another law, scheme, shape or axes.
    """

    removed: tuple[PlanEntry, ...]
    added: tuple[PlanEntry, ...]
    changed: tuple[tuple[PlanEntry, PlanEntry], ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed)

    def __str__(self) -> str:
        rows = [["-", entry.name, _summary(entry), ""] for entry in self.removed]
        rows += [["+", entry.name, "", _summary(entry)] for entry in self.added]
        rows += [["~", before.name, _summary(before), _summary(after)] for before, after in self.changed]
        return table(["", "path", "before", "after"], rows) if rows else "no differences"


def compare_entries(before: Iterable[PlanEntry], after: Iterable[PlanEntry]) -> PlanDiff:
    """Return what differs between the entries of two plans."""
    mine = {entry.name: entry for entry in before}
    theirs = {entry.name: entry for entry in after}
    shared = [(entry, theirs[name]) for name, entry in mine.items() if name in theirs]
    return PlanDiff(
        removed=tuple(entry for name, entry in mine.items() if name not in theirs),
        added=tuple(entry for name, entry in theirs.items() if name not in mine),
        changed=tuple((one, other) for one, other in shared if _essence(one) != _essence(other)),
    )


def _summary(entry: PlanEntry) -> str:
    return f"{shortened(entry.scheme) or 'left alone'} {std_text(entry)} {layout_text(entry)}"


def _essence(entry: PlanEntry) -> tuple[object, ...]:
    return entry.axes, entry.shape, entry.distribution, entry.scheme
