"""GL111: weights that lost their gradient."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import ClassVar

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.adapted import merged_in
from glorot.checks.looks import DRAWN
from glorot.inventory import Parameter

FEW = 0.25
"""Where a larger share of the kernels is frozen, freezing is the plan."""


class GradientLost(Check):
    """One weight is frozen in a layer that is trained.

    What it does:
        Looks for frozen weights whose own layer has a trained bias, in a model of which three quarters of the kernels
        are trained; and for frozen parameters in a group of an optimizer. Weights that an adapter changes are let pass.

        Setting: `gradient-lost = 0.25`, the largest share of frozen kernels that is not the plan.

    Why it matters:
        `requires_grad` is lost where a parameter is replaced by a tensor that was made under `no_grad`, or loaded into
        a new parameter with `requires_grad=False`. The layer then learns by its bias alone, and an optimizer skips what
        has no gradient without a word.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(5)])
        >>> _ = model[2].weight.requires_grad_(False)
        >>> print(glorot.check(model, select="GL111").findings[0])
        GL111 warning: 2.weight: is frozen, while the rest of its layer is trained

    What to do:
        `requires_grad_(True)`. If the weight is meant to stay, freeze its bias as well, or waive the finding.
    """

    code = "GL111"
    name = "gradient-lost"
    threshold = FEW
    severity = "warning"
    not_on: ClassVar[Mapping[str, str]] = {
        "jax": "an array of JAX does not say whether it is trained",
        "caffe": "a Caffe net says by its learning rates what is trained",
        "": "a file of weights does not say what is trained",
    }

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        layers: dict[str, list[Parameter]] = defaultdict(list)
        kernels = []
        for parameter in evidence.inventory.parameters:
            layers[parameter.path.rpartition(".")[0]].append(parameter)
            if _is_drawn(parameter):
                kernels.append(parameter)
        frozen = [one for one in kernels if one.frozen]
        adapted = {path for path, _ in merged_in(evidence)}
        if len(frozen) <= self.limit(evidence) * len(kernels):
            for one in frozen:
                beside = layers[one.path.rpartition(".")[0]]
                if one.path in adapted or any(map(_is_adapter, beside)):
                    continue
                if any(_is_bias(other) and not other.frozen for other in beside):
                    yield self.finding(
                        one.path,
                        "is frozen, while the rest of its layer is trained",
                        remedy="give it its gradient back: requires_grad_(True)",
                    )
        held = {path for group in evidence.groups or () for path in group.paths}
        for one in evidence.inventory.parameters:
            if one.frozen and one.path in held:
                yield self.finding(
                    one.path,
                    "is frozen, though an optimizer has it in a group",
                    remedy="give it its gradient back, or take it out of the group",
                    severity="note",
                )


def _is_drawn(parameter: Parameter) -> bool:
    return parameter.tied_to is None and any(part.role in DRAWN for part in parameter.parts)


def _is_bias(parameter: Parameter) -> bool:
    return any(part.role == "bias" for part in parameter.parts)


def _is_adapter(parameter: Parameter) -> bool:
    return any(part.purpose.startswith("adapter") for part in parameter.parts)
