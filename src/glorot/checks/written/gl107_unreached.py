"""GL107: layers that the batch never reaches."""

import functools
from collections.abc import Iterator

import numpy as np

from glorot.checks.alike.followers import follower_of
from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.inventory import Part, runs


class Unreached(Check):
    """A trained parameter takes no part in what the model computes of the batch.

    What it does:
        Looks for trained parameters that no step of the graph uses and that get no gradient. Copies of others in
        networks that follow another one ("target", "ema", "teacher" in their path) are let pass.

    Why it matters:
        Such a parameter is never trained, though it is in memory, in the optimizer and in every checkpoint; weight
        decay alone moves it, and data-parallel training waits for its gradient. Mostly a layer was built and its call
        forgotten, or it is called by another name. Heads that serve another task, and experts that this batch is not
        routed to, are as they should be.

    Example that fails:
        >>> import glorot, torch
        >>> class Net(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.used, self.forgotten = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
        ...     def forward(self, x):
        ...         return self.used(x)
        >>> print(glorot.check(Net(), torch.randn(8, 4), select="GL107").findings[0])
        GL107 warning: forgotten.weight, forgotten.bias: is not reached by the batch, so nothing trains it

    What to do:
        Call the layer in `forward`, take it out, or freeze it with `requires_grad_(False)`.
    """

    code = "GL107"
    name = "unreached"
    severity = "warning"
    needs = ("observed",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.observed is not None
        trained = [one for one in evidence.inventory.parameters if not one.frozen and one.tied_to is None]
        known = evidence.observed.weights
        is_copy = functools.cache(functools.partial(_is_copy, evidence))
        for parameter in trained:
            parts = [part for part in parameter.parts if not runs(part.role)]
            if not parts or parameter.path in known or any(_is_reached(part) for part in parts):
                continue
            network = follower_of(parameter.path, frozen=False)
            if network is not None and is_copy(network):
                continue
            is_expert = "expert" in parameter.path or any(part.purpose.startswith("expert") for part in parts)
            yield self.finding(
                parameter.path,
                "is not reached by the batch, so nothing trains it",
                remedy="call the layer, take it out, or freeze it",
                severity="note" if is_expert else None,
            )


def _is_reached(part: Part) -> bool:
    return part.seen or part.way is not None


def _is_copy(evidence: Evidence, network: str) -> bool:
    """Tell whether what varies in a network is all copied from another one, which it follows."""
    own = [
        one for path, one in evidence.weights.items() if path.startswith(f"{network}.") and np.any(one != one.flat[:1])
    ]
    others = [one for path, one in evidence.weights.items() if follower_of(path, frozen=False) is None]
    return bool(own) and all(any(np.array_equal(one, other) for other in others) for one in own)
