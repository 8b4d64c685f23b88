"""GL314: vectors under weight decay."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from glorot.checks.base import NO_GROUPS, Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import parts_at

ROLES = ("bias", "forget_bias", "scale", "shift", "temperature", "state_rate", "state_step", "sink", "slope")
"""The roles for which 0 is not the value that means nothing, or whose size costs nothing."""


class Decayed(Check):
    """Biases, norm scales or the rates of state spaces are under weight decay.

    What it does:
        Finds biases, scales, temperatures, and the rates and steps of state spaces in groups of an optimiser whose
        weight decay is not 0. It is a note, for it is what an optimiser does that is given all parameters.

    Why it matters:
        Weight decay pulls towards 0. For a norm's scale that is where nothing passes, for the step of a state space it
        is softplus(0) = 0.69, where nothing is remembered. Biases do not need it. Recipes for transformers let matrices
        alone decay.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.LayerNorm(8))
        >>> adam = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
        >>> print(glorot.check(model, optimizer=adam, select="GL314").findings[0])
        GL314 note: 0.bias, 1.weight, 1.bias: decay towards 0, without need (0.1, expected a weight decay of 0)

    What to do:
        Put what has fewer than two axes into a group with weight_decay=0.
    """

    code = "GL314"
    name = "decayed-vectors"
    severity = "note"
    needs = ("groups",)
    not_on: ClassVar[Mapping[str, str]] = {"jax": NO_GROUPS}

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for group in evidence.groups or ():
            decay = float(group.options.get("weight_decay") or 0)
            found = [
                path
                for path in group.paths
                if any(part.role in ROLES and len(part.shape) < 2 for part in parts_at(evidence.inventory, path))
            ]
            if decay > 0 and found:
                yield self.finding(
                    found,
                    f"decay{'s' * (len(found) == 1)} towards 0, without need",
                    figure=decay,
                    expected="a weight decay of 0",
                    remedy="put biases, scales and other vectors into a group with weight_decay=0",
                )
