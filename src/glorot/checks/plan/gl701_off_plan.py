"""GL701: weights that do not follow their plan."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence, part_of
from glorot.checks.plan.following import (
    fit_of,
    is_drawn,
    is_orthogonal,
    is_set,
    largest_difference,
    rounding_of,
)
from glorot.distributions import Orthogonal, SparseNormal
from glorot.errors import GlorotError
from glorot.plans import Assignment, assignments
from glorot.stream import MATRIX_LAWS
from glorot.text import number

EFFECT = 0.05
"""The relative error of the std, or the distance between the distribution functions, from which it matters."""

FEW = 16
"""Values below which a sample says nothing of its law at the error rate of a run."""

AGREED = 1e-5
"""How far values of whole-matrix laws may be from those drawn elsewhere, of their gain."""


class OffPlan(Check):
    """Weights are not those that the plan asks for.

    What it does:
        Given a seed, compares every element with the one that `glorot.apply(plan, model, seed=seed)` writes, rounded to
        the dtype of the parameter: the same bits, or 1e-5 for orthogonal matrices. Without a seed it compares laws:
        constants exactly; orthogonal matrices by their product with themselves; drawn values by their variance and by
        the test of Kolmogorov and Smirnov, all tests of the run at one error rate, where the std is off by more than
        5 % or the distribution functions differ by more than 0.05.

        Setting: `off-plan = 0.05`, the difference from which it matters, without a seed.

    Why it matters:
        A plan that was never applied, or applied and then drawn over by a library's own init, is a start that nobody
        chose. Depth scales are the usual loss: a rule by name that matches no name leaves the default, and nothing
        fails.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> plan = glorot.plan(model, "xavier")
        >>> _ = glorot.apply(plan, model, seed=0)
        >>> _ = torch.nn.init.normal_(model[2].weight)
        >>> finding = glorot.check(model, plan=plan, select="GL701").findings[0]
        >>> print(finding.path, finding.why, f"(expected {finding.expected})")
        2.weight does not follow the law of the plan (expected uniform with std 0.1644)

    What to do:
        `glorot.apply(plan, model, seed=0)` after everything else that writes weights; or make a plan of the start that
        is meant.
    """

    code = "GL701"
    name = "off-plan"
    threshold = EFFECT
    mended_by_drawing = True
    needs = ("plan",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.plan is not None
        try:
            rows = assignments(evidence.plan, evidence.inventory, evidence.seed or 0)
        except GlorotError:
            return  # that it is another model's is said by GL702
        effect = self.limit(evidence)
        planned = {row.part.path for row in rows if row.part.name in evidence.plan}
        for row in rows:
            path = row.part.path
            parameter = evidence.inventory.parameter(path)
            if path not in evidence.weights or path not in planned or parameter is None:
                continue
            values = part_of(evidence.weights[path], row.part)
            found: Finding | Tested | None
            if evidence.seed is not None and row.part.stored is None:
                found = self._by_bits(row, values, parameter.dtype)
            else:
                found = self._by_law(row, values, parameter.dtype, effect)
            if found is not None:
                yield found

    def _by_bits(self, row: Assignment, values: Array, dtype: str) -> Finding | None:
        largest = largest_difference(values, row, dtype)
        is_matrix = type(row.distribution) in MATRIX_LAWS
        gain = abs(getattr(row.distribution, "gain", 1.0))
        if largest <= (gain * max(AGREED, rounding_of(dtype)) if is_matrix else 0.0):
            return None
        return self._off(row, "differs from what the plan writes with this seed", largest, "no difference")

    def _by_law(self, row: Assignment, values: Array, dtype: str, effect: float) -> Finding | Tested | None:
        law, rounding = row.distribution, rounding_of(dtype)
        rounding = max(rounding, 1e-6) if row.part.stored is not None else rounding
        if is_set(law):
            largest = largest_difference(values, row, dtype)
            if largest <= (1e-5 if row.part.stored is not None else 0.0):
                return None
            return self._off(row, "is not what the plan sets it to", largest, "no difference")
        if isinstance(law, Orthogonal):
            if is_orthogonal(values, law, row.part.axes, rounding):
                return None
            return self._off(row, "is not orthogonal with the gain of the plan", float(values.std()), law_text(row))
        if not is_drawn(law) or values.size < FEW:
            return None
        fit = fit_of(values, law, rounding)
        finding = self._off(row, "does not follow the law of the plan", fit.std, law_text(row))
        return Tested(fit.p, finding if fit.distance > effect else None)

    def _off(self, row: Assignment, why: str, figure: float, expected: str) -> Finding:
        remedy = "apply the plan after all else that writes weights"
        return self.finding(row.part.name, why, figure=figure, expected=expected, remedy=remedy)


def law_text(row: Assignment) -> str:
    """Write what a plan asks for in a few words."""
    law = row.distribution
    if isinstance(law, Orthogonal):
        return f"orthogonal with gain {number(law.gain)}"
    kind = "sparse" if isinstance(law, SparseNormal) else law.law.replace("_", " ")
    return f"{kind} with std {number(law.std)}"
