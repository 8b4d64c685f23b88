"""GL193: writes into nothing."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.written.told import writers_of


class WrittenWhileEmpty(Check):
    """An init function wrote a tensor while it had no elements.

    What it does:
        Notes the writes into tensors without elements, as a library that spreads parameters over ranks leaves them, or
        on the meta device, and whether the memory that they got later was written.

    Why it matters:
        The call succeeds, draws its random numbers and writes none of them: the memory that comes later is raw.

    Example that fails:
        >>> import glorot, torch
        >>> def start(layer):
        ...     bias, layer.bias.data = layer.bias.data, torch.empty(0)
        ...     torch.nn.init.zeros_(layer.bias)
        ...     layer.bias.data = bias
        ...     torch.nn.init.zeros_(layer.weight)
        >>> finding = glorot.audit(lambda: torch.nn.Linear(3, 4), start).findings[0]
        >>> finding.code, finding.path
        ('GL193', 'bias')

    What to do:
        Give the tensors memory before the init runs, or gather them first, as under
        `deepspeed.zero.GatheredParameters`.
    """

    code = "GL193"
    name = "written-while-empty"
    severity = "error"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for row in evidence.audit.tensors:
            if row.state == "empty":
                why = f"was written while it was empty, by {writers_of(row)}: without elements, or on the meta device"
                remedy = "give it memory before the init runs, or gather it first"
                yield self.finding(row.path, why, remedy=remedy, figure=1.0, where=row.layer)
