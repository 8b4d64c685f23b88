"""GL196: tensors that are written several times."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.written.told import writers_of


class WrittenAgain(Check):
    """An init function writes a tensor more than once.

    What it does:
        Counts how often each element is written.

    Why it matters:
        All but the last write only draw numbers: they cost time, and the order of drawing shifts what a seed gives
        elsewhere.

    Example that fails:
        >>> import glorot, torch
        >>> def start(layer):
        ...     for draw in (torch.nn.init.ones_, torch.nn.init.zeros_):
        ...         draw(layer.weight)
        ...     torch.nn.init.zeros_(layer.bias)
        >>> finding = glorot.audit(lambda: torch.nn.Linear(3, 4), start).findings[0]
        >>> finding.code, finding.path
        ('GL196', 'weight')

    What to do:
        Keep the last of the writes.
    """

    code = "GL196"
    name = "written-again"
    severity = "note"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for row in evidence.audit.tensors:
            if row.state == "again":
                why = f"is written {row.times} times over: {writers_of(row)}"
                remedy = "keep the last of them; earlier ones only draw numbers"
                yield self.finding(row.path, why, remedy=remedy, figure=row.times, where=row.layer)
