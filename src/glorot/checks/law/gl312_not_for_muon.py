"""GL312: parameters that Muon is not made for."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from glorot.checks.base import NO_GROUPS, Check, Finding, Tested
from glorot.checks.evidence import Evidence
from glorot.checks.law.measures import parts_at
from glorot.inventory import Inventory

TABLES = ("embedding", "position", "token", "relative_bias", "padding")
"""The roles of tables whose rows are looked up or added."""


class NotForMuon(Check):
    """An embedding, a head or a vector is trained by Muon.

    What it does:
        Finds embeddings, heads and parameters without two axes in the groups of a Muon optimiser.

    Why it matters:
        Muon makes every update orthogonal, with all singular values alike. For a hidden matrix that is the steepest
        step in its norm. In an embedding it gives rows of rare words, whose gradient is nearly zero, steps as large as
        those of all others. Its authors leave embeddings, heads and vectors to AdamW.

    Example that fails:
        >>> import glorot, torch
        >>> hidden, head = torch.nn.Linear(32, 32, bias=False), torch.nn.Linear(32, 64, bias=False)
        >>> model = torch.nn.Sequential(torch.nn.Embedding(64, 32), hidden, head)
        >>> tokens, muon = torch.arange(8)[None], torch.optim.Muon(model.parameters())
        >>> print(glorot.check(model, tokens, optimizer=muon, select="GL312").findings[0])
        GL312 warning: 0.weight, 2.weight: are no hidden matrices and trained by Muon, which is for those alone

    What to do:
        Group by role and not by the number of axes: embeddings, heads and vectors by AdamW, all other matrices by Muon.
    """

    code = "GL312"
    name = "not-for-muon"
    needs = ("groups",)
    not_on: ClassVar[Mapping[str, str]] = {"jax": NO_GROUPS}

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        for group in evidence.groups or ():
            if "muon" not in group.optimizer.lower() or not group.options.get("use_muon", True):
                continue
            found = [path for path in group.paths if _is_unfit(evidence.inventory, path)]
            if found:
                yield self.finding(
                    found,
                    f"{'is no hidden matrix' if len(found) == 1 else 'are no hidden matrices'} and trained by "
                    f"{group.optimizer}, which is for those alone",
                    remedy="train embeddings, heads and vectors by AdamW",
                )


def _is_unfit(inventory: Inventory, path: str) -> bool:
    """Tell whether a parameter is a table, a vector, or the head of a model that has other kernels."""
    parts = parts_at(inventory, path)
    is_head = any(part.purpose == "head" for part in parts)
    is_deep = any(part.role == "kernel" and part.purpose != "head" for part in inventory.parts)
    is_vector = bool(parts) and all(len(part.shape) < 2 for part in parts)
    return is_vector or (is_head and is_deep) or any(part.role in TABLES for part in parts)
