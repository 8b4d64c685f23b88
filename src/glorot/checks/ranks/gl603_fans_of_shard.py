"""GL603: weights drawn by the fans of a part."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence, part_of
from glorot.checks.law.measures import Spread, spread_of
from glorot.checks.looks import is_centred
from glorot.checks.ranks.shards import OnRanks, on_ranks
from glorot.fans import Fans
from glorot.inventory import Part

MATTERS = 1.05
"""A std that is off by less than this factor changes nothing that is seen."""

FEWEST = 256
"""Weights from which on a law can be told by its std."""

NEAR = 3.0
"""Standard errors within which a std is that of a law."""

LAWS = (
    ("Xavier's law", 1.0, "fan_avg"),
    ("LeCun's law", 1.0, "fan_in"),
    ("He's law", 2.0, "fan_in"),
    ("the default of torch", 1 / 3, "fan_in"),
    ("Xavier's law for relu", 2.0, "fan_avg"),
    ("Xavier's law for tanh", 25 / 9, "fan_avg"),
    ("He's law by fan_out", 2.0, "fan_out"),
    ("LeCun's law by fan_out", 1.0, "fan_out"),
)
"""Laws by fans that are in use: variance = factor/fan."""

STDS = (0.02, 0.01, 0.006, 0.05, 0.1, 1.0, 0.001)
"""Stds in use that no fan sets, and that no split changes."""


class FansOfShard(Check):
    """A split weight was drawn with the fans of each rank's part, not with those of the whole matrix.

    What it does:
        Where a parameter is split over the ranks along its inputs or outputs, as the shapes tell, compares the std of
        all its parts together with the common laws: that of the plan if there is one, or those of Xavier, LeCun, He and
        torch, by the fans of the whole and by those of the part.

        Setting: `fans-of-shard = 1.05`, the factor in std from which it matters.

    Why it matters:
        A rank that holds a quarter of the inputs draws twice too wide a weight by LeCun's law: the sum over all ranks
        has four times the variance that was meant. The start then depends on how many machines train the model.

    Example that fails:
        >>> import glorot, torch
        >>> layer = torch.nn.Linear(512, 32, bias=False)
        >>> parts = [torch.nn.init.xavier_normal_(part) for part in layer.weight.data.chunk(4, 1)]
        >>> report = glorot.check(layer, ranks=[{"weight": part.clone()} for part in parts], select="GL603")
        >>> print(report.findings[0].why)
        was drawn by Xavier's law with the fans of each rank's part

    What to do:
        Give the init the fans of the whole matrix. `glorot.plan` of the whole model takes them from there, and each
        rank then draws its part of the same numbers.
    """

    code = "GL603"
    name = "fans-of-shard"
    threshold = MATTERS
    severity = "warning"
    mended_by_drawing = True
    needs = ("ranks",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        planned = {} if evidence.plan is None else {entry.name: entry.distribution for entry in evidence.plan.entries}
        matters = self.limit(evidence)
        for one in on_ranks(evidence):
            if one.shards < 2 or one.axis is None or one.pieces[0].dtype.kind != "f":
                continue
            whole = one.whole
            for part in one.parameter.parts:
                fans = _fans_of_part(part, one)
                values = part_of(whole, part)
                if fans is None or values.size < FEWEST or not is_centred(values):
                    continue
                law = planned.get(part.name)
                yield self._tested(part, spread_of(values), fans, None if law is None else law.std, matters)

    def _tested(self, part: Part, spread: Spread, of_part: Fans, planned: float | None, matters: float) -> Tested:
        assert part.fans is not None
        usual = [_std(law, part.fans) for law in LAWS] + list(STDS) if planned is None else [planned]
        chance = max(spread.chance(std) for std in usual if std > 0) if any(std > 0 for std in usual) else 1.0
        for law in LAWS:
            std, right = _std(law, of_part), _std(law, part.fans)
            is_far = max(std / right, right / std) > matters
            if is_far and abs(spread.z(std)) <= NEAR:
                finding = self.finding(
                    part.name,
                    f"was drawn by {law[0]} with the fans of each rank's part",
                    remedy="draw it with the fans of the whole matrix: glorot.plan of the whole model does",
                    figure=spread.std / right,
                    expected="1 × the std by the fans of the whole",
                )
                return Tested(chance, finding)
        return Tested(chance)


def _fans_of_part(part: Part, one: OnRanks) -> Fans | None:
    """Return the fans of one rank's part, if the axis that is split is one of inputs or outputs."""
    assert one.axis is not None
    if part.role not in ("kernel", "recurrent") or part.fans is None:
        return None
    letter = _letter_at(part, one.axis, len(one.parameter.shape))
    if letter == "i":
        return Fans(part.fans.fan_in / one.shards, part.fans.fan_out)
    return Fans(part.fans.fan_in, part.fans.fan_out / one.shards) if letter == "o" else None


def _letter_at(part: Part, axis: int, count: int) -> str:
    """Return what a stored axis is in the part: "i", "o" …; "" where it is split or joined on the way."""
    view = part.view
    if view is None or (view.unfold is None and view.order is None):
        return part.axes[axis] if len(part.axes) == count else ""
    if view.unfold is None and view.order is not None and len(part.axes) == count:
        return part.axes[view.order.index(axis)]
    return ""


def _std(law: tuple[str, float, str], fans: Fans) -> float:
    _, factor, mode = law
    fan = {"fan_in": fans.fan_in, "fan_out": fans.fan_out, "fan_avg": (fans.fan_in + fans.fan_out) / 2}[mode]
    return math.sqrt(factor / fan)
