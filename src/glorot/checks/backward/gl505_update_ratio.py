"""GL505: a first step that is too large, or too small, for the weights."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence, Group

MOST = 0.25
"""The share of a weight that the first step may change: Adam at 1e-3 changes 5 % of a std of 0.02."""

LEAST = 1e-8
"""The share below which a weight stays where it is: in 100,000 steps one way it would move by a thousandth."""

DRAWN = ("kernel", "recurrent", "embedding")
"""The roles whose weights start at a scale that an update can be compared with."""


class UpdateRatio(Check):
    """The first step of the optimizer is out of proportion to the weights.

    What it does:
        Tries the first step of the optimizer on a copy of the weights, and compares the root mean square of the update
        of each kernel and embedding with that of the weight. Found is a ratio above 0.25, and one below 1e-8 where the
        rate is not that of a warm-up. A kernel of zeros has no ratio.

        Setting: `update-ratio = 0.25`, the largest share of a weight that the first step may change.

    Why it matters:
        A step that changes a quarter of a weight at once replaces the start that was drawn by one that a single batch
        gave. The first step of Adam moves every element by the rate, whatever the gradient, so that a rate which suits
        weights of std 0.1 destroys those of std 0.01. A thousandth is usual, and a few hundredths are fine.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> _ = torch.nn.init.normal_(model[0].weight, std=0.002)
        >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        >>> x, y = torch.randn(32, 64), torch.randint(10, (32,))
        >>> finding = glorot.check(model, x, y, optimizer=optimizer, select="GL505").findings[0]
        >>> print(finding.path, finding.why, f"({finding.figure:.1f})")
        0.weight changes by a large part of itself in the first step (0.5)

    What to do:
        Lower the rate, warm it up, or give the tensor a group by itself: `glorot.torch.groups(plan, model)` sets rates
        by width. If the weights are far smaller than their fans ask for, draw them again.
    """

    code = "GL505"
    name = "update-ratio"
    threshold = MOST
    needs = ("updates",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most, least = self.limit(evidence), LEAST
        groups = {path: group for group in evidence.groups or () for path in group.paths}
        drawn = dict.fromkeys(part.path for part in evidence.inventory.parts if part.role in DRAWN)
        for path in drawn:
            update, weight = (evidence.updates or {}).get(path, (0.0, 0.0))
            if not weight > 0 or not math.isfinite(update):
                continue
            ratio = math.sqrt(update / weight)
            if ratio > most:
                yield self.finding(
                    path,
                    "changes by a large part of itself in the first step",
                    figure=ratio,
                    expected=f"about 0.001, at most {most:g}",
                    remedy="lower the rate, warm it up, or draw the weight by its fans",
                )
            elif ratio < least and not _warms_up(groups.get(path)):
                yield self.finding(
                    path,
                    "hardly changes in the first step",
                    figure=ratio,
                    expected=f"about 0.001, at least {least:g}",
                    remedy="raise its rate, or see why its gradient is so small",
                )


def _warms_up(group: Group | None) -> bool:
    """Tell whether the rate of a group is meant to be small at first, or zero; yes, where no group is known."""
    rate = 0.0 if group is None else float(group.options.get("lr", 0.0))
    return group is None or rate == 0 or rate < float(group.options.get("initial_lr", 0.0))
