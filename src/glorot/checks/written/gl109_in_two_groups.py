"""GL109: parameters that are trained twice."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from glorot.checks.base import NO_GROUPS, Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.groups import groups_by_path, trained


class InTwoGroups(Check):
    """A parameter is in two groups, and so takes two steps at a time.

    What it does:
        Looks for parameters that more than one group of the given optimizers holds.

    Why it matters:
        Each step moves it twice, by two rates and with two memories of its gradients, and weight decay counts twice.
        One optimizer refuses this; two do not know of each other.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Linear(4, 4)
        >>> both = [torch.optim.SGD(model.parameters(), lr=0.1), torch.optim.AdamW([model.bias])]
        >>> print(glorot.check(model, optimizer=both, select="GL109").findings[0])
        GL109 warning: bias: is in several groups: SGD and AdamW

    What to do:
        Take it out of one of them. Optimizers that take turns, as for two losses, may share a parameter: waive the
        finding with that reason.
    """

    code = "GL109"
    name = "in-two-groups"
    severity = "warning"
    needs = ("groups",)
    not_on: ClassVar[Mapping[str, str]] = {"jax": NO_GROUPS}

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        groups = groups_by_path(evidence)
        for parameter in trained(evidence):
            names = groups[parameter.path]
            if len(names) > 1:
                yield self.finding(
                    parameter.path,
                    f"is in several groups: {' and '.join(names)}",
                    remedy="take it out of all but one",
                )
