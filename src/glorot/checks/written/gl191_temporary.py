"""GL191: writes that nothing keeps."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence


class Temporary(Check):
    """An init function wrote into a temporary, which nothing keeps.

    What it does:
        Watches every write of an init function. Found is one into a tensor that was made of a parameter or buffer, is
        gone afterwards, and whose values reached nothing: `w.clone()`, `w.to(…)`, `w[[0, 1]]`, or a weight that is
        computed each time it is asked for, as `weight_norm` does.

    Why it matters:
        The call looks right and does nothing: the weight keeps what its constructor drew, or raw memory after
        `to_empty()`.

    Example that fails:
        >>> import glorot, torch
        >>> def start(layer):
        ...     torch.nn.init.zeros_(layer.weight.clone())
        ...     torch.nn.init.zeros_(layer.bias)
        >>> finding = glorot.audit(lambda: torch.nn.Linear(3, 4), start).findings[0]
        >>> finding.code, finding.path
        ('GL191', 'weight')

    What to do:
        Write into the parameter itself or a view of it, under `torch.no_grad()`; or start the layer before it is
        parametrized.
    """

    code = "GL191"
    name = "wrote-into-temporary"
    severity = "error"
    needs = ("audit",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.audit is not None
        for lost in evidence.audit.lost:
            paths = tuple(dict.fromkeys([*filter(None, map(_computed, lost.paths)), *lost.paths]))
            remedy = "write into the parameter itself or a view of it, under torch.no_grad(), or copy the result back"
            if paths != lost.paths:
                remedy = (
                    f"{paths[0].rpartition('.')[2]} is computed each time it is asked for: write the tensors that are "
                    "stored, or assign, module.weight = values; or start the layer before it is parametrized"
                )
            why = f"is not what was written: {lost.writer} wrote into a temporary ({lost.made}), which nothing keeps"
            yield self.finding(paths, why, remedy=remedy, figure=len(lost.paths))


def _computed(path: str) -> str:
    """Return the name of what is computed of a stored tensor; "" where it is used as it is."""
    before, mark, after = path.partition("parametrizations.")
    name, _, stored = after.rpartition(".")
    return before + name if mark and stored.startswith("original") else ""
