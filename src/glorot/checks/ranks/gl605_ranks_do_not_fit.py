"""GL605: parameters that the ranks do not hold, or in shapes that do not make them up."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.ranks.shards import unplaced


class RanksDoNotFit(Check):
    """A parameter of the model is on no rank, or its parts do not make it up.

    What it does:
        Compares the shapes on the ranks with that of the whole parameter: whole on each, or split along one axis, or
        flattened and split.

    Why it matters:
        Nothing is said of such a parameter by the other checks of ranks, so it could differ between them.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(4, 4)
        >>> rank = {"weight": layer.weight[:3], "bias": layer.bias}
        >>> print(glorot.check(layer, ranks=[rank, rank], select="GL605").findings[0])
        GL605 warning: weight: lies on the ranks in shapes that do not make up its own

    What to do:
        Give the state dicts of all ranks, in their order, with the paths of the whole model.
    """

    code = "GL605"
    name = "ranks-do-not-fit"
    severity = "warning"
    needs = ("ranks",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for parameter, count in unplaced(evidence):
            yield self.finding(
                parameter.path,
                "lies on the ranks in shapes that do not make up its own" if count else "is on no rank",
                remedy="give the state dicts of all ranks, in order, with the paths of the whole model",
            )
