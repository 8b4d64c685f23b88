"""GL311: adapters that change their model before the first step, or never."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.adapted import magnitudes_in, updates_in
from glorot.checks.law.measures import measured

PURPOSES = ("adapter A", "adapter B")
"""The purposes of the two kernels of an adapter, in the order of execution."""

ADAPTERS = ("LoRA",)
"""Layers that are adapters, even where a framework does not say what is frozen."""

OFF = 0.05
"""How far a magnitude may be off the norms that it stands for: half precision rounds by a tenth of that."""


class Adapter(Check):
    """An adapter is not the no-op that it should start as.

    What it does:
        Looks at pairs of kernels, of layers or of convolutions, whose product is added to a frozen one, as LoRA's A and
        B. The second should be zero and the first not: found are adapters where both are drawn, and those where both
        are zero. A magnitude as of DoRA, which the frozen weight is set to the length of, should be its norms.

    Why it matters:
        An adapter starts from a trained model. With B drawn like A, it adds noise to every layer before the first step
        and throws away part of what was to be kept. With both zero, neither has a gradient, for each one's is
        multiplied by the other. A magnitude of ones scales each output by one over a norm.

    Example that fails:
        >>> import glorot, torch
        >>> class Lora(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.base = torch.nn.Linear(64, 64, bias=False).requires_grad_(False)
        ...         self.lora_A = torch.nn.Linear(64, 4, bias=False)
        ...         self.lora_B = torch.nn.Linear(4, 64, bias=False)
        ...     def forward(self, x):
        ...         return self.base(x) + self.lora_B(self.lora_A(x))
        >>> _ = torch.manual_seed(0)
        >>> print(glorot.check(Lora(), torch.randn(4, 64), select="GL311").findings[0])
        GL311 warning: lora_B.weight: is not zero, so that its adapter changes the model before the first step (0.2905,
        expected 0)

    What to do:
        Start B at zero and draw A, as LoRA does. Of an adapter that was trained already, waive this finding.
    """

    code = "GL311"
    name = "adapter-no-op"
    mended_by_drawing = True

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        rows = list(measured(evidence).values())
        is_frozen = any(parameter.frozen for parameter in evidence.inventory.parameters)
        rows = [one for one in rows if is_frozen or one.part.layer in ADAPTERS]
        firsts = [one for one in rows if one.part.purpose == PURPOSES[0]]
        for second in (one for one in rows if one.part.purpose == PURPOSES[1]):
            first = next((one for one in firsts if _feeds(one.part.path, second.part.source)), None)
            parameter = evidence.inventory.parameter(second.part.path)
            if first is None or (parameter is not None and parameter.frozen):
                continue
            if second.spread.largest > 0 and first.spread.largest > 0:
                yield self.finding(
                    second.part.name,
                    "is not zero, so that its adapter changes the model before the first step",
                    figure=math.hypot(second.spread.std, second.spread.mean),
                    expected="0",
                    remedy="start it at zero",
                )
            elif second.spread.largest == 0 and first.spread.largest == 0:
                yield self.finding(
                    [first.part.name, second.part.name],
                    "are both zero, so that neither has a gradient",
                    remedy="draw the first and leave the second at zero",
                    severity="error",
                )
        for weight, factors in updates_in(evidence):
            yield self.finding(
                factors,
                f"are all drawn, so that their product changes {weight} before the first step",
                remedy="start one of them at zero: B of a product B·A",
            )
        for one in magnitudes_in(evidence):
            if one.spread > OFF:
                yield self.finding(
                    one.path,
                    f"is not the norm of {one.weight}, so that its adapter changes the model before the first step",
                    figure=one.ratio,
                    expected="1 time the norm",
                    remedy="set it to the norms of the frozen weight once that is loaded",
                )


def _feeds(path: str, source: object) -> bool:
    return getattr(source, "of", path) in (path, "")
