"""GL504: a role whose gradient is out of proportion to that of the other kernels."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.batches import cause_in_batch
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import Measured, measured
from glorot.checks.trends import trends

READ = ("kernel", "recurrent", "embedding", "position", "token", "scale")
"""The roles whose parts have a size that a gradient can be compared with; layer scales and temperatures start small."""

KERNELS = ("kernel", "recurrent")

FEWEST = 3
"""The fewest kernels that are compared with: of fewer, the median means little."""

CLOSED = 0.1
"""The scale below which a branch is almost closed at the start, which is intended and makes its gradients small."""

TIMES = 3.0
"""How many times the largest figure of healthy models a figure may be."""

LARGEST = {"scale": 12.0, "logits": 50.0, "branch": 100.0, "router": 200.0, "end": 3500.0}
"""The largest figures of half A of benchmarks/results/gradient_population.md, rounded up."""

SCALES = ("scale", "layer_scale", "temperature", "relative_bias")
ENDS = ("head", "kernel", "shortcut", "recurrent", "embedding", "position", "token")
"""The ends of a model, and kernels of unknown purpose: their figures vary the most."""


class Relative(NamedTuple):
    """The gradient of a parameter, compared with its weights.

    Attributes:
        path: the path of the parameter.
        role: the purpose of its layer, or else its role; with several parts, all different ones.
        is_kernel: whether it multiplies a signal by a matrix.
        gradient: the root mean square of its gradient.
        weight: the root mean square of its weights; both of the weights as the signal meets them, times the constant
            that their layer multiplies them by.
    """

    path: str
    role: str
    is_kernel: bool
    gradient: float
    weight: float

    @property
    def ratio(self) -> float:
        """The relative change that one step of plain descent makes at a rate of 1."""
        return self.gradient / self.weight


class RoleGradient(Check):
    """The gradient of one role is out of proportion to that of the other kernels.

    What it does:
        Divides, for each parameter, the root mean square of the gradient by that of the weights: the relative change
        that one step of plain descent makes at a rate of 1. Compares the median of each role (embedding, head, q, v,
        router, norm scale …) with the median of all kernels. Warns of a role whose ratio is more than 3 times the
        largest in 250 models of transformers: 12 for scales, 50 for q and k, 100 for other kernels of branches, 200 for
        routers, 3,500 for the ends of a model. Layer scales, relative biases and temperatures, which start
        small on purpose, are left out. Does not judge a model in which the gradient vanishes or explodes along a
        chain, or in which branches start closed, nor by a batch that stops gradients itself.

        Setting: `role-gradient = 3`, how many times the largest figure of healthy models.

    Why it matters:
        One rate then cannot serve both: where plain descent hardly moves the kernels, it replaces this role's start in
        one step, and a clipped gradient consists of this role alone. The usual causes are weights far smaller than
        their fans ask for, and logits without their factor 1/√d.

    Example that fails:
        >>> import glorot, torch
        >>> _ = torch.manual_seed(0)
        >>> layers = [layer for _ in range(4) for layer in (torch.nn.Linear(32, 32), torch.nn.LayerNorm(32))]
        >>> model = torch.nn.Sequential(torch.nn.Embedding(64, 32), torch.nn.LayerNorm(32), *layers)
        >>> _ = torch.nn.init.normal_(model[0].weight, std=1e-4)
        >>> tokens = torch.arange(64).view(4, 16)
        >>> finding = glorot.check(model, tokens, select="GL504").findings[0]
        >>> print(finding.path, finding.why)
        0.weight gets a gradient, as embedding, that is out of proportion to its weights

    What to do:
        Draw the tensors at the scale of their fans, or scale the logits that they make by 1/√d. If the start is meant,
        give the role a group with a lower rate: `glorot.torch.groups(plan, model)`.

    References:
        The population: benchmarks/gradient_population.py. Half A, 250 models, sets the figures; half B, 256 others,
        reaches at most 1.53 times them. Three models are warned of, which start tensors with a std of 1e-10, 1e-4 or 1.
    """

    code = "GL504"
    name = "role-gradient"
    threshold = TIMES
    mended_by_drawing = True
    needs = ("observed", "signal")

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        times = self.limit(evidence)
        if is_told_otherwise(evidence):
            return
        for role, (rows, figure) in roles(list(read(evidence))).items():
            most = times * LARGEST[kind_of(rows[0])]
            if figure > most:
                yield self.finding(
                    [one.path for one in rows],
                    f"gets a gradient, as {role}, that is out of proportion to its weights",
                    figure=figure,
                    expected=f"at most {most:g} times that of the median kernel",
                    remedy="draw it at the scale of its fans, scale its logits by 1/√d, or lower its rate",
                )


def read(evidence: Evidence) -> Iterator[Relative]:
    """Yield the gradient of each parameter that has one, compared with its weights."""
    spreads = measured(evidence)
    for parameter in evidence.inventory.parameters:
        reading = evidence.observed.weights.get(parameter.path) if evidence.observed is not None else None
        parts = [spreads[part.name] for part in parameter.parts if part.role in READ and part.name in spreads]
        weight = math.sqrt(sum(map(_square_sum, parts)) / max(sum(one.spread.size for one in parts), 1))
        if reading is not None and weight > 0 and 0 < reading.second_moment < math.inf:
            names = dict.fromkeys(one.part.purpose or one.part.role for one in parts)
            is_kernel, factor = parts[0].part.role in KERNELS, abs(parts[0].factor)
            gradient = math.sqrt(reading.second_moment) / factor
            yield Relative(parameter.path, " and ".join(names), is_kernel, gradient, weight * factor)


def roles(rows: list[Relative]) -> dict[str, tuple[list[Relative], float]]:
    """Return, by role, its parameters and their median ratio over that of all kernels; {} for too few kernels."""
    kernels = [one.ratio for one in rows if one.is_kernel]
    if len(kernels) < FEWEST:
        return {}
    found: dict[str, list[Relative]] = defaultdict(list)
    for one in rows:
        found[one.role].append(one)
    usual = statistics.median(kernels)
    return {role: (some, statistics.median(one.ratio for one in some) / usual) for role, some in found.items()}


def kind_of(row: Relative) -> str:
    """Return the row of LARGEST that a parameter belongs to."""
    names = row.role.removeprefix("expert ").split(" and ")
    if names[0] in SCALES:
        return "scale"
    if names[0] in ENDS:
        return "end"
    if names[0] == "router":
        return "router"
    return "logits" if names[0] in ("q", "k") and "v" not in names else "branch"


def _square_sum(one: Measured) -> float:
    return one.spread.size * (one.spread.std**2 + one.spread.mean**2)


def is_told_otherwise(evidence: Evidence) -> bool:
    """Tell whether gradients vanish or explode along a chain, branches start closed, or the batch is to blame."""
    scales = [one for one in measured(evidence).values() if one.part.role in SCALES and one.part.branch is not None]
    if any(_square_sum(one) < CLOSED**2 * one.spread.size for one in scales) or cause_in_batch(evidence) is not None:
        return True
    ways = ((0.01, 0.8), (100.0, 1.25))
    return any(next(trends(evidence, lambda step: step.gradient_std, *way, back=True), None) for way in ways)
