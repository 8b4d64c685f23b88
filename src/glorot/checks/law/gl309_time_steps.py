"""GL309: the time steps and rates of state spaces."""

import math
import re
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.looks import is_centred
from glorot.inventory import Part

SLOWEST, FASTEST = 1e-4, 0.2
"""Within this the median step lies; Mamba and S4 spread steps over [0.001, 0.1]."""

NAMED = re.compile(r"(^|[._])(dt|delta|time_?step)([._]|$)|dt_(proj|bias)", re.IGNORECASE)
"""Names of shifts of steps, where no rate of a state space shows what a softplus is for."""

ALIKE = 1.05
"""The ratio of the largest and the smallest of several time scales up to which they are one."""

NOISE = 0.5
"""The std of logarithms of rates below which they are noise if it is around 0; those of 1 … 16 have 0.7 around 2."""

NARROW = 0.1
"""The std of logarithms of rates below which they are noise around whatever they lie at."""

FEWEST = 16
"""The fewest rates of which noise is told from a choice."""


class TimeSteps(Check):
    """The channels of a state space do not start at different, small time steps.

    What it does:
        Of biases whose softplus is the step of a state space, computes the steps: their median should lie within
        [0.0001, 0.2], and they should differ. The rates at which states decay should differ too, by more than the noise
        that a general routine draws over their logarithms.

        Setting: `time-steps = 0.2`, the largest median step.

    Why it matters:
        A state that decays at rate a by steps of Δ remembers about 1/(aΔ) elements. Mamba and S4 spread Δ over
        [0.001, 0.1], so that some channels remember a thousand elements and others ten. A bias of zero, which a general
        routine gives to every linear layer, means Δ = 0.69 for all: everything is forgotten after one or two elements.

    Example that fails:
        >>> import collections, glorot, torch
        >>> layers = dict(dt_proj=torch.nn.Linear(8, 256), dt=torch.nn.Softplus())
        >>> model = torch.nn.Sequential(collections.OrderedDict(layers))
        >>> _ = torch.nn.init.zeros_(model.dt_proj.bias)
        >>> print(glorot.check(model, torch.randn(4, 8), select="GL309").findings[0])
        GL309 warning: dt_proj.bias: gives far too large time steps and the same time step in all channels (0.6931,
        expected steps spread over 0.001 to 0.1)

    What to do:
        Draw Δ log-uniformly over [0.001, 0.1] and set the bias to Δ + log(1 − exp(−Δ)), whose softplus is Δ; exempt it
        from routines that zero biases, and from weight decay.
    """

    code = "GL309"
    name = "time-steps"
    threshold = FASTEST

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        fastest = self.limit(evidence)
        for part, values in evidence.parts():
            if values.size < 2 or values.dtype.kind != "f" or not np.isfinite(values).all():
                continue
            if _is_step(part):
                yield from self._steps(part, values, fastest)
            elif part.role == "state_rate" and (same := _one_rate(values.astype(np.float64))):
                yield self.finding(
                    part.name,
                    f"lets all states decay at {same}",
                    figure=float(np.exp(np.median(values.astype(np.float64)))),
                    expected="rates that differ, as from 1 to 16",
                    remedy="spread the rates: log(1 … states), as S4D and Mamba do",
                )

    def _steps(self, part: Part, values: Array, fastest: float) -> Iterator[Finding]:
        steps = np.logaddexp(0.0, values.astype(np.float64))
        median, alike = float(np.median(steps)), _are_alike(steps)
        if SLOWEST <= median <= fastest and not alike:
            return
        size = "large" if median > fastest else "small"
        off = "" if SLOWEST <= median <= fastest else f"far too {size} time steps"
        same = "the same time step in all channels" if alike else ""
        yield self.finding(
            part.name,
            f"gives {' and '.join(filter(None, (off, same)))}",
            figure=median,
            expected="steps spread over 0.001 to 0.1",
            remedy="set it to the inverse softplus of steps drawn log-uniformly over [0.001, 0.1]",
        )


def _is_step(part: Part) -> bool:
    """Tell whether the softplus of a vector is a time step: by the graph, or by its name where a softplus follows."""
    follows = part.role == "bias" and part.followed_by == "softplus"
    return part.role == "state_step" or (follows and NAMED.search(part.name) is not None)


def _one_rate(logarithms: Array) -> str:
    """Return in words that rates are one, or noise as of a general routine; "" where they are spread."""
    if _are_alike(np.exp(logarithms)):
        return "one rate"
    is_noise = logarithms.std() < NARROW or (logarithms.std() < NOISE and is_centred(logarithms))
    return "about one rate, for it holds noise" if is_noise and logarithms.size >= FEWEST else ""


def _are_alike(scales: Array) -> bool:
    return bool(scales.size > 1 and math.isfinite(float(scales.max())) and scales.max() <= ALIKE * scales.min())
