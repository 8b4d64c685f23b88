"""GL197: tensors that are read too early."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence


class ReadFirst(Check):
    """An init function reads a tensor before it writes it.

    What it does:
        Notes the operators that read a tensor which nothing has written so far.

    Why it matters:
        What is read there is raw memory. It is harmless only where nothing but the shape is used.

    Example that fails:
        >>> import glorot, torch
        >>> def start(layer):
        ...     layer.weight.abs().sum()
        ...     torch.nn.init.zeros_(layer.weight)
        ...     torch.nn.init.zeros_(layer.bias)
        >>> finding = glorot.audit(lambda: torch.nn.Linear(3, 4), start).findings[0]
        >>> finding.code, finding.path
        ('GL197', 'weight')

    What to do:
        See that nothing but its shape is used there.
    """

    code = "GL197"
    name = "read-before-written"
    severity = "note"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for row in evidence.audit.tensors:
            if row.read_first and row.state in {"once", "again"}:
                why = f"is read before it is written, at {row.read_first}"
                remedy = "see that nothing but its shape is used there"
                yield self.finding(row.path, why, remedy=remedy, figure=1.0, where=row.layer)
