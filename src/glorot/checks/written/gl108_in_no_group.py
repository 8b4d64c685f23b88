"""GL108: parameters that no optimizer trains."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from glorot.checks.base import NO_GROUPS, Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.groups import groups_by_path, trained


class InNoGroup(Check):
    """A parameter that wants gradients is in no group of any optimizer.

    What it does:
        Looks for parameters that are not frozen and that no group of the given optimizers holds.

    Why it matters:
        Its gradient is computed and never used: the parameter keeps its random start for ever, and nothing says so. It
        happens where groups are made by names, and a new layer has another name, or its group is never appended.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
        >>> optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
        >>> print(glorot.check(model, optimizer=optimizer, select="GL108").findings[0])
        GL108 warning: 1.weight, 1.bias: is trained by no optimizer

    What to do:
        Add it to a group of the optimizer. If it should stay as it is, say so with `requires_grad_(False)`.
    """

    code = "GL108"
    name = "in-no-group"
    severity = "warning"
    needs = ("groups",)
    not_on: ClassVar[Mapping[str, str]] = {"jax": NO_GROUPS}

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        groups = groups_by_path(evidence)
        for parameter in trained(evidence):
            if not groups[parameter.path]:
                yield self.finding(
                    parameter.path,
                    "is trained by no optimizer",
                    remedy="add it to a group of the optimizer, or freeze it with requires_grad_(False)",
                )
