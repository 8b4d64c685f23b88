"""GL404: activations that start saturated."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.chains import Seen, seen_steps, weight_of
from glorot.checks.evidence import Evidence

MOST = 0.25
"""The share of saturated elements from which a layer is found: 3 % at a variance of 1 before a tanh, 27 % at 4."""

BOUNDED = ("tanh", "sigmoid", "hard_sigmoid", "hard_tanh", "hardtanh", "hardsigmoid", "softsign", "erf", "arctan")
"""Activations that are flat on both sides; others have a flat side that is meant."""

MEANT = 0.5
"""The share of the signal in what enters an activation below which a bias holds it where it is, as a gate that starts
closed."""


class Saturated(Check):
    """Many units of a bounded activation start where it is flat.

    What it does:
        Counts, after each tanh, sigmoid and the like, the elements whose slope is below 5 % of the steepest. Found is a
        share above a quarter, where the signal itself reaches so far; what a bias holds closed, as the gates of many
        layers, is meant.

        Setting: `saturated = 0.25`, the largest share of saturated elements.

    Why it matters:
        A flat activation passes no gradient back, and its output says only on which side it is. The units leave it
        slowly, if at all, for the gradient that would free them is the one that is missing.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
        >>> _ = torch.nn.init.normal_(model[0].weight)
        >>> print(glorot.check(model, torch.randn(64, 64), select="GL404").findings[0])
        GL404 warning: 0.weight: drives most of tanh to where it is flat (0.7903, expected about 0.03, at most 0.25)

    What to do:
        Draw the kernel before it by its fans, as Xavier's law does, and scale inputs to a variance of about 1.

    References:
        Glorot & Bengio (2010), section 3.
    """

    code = "GL404"
    name = "saturated"
    threshold = MOST
    mended_by_drawing = True
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        most = self.limit(evidence)
        before = {one.point.value: one for one in seen_steps(evidence)}
        for one in seen_steps(evidence):
            fed = before.get(-1 if one.point.of is None else one.point.of)
            if one.step.is_output or not one.step.saturated > most or not _is_bounded(one):
                continue
            if fed is None or not fed.step.std_across > MEANT * math.sqrt(fed.step.second_moment):
                continue
            yield self.finding(
                weight_of(evidence, one.point),
                f"drives most of {one.step.name.rpartition('→')[2].strip()} to where it is flat",
                figure=one.step.saturated,
                expected=f"about 0.03, at most {most:g}",
                remedy="draw it by its fans, as Xavier's law does, or scale what enters it",
            )


def _is_bounded(one: Seen) -> bool:
    return one.step.name.rpartition("→")[2].strip().partition("(")[0] in BOUNDED
