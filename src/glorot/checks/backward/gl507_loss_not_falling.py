"""GL507: a loss that the first steps on one batch do not lower."""

from collections.abc import Iterator, Sequence

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence, Group

FEWEST = 5
"""The number of steps after which a loss should have fallen."""

MOST = 1.0
"""The share of its start below which a loss must fall once."""

ROUNDING = 1e-6
"""The relative change of a loss that rounding in single precision can make by itself."""


class LossNotFalling(Check):
    """The loss of a batch does not fall in the first steps of training on it.

    What it does:
        Takes 5 steps or more with the optimizer, on copies of model and optimizer, always on the same batch. Warns if
        none of them brings the loss below its start. Does not judge an optimizer whose rate is warmed up, or a loss
        that starts at zero.

        Setting: `loss-not-falling = 1`, the share of its start below which the loss must fall.

    Why it matters:
        Lowering the loss of a batch that it has just seen is the least that training can do: a small rate η lowers it
        by about η|∇L|². Where that fails, the optimizer trains other parameters than those of the model, the loss does
        not depend on them, or the rate is so large that every step goes too far.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=30.0)
        >>> x, y = torch.randn(32, 64), torch.arange(32) % 10
        >>> print(glorot.check(model, x, y, optimizer=optimizer, steps=5, select="GL507").findings[0].why)
        does not fall in 5 steps on one batch

    What to do:
        Ask which parameters the optimizer holds (GL108) and whether they get a gradient (GL501); then try a rate that
        is ten times smaller. None of 225 runs of 45 healthy models with usual optimizers is warned of:
        benchmarks/results/first_steps.md.
    """

    code = "GL507"
    name = "loss-not-falling"
    threshold = MOST
    needs = ("steps",)
    explained_by = ("GL508",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        steps = evidence.steps or ()
        if len(steps) <= FEWEST or steps[0] == 0 or any(map(warms_up, evidence.groups or ())):
            return
        found = figure(steps)
        if not found < self.limit(evidence) - ROUNDING:
            yield self.finding(
                "loss",
                f"does not fall in {len(steps) - 1} steps on one batch",
                figure=found,
                expected="less than its start after 5 steps",
                remedy="see whether the optimizer holds the model's parameters, and try a rate ten times smaller",
            )


def figure(steps: Sequence[float]) -> float:
    """Return the lowest loss after a step, over that before the first, however far below zero that may be."""
    return 1 + (min(steps[1:]) - steps[0]) / abs(steps[0])


def warms_up(group: Group) -> bool:
    """Tell whether the rate of a group is meant to be small at first, or zero."""
    rate = float(group.options.get("lr", 1.0))
    return rate == 0 or rate < float(group.options.get("initial_lr", 0.0))
