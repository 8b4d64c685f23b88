"""GL405: units that answer alike to every example."""

from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.blame import bias_that_silences
from glorot.checks.chains import Seen, seen_steps, weight_of
from glorot.checks.evidence import Evidence
from glorot.graph import Folded
from glorot.graph.curves import POINTS
from glorot.graph.readings import Reading

MOST = 0.5
"""The share of dead units after an activation from which a layer is found."""

EXAMPLES = 8
"""Examples from which on a unit is called dead: of fewer, a ReLU is silent to all by chance too often."""


POSITIONS = 64
"""Positions, in all examples together, that count as much as those: neighbours are alike."""

UNKNOWN = "a function"
"""The end of the name of a step that is no known activation."""


class DeadUnits(Check):
    """After an activation, most units answer alike to every example.

    What it does:
        Counts, after each activation, the units whose output is the same for all examples of the batch at all
        positions, though what enters the activation differs. Found is a share above a half, of eight examples or more,
        or of fewer with 64 positions at which these units are all zero. The bias is blamed where it lies far enough
        below zero to be the reason.

        Setting: `dead-units = 0.5`, the largest share of dead units.

    Why it matters:
        A ReLU whose input is negative for every example has slope zero for all of them: its weights get no gradient and
        the unit stays dead. It happens where a bias starts far below zero, or inputs are all positive and weights are
        mostly negative.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        >>> _ = torch.nn.init.constant_(model[0].bias, -2.0)
        >>> print(glorot.check(model, torch.randn(64, 64), select="GL405").findings[0])
        GL405 warning: 0.bias: feeds relu, of which most units answer alike to all examples (1, expected at most 0.5)

    What to do:
        Start the bias before a ReLU at zero, center the inputs, and draw the weights around zero.

    References:
        Lu et al. (2020), "Dying ReLU and Initialization: Theory and Numerical Examples".
    """

    code = "GL405"
    name = "dead-units"
    threshold = MOST
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.observed is not None
        most = self.limit(evidence)
        before = {one.point.value: one for one in seen_steps(evidence)}
        for one in seen_steps(evidence):
            fed = before.get(-1 if one.point.of is None else one.point.of)
            if one.point.kind != "curve" or one.step.is_output or fed is None or not one.step.dead > most:
                continue
            reading = evidence.observed.values[one.point.value]
            is_void = _is_constant(evidence.observed.folded, one.point.value) or _is_unknown_zero(one, reading)
            if is_void or not _has_enough(reading, most) or fed.step.dead > one.step.dead / 2:
                continue
            yield self.finding(
                bias_that_silences(evidence, fed) or weight_of(evidence, one.point),
                f"feeds {one.step.name.rpartition('→')[2].strip()}, of which most units answer alike to all examples",
                figure=one.step.dead,
                expected=f"at most {most:g}",
                remedy="start the bias at zero, center the inputs, and draw the weights around zero",
            )


def _is_constant(folded: Folded, value: int) -> bool:
    """Tell whether a curve has one value wherever it is asked, as a gate of the first turn times a state of zeros."""
    return bool(np.ptp(folded.curve(value, folded.source[value])(POINTS * 1000)) == 0)


def _is_unknown_zero(one: Seen, reading: Reading) -> bool:
    """Tell whether a function that is no known activation makes nothing but zeros, as those of a state at its start."""
    return one.step.name.endswith(UNKNOWN) and reading.second_moment == 0


def _has_enough(reading: Reading, most: float) -> bool:
    """Tell whether there are enough examples, or enough positions of few that most units answer with nothing but 0."""
    examples, positions, _ = reading.sizes
    if examples >= EXAMPLES:
        return True
    is_silent = reading.sample is not None and bool((reading.sample == 0).all(axis=(0, 1)).mean() > most)
    return examples * positions >= POSITIONS and is_silent
