"""GL195: tied tensors that came apart."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence


class TiesParted(Check):
    """An init function put another tensor in the place of one that was tied.

    What it does:
        Compares which parameters share memory before the init and after it.

    Why it matters:
        A head that was tied to the embedding becomes a tensor by itself: the model has more parameters than meant, and
        the two are trained apart.

    Example that fails:
        >>> import glorot, torch
        >>> def build():
        ...     net = torch.nn.ModuleList([torch.nn.Linear(4, 4, bias=False) for _ in range(2)])
        ...     net[1].weight = net[0].weight
        ...     return net
        >>> def start(net):
        ...     net[0].weight = torch.nn.Parameter(torch.zeros(4, 4))
        ...     torch.nn.init.zeros_(net[1].weight)
        >>> [finding.code for finding in glorot.audit(build, start).findings]
        ['GL195', 'GL195']

    What to do:
        Tie them again after the init, or write in place.
    """

    code = "GL195"
    name = "ties-parted"
    severity = "warning"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for row in evidence.audit.tensors:
            if row.parted:
                why = f"no longer shares its memory with {', '.join(row.parted)}, as it did when it was built"
                remedy = "tie them again after the init, or write in place"
                yield self.finding(row.path, why, remedy=remedy, figure=len(row.parted), where=row.layer)
