"""GL192: tensors that no init writes."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.written.told import share_unwritten, writers_of
from glorot.inventory.written import Written, WrittenModel
from glorot.text import counted


class NeverWritten(Check):
    """An init function leaves a parameter, a buffer or a part of one unwritten.

    What it does:
        Fills a new model with poison, runs the init function and counts which elements it wrote.

    Why it matters:
        A model that is built on the meta device has no constructor's draw to fall back on: what the init forgets is
        raw memory, other on every machine, and often NaN. Loading a checkpoint without that key leaves it so.

    Example that fails:
        >>> import glorot, torch
        >>> report = glorot.audit(lambda: torch.nn.Linear(3, 4), lambda layer: torch.nn.init.zeros_(layer.weight))
        >>> report.findings[0].code, report.findings[0].path
        ('GL192', 'bias')

    What to do:
        Write it in the init, or call the `reset_parameters` of its module there; a table that is computed is computed
        again.
    """

    code = "GL192"
    name = "never-written"
    severity = "error"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for row in evidence.audit.tensors:
            if row.state in {"never", "partly"}:
                why, share = _why(row, evidence.audit), share_unwritten(row)
                yield self.finding(row.path, why, remedy=_remedy(row), figure=share, where=row.layer)


def _why(row: Written, found: WrittenModel) -> str:
    if row.state == "partly":
        elements = round(row.unwritten / share_unwritten(row))
        told = f"is written in part by {found.call}: {row.unwritten} of {counted(elements, 'element')} are not"
    elif row.writers:
        told = f"was written ({writers_of(row)}) and then given other memory, which nothing writes"
    else:
        told = f"is never written by {found.call}"
    lost = f"; what its constructor gave it ({row.constructor}) is lost on meta" if row.constructor else ""
    kept = f": it keeps what its constructor gave it ({row.constructor})" if row.constructor else ": it is raw memory"
    return f"{told}: raw memory after to_empty(){lost}" if "meta" in found.built else f"{told}{kept}"


def _remedy(row: Written) -> str:
    where = f"the branch of the init for {row.layer}"
    if row.kind.startswith("non-persistent"):
        return f"compute it again in {where}: no checkpoint holds it either"
    own = f", or call {row.layer}.reset_parameters() there" if row.constructor.endswith("in reset_parameters") else ""
    return f"write it in {where}{own}"
