"""GL702: a plan that was made for another model."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.stored import mismatches
from glorot.errors import GlorotError
from glorot.inventory import runs
from glorot.plans import Plan, assignments
from glorot.plans.entry import layout_text
from glorot.text import shape_text


class OtherPlan(Check):
    """The plan names other tensors, or other shapes, than the model has.

    What it does:
        Compares names, axes and shapes of the plan with those of the model, and names the parts that only one of them
        has, or both in other shapes. Of a file of weights, its tensors: one prefix before all names is left out.

    Why it matters:
        Such a plan can't be applied, and what it says of the tensors that do agree is of another network: its depth,
        fans and branches. Mostly the model was changed after the plan was saved, or wrapped so that all its names have
        a prefix.

    Example that fails:
        >>> import glorot, torch
        >>> plan = glorot.plan(torch.nn.Linear(8, 8), "xavier")
        >>> print(glorot.check(torch.nn.Linear(8, 4), plan=plan).findings[0])
        GL702 error: weight: is 4×8 (oi), and 8×8 (oi) in the plan

    What to do:
        Make a plan of this model: `glorot.plan(model)`. If only names differ, pass the model without its wrapper, or
        `glorot.match(plan, model)` to find which is which.
    """

    code = "GL702"
    name = "other-plan"
    severity = "error"
    needs = ("plan",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.plan is not None
        if evidence.stored is not None:
            yield from self._of_file(evidence, evidence.plan)
            return
        try:
            assignments(evidence.plan, evidence.inventory, 0)
        except GlorotError:
            pass
        else:
            return
        planned = {entry.name: entry for entry in evidence.plan if not runs(entry.role)}
        present = {part.name: part for part in evidence.inventory.parts if not runs(part.role)}
        remedy = "make a plan of this model with glorot.plan(model)"
        for name, part in present.items():
            if name in planned and layout_text(planned[name]) != layout_text(part):
                yield self.finding(
                    name,
                    f"is {layout_text(part)}, and {layout_text(planned[name])} in the plan",
                    remedy=remedy,
                )
        missing = [name for name in present if name not in planned]
        if missing:
            yield self.finding(missing, "is not in the plan", remedy=remedy)
        extra = [name for name in planned if name not in present]
        if extra:
            yield self.finding(extra, "is in the plan, and not in the model", remedy=remedy)

    def _of_file(self, evidence: Evidence, plan: Plan) -> Iterator[Finding]:
        """Yield what is different between the plan and a file of weights."""
        missing, extra = [], []
        for path, found, planned in mismatches(evidence):
            if planned is None:
                extra += [] if path in plan.buffers else [path]
            elif found is None:
                missing.append(path)
            else:
                why = f"is {shape_text(found)} in the file, and {shape_text(planned)} in the plan"
                yield self.finding(path, why, remedy="make a plan of the model that this file is of")
        if missing:
            remedy = "save the whole model, or make a plan of the model that this file is of"
            yield self.finding(missing, "is in the plan, and not in the file", remedy=remedy)
        if extra:
            why, remedy = "is in the file, and not in the plan", "make a plan of the model that this file is of"
            yield self.finding(extra, why, remedy=remedy, severity="note")
