"""GL194: values that are made of raw memory."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.written.told import share_unwritten, writers_of
from glorot.inventory.written import Written


class MadeOfRawMemory(Check):
    """A tensor holds what was computed of memory that nothing had written.

    What it does:
        Follows the poison: found is a tensor that was written, and holds NaN because of what was read for it.

    Why it matters:
        An init that scales a weight in place, or computes one tensor of another, must find something there. On
        meta-device construction it does not.

    Example that fails:
        >>> import glorot, torch
        >>> def start(layer):
        ...     with torch.no_grad():
        ...         layer.weight.copy_(0.5 * layer.weight)
        ...         layer.bias.zero_()
        >>> finding = glorot.audit(lambda: torch.nn.Linear(3, 4), start).findings[0]
        >>> finding.code, finding.path
        ('GL194', 'weight')

    What to do:
        Write what is read first, or compute it of something else.
    """

    code = "GL194"
    name = "written-from-raw-memory"
    severity = "error"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for row in evidence.audit.tensors:
            if row.state == "raw":
                why = f"holds NaN made of memory that nothing had written{_source(row)}"
                why += f"; it was written by {writers_of(row)}"
                remedy = "write what is read first, or compute it of something else"
                yield self.finding(row.path, why, remedy=remedy, figure=share_unwritten(row), where=row.layer)


def _source(row: Written) -> str:
    return f", first at {row.read_first}" if row.read_first else ""
