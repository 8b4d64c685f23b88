"""Compare plans with plans, and weights with the plan that they should follow."""

import math

from glorot.checks.base import Finding
from glorot.checks.differing.result import Difference, Differences, Untold, joined
from glorot.checks.differing.tensors import FEW, TOO_FEW, nothing_in_common
from glorot.checks.plan.following import is_drawn, is_set
from glorot.checks.report import Report
from glorot.inventory import path_of, runs
from glorot.plans import Plan, PlanEntry
from glorot.plans.entry import layout_text, std_text
from glorot.text import brief, number, shortened


def differences_of_plans(a: str, one: Plan, b: str, other: Plan) -> Differences:
    """Compare two plans, entry by entry, as `Plan.diff` does.

    Args:
        a: what the first is called.
        one: the first.
        b: what the other is called.
        other: the other.

    Returns:
        What differs; effects are logarithms of the ratio of the stds.

    Raises:
        GlorotError: if they have no name in common.
    """
    mine, theirs = ({entry.name: entry for entry in plan} for plan in (one, other))
    common = mine.keys() & theirs.keys()
    if not common and (mine or theirs):
        raise nothing_in_common(a, mine, b, theirs)
    diff = one.diff(other)
    found = [Difference("missing", (entry.name,), "is in A alone", a=_asked(entry)) for entry in diff.removed]
    found += [Difference("missing", (entry.name,), "is in B alone", b=_asked(entry)) for entry in diff.added]
    found += [_changed(before, after) for before, after in diff.changed]
    return Differences(a, b, joined(found), same=len(common) - len(diff.changed))


def _changed(before: PlanEntry, after: PlanEntry) -> Difference:
    paths = (before.name,)
    if layout_text(before) != layout_text(after):
        return Difference("shape", paths, "has another shape", layout_text(before), layout_text(after))
    schemes = [shortened(entry.scheme) or "left alone" for entry in (before, after)]
    texts = [f"std {std_text(entry)}" for entry in (before, after)]
    if before.distribution == after.distribution:
        return Difference("law", paths, f"is {schemes[0]} in A, and {schemes[1]} in B, which is the same law", effect=0)
    effect = _effect(before, after)
    if schemes[0] != schemes[1]:
        return Difference("law", paths, f"is {schemes[0]} in A, and {schemes[1]} in B", texts[0], texts[1], effect)
    ratio = f"has {brief(math.exp(effect))} times the std in " if math.isfinite(effect) else "has another law in "
    return Difference("law", paths, f"{ratio}{'B' if _std(after) > _std(before) else 'A'}", texts[0], texts[1], effect)


def _effect(before: PlanEntry, after: PlanEntry) -> float:
    stds = _std(before), _std(after)
    return abs(math.log(stds[1] / stds[0])) if all(stds) else math.inf


def _std(entry: PlanEntry) -> float:
    return 0.0 if entry.distribution is None else entry.distribution.std


def _asked(entry: PlanEntry) -> str:
    return f"{shortened(entry.scheme) or 'left alone'}, {layout_text(entry)}"


def differences_with_plan(a: str, b: str, plan: Plan, report: Report, *, is_first: bool) -> Differences:
    """Compare weights with a plan.

    Args:
        a: what the first is called.
        b: what the other is called.
        plan: the plan.
        report: what GL701 and GL702 found.
        is_first: whether the plan is A; else it is B.

    Returns:
        What does not follow the plan. Of the rest, constants count as the same, and drawn weights as alike.

    Raises:
        GlorotError: if the weights have none of the tensors of the plan.
    """
    found = [_found(one, plan, is_first) for one in report.findings]
    missing = {path: one.why for one in found if one.kind == "missing" for path in one.paths}
    planned = {entry.name: entry for entry in plan if not runs(entry.role)}
    if {path_of(name) for name in planned} <= {path_of(path) for path in missing}:
        others = {path: why for path, why in missing.items() if "not in the plan" in why}
        sides = (planned, others) if is_first else (others, planned)
        raise nothing_in_common(a, sides[0], b, sides[1])
    blamed = {name for one in found for path in one.paths for name in (path, path_of(path))}
    is_compared = not any(one.code == "GL702" for one in report.findings) or report.origins is not None
    rest = [entry for entry in plan if not {entry.name, path_of(entry.name)} & blamed and is_compared]
    untold = [Untold(entry.name, why) for entry in rest if (why := _why_untold(entry))]
    fixed = sum(entry.distribution is not None and is_set(entry.distribution) for entry in rest)
    notes = () if is_compared else ("laws were not compared, because the plan was made for another model",)
    return Differences(
        a,
        b,
        joined(found),
        same=fixed,
        alike=len(rest) - fixed - len(untold),
        untold=tuple(untold),
        tests=report.tests,
        notes=notes,
    )


def _found(finding: Finding, plan: Plan, is_first: bool) -> Difference:
    """Turn a finding into a difference."""
    paths, why = finding.paths, finding.why
    if finding.code == "GL702":
        return Difference("missing" if "not in the" in why else "shape", paths, why)
    if finding.expected == "no difference":
        off = f"off by {number(finding.figure)}"
        return Difference("values", paths, why, "" if is_first else off, off if is_first else "")
    texts = [finding.expected, f"std {number(finding.figure)}"]
    planned = _std(plan[paths[0]]) if paths[0] in plan else 0.0
    effect = abs(math.log(finding.figure / planned)) if planned and finding.figure else math.inf
    first, second = texts if is_first else reversed(texts)
    return Difference("law", paths, why, first, second, effect)


def _why_untold(entry: PlanEntry) -> str:
    law = entry.distribution
    if law is None:
        return "left alone by the plan"
    return TOO_FEW if is_drawn(law) and math.prod(entry.shape) < FEW else ""
