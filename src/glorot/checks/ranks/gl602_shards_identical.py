"""GL602: ranks that drew the same part."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.looks import looks_drawn
from glorot.checks.ranks.shards import on_ranks, same


class ShardsIdentical(Check):
    """Ranks that hold different parts of a parameter drew the same numbers.

    What it does:
        Compares the parts of each parameter that is split over the ranks, if they hold random numbers.

    Why it matters:
        The whole matrix then consists of one block, repeated: units, heads or inputs that start alike, as many times as
        there are ranks. It happens where each rank draws its own part after setting the same seed.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(16, 8, bias=False)
        >>> part = {"weight": layer.weight[:4]}
        >>> print(glorot.check(layer, ranks=[part, part], select="GL602").findings[0])
        GL602 error: weight: was drawn alike on several ranks, though each holds another part (1, expected 2 different \
parts)

    What to do:
        Draw the parts from different streams, such as a seed plus the rank within the group that splits the tensor; or
        draw by name and index: each part is then that of the whole.
    """

    code = "GL602"
    name = "shards-identical"
    severity = "error"
    mended_by_drawing = True
    needs = ("ranks",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for one in on_ranks(evidence):
            if one.shards < 2:
                continue
            parts = [one.pieces[ranks[0]] for ranks in one.members]
            different = [part for n, part in enumerate(parts) if not any(same(part, other) for other in parts[:n])]
            if len(different) < one.shards and parts[0].dtype.kind == "f" and looks_drawn(parts[0]):
                yield self.finding(
                    one.parameter.path,
                    "was drawn alike on several ranks, though each holds another part",
                    remedy="draw each part from another stream, or the whole by name and index: glorot does",
                    figure=len(different),
                    expected=f"{one.shards} different parts",
                )
