"""Which findings can be mended by drawing again, and the plan that does it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from glorot.checks.base import Finding
from glorot.checks.registry import check_named
from glorot.inventory.parts import path_of
from glorot.plans import Plan


class Fix(NamedTuple):
    """What mends some findings.

    Attributes:
        plan: a plan that draws what they blame and leaves everything else alone; None where that mends nothing.
        left: the findings that it does not mend, each with only the paths that are left.
    """

    plan: Plan | None
    left: tuple[Finding, ...]


def fix_of(findings: Iterable[Finding], plan: Plan) -> Fix:
    """Return what mends findings, by drawing from the laws of a plan.

    Args:
        findings: what was found.
        plan: a plan for the model that was checked.
    """
    drawn = {entry.name for entry in plan if entry.distribution is not None}
    paths = drawn | {path_of(name) for name in drawn}
    mended: set[str] = set()
    left: list[Finding] = []
    for one in findings:
        mends = [path for path in one.paths if path in paths] if check_named(one.code).mended_by_drawing else []
        mended.update(mends)
        if len(mends) < len(one.paths):
            left.append(replace(one, paths=tuple(path for path in one.paths if path not in mends)))
    entries = tuple(
        entry
        if entry.name in mended or path_of(entry.name) in mended
        else replace(entry, distribution=None, scheme="", why="left alone: not blamed by a finding that drawing mends")
        for entry in plan
    )
    return Fix(replace(plan, entries=entries) if mended else None, tuple(left))
