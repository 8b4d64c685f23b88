"""GL604: ranks that start otherwise than one process would."""

from collections.abc import Iterator

import numpy as np

from glorot.arrays import filled, is_whole
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.ranks.shards import on_ranks
from glorot.errors import GlorotError
from glorot.plans import Assignment
from glorot.plans.assign import assignments
from glorot.stream import MATRIX_LAWS

EXACT = ("float32", "float64", "float16")
"""Types whose rounding NumPy knows; of others the nearest number is taken to two digits."""

COARSE, MATRIX = 0.01, 1e-5
"""How far a number may be off where it was rounded to a narrow type, and for the laws of whole matrices."""


class AnotherStart(Check):
    """What the ranks hold together is not what the plan and the seed give one process.

    What it does:
        Puts each parameter together from the ranks and compares it, bit by bit, with the numbers that the plan draws
        with the seed; orthogonal matrices up to 1e-5.

    Why it matters:
        With the same start on 1 and on 1,024 ranks, a run can be repeated, compared and debugged on fewer machines. A
        start that depends on how the model is split cannot.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Linear(8, 4)
        >>> plan = glorot.plan(model, "xavier")
        >>> _ = glorot.apply(plan, model, seed=1)
        >>> report = glorot.check(model, plan=plan, seed=0, ranks=[model.state_dict()], select="GL604")
        >>> print(report.findings[0].path, report.findings[0].why)
        weight holds other numbers on the ranks than the plan and the seed give

    What to do:
        Apply the same plan file with the same seed on each rank, with the names of the whole model.
    """

    code = "GL604"
    name = "another-start"
    severity = "error"
    mended_by_drawing = True
    needs = ("ranks", "plan", "seed")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.plan is not None
        assert evidence.seed is not None
        try:
            drawn = assignments(evidence.plan, evidence.inventory, evidence.seed)
        except GlorotError:
            return  # a plan for another model is what the checks of plans say
        by_path: dict[str, list[Assignment]] = {}
        for assignment in drawn:
            by_path.setdefault(assignment.part.path, []).append(assignment)
        for one in on_ranks(evidence):
            parameter = one.parameter
            wanted = by_path.get(parameter.path, [])
            if not is_whole(parameter.shape, wanted):
                continue
            share = _share_apart(one.whole, filled(parameter.shape, wanted), parameter.dtype, wanted)
            if share:
                yield self.finding(
                    parameter.path,
                    "holds other numbers on the ranks than the plan and the seed give",
                    remedy="apply the same plan with the same seed on each rank, with the names of the whole model",
                    figure=share,
                    expected="no element",
                )


def _share_apart(found: Array, wanted: Array, dtype: str, drawn: list[Assignment]) -> float:
    """Return the share of elements that differ."""
    is_exact = dtype in EXACT and not any(type(one.distribution) in MATRIX_LAWS for one in drawn)
    if is_exact:
        return float(np.mean(found.astype(dtype) != wanted.astype(dtype)))
    allowed = MATRIX if dtype in ("float32", "float64") else COARSE
    return float(np.mean(~np.isclose(found, wanted, rtol=allowed, atol=MATRIX)))
