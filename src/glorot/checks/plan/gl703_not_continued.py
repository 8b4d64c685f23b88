"""GL703: weights that differ from those that they should continue."""

import math
from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.continuing import agree, continued, grown_rows, share_apart
from glorot.checks.evidence import Evidence

REDRAWN = 0.1
"""The share of the rows in common from which on they were drawn again; a few may be set anew on purpose."""


class NotContinued(Check):
    """A model should continue a checkpoint and holds other values.

    What it does:
        Compares each parameter and buffer with the tensor of the same name in the reference, up to the rounding of the
        coarser of the two dtypes; a prefix that all keys have, or lack, and the steps of wrappers are left out. Where
        the vocabulary has grown, the rows that both have are compared. Other keys that are missing or have another
        shape are GL106's.

    Why it matters:
        Loading may succeed, with an empty list of missing keys, and a later step write over it: a second init pass, a
        wrapper that builds its layers again, a head that is reset. Training then starts from nothing in the middle of a
        net that is trained, and spoils the rest.

    Example that fails:
        >>> import glorot, torch
        >>> saved = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> _ = model.load_state_dict(saved.state_dict())
        >>> _ = torch.nn.init.normal_(model[2].weight)
        >>> print(glorot.check(model, reference=saved.state_dict()).findings[0])
        GL703 error: 2.weight: differs from the reference, though the model should continue it (1, expected 0 of 4)

    What to do:
        Load the checkpoint after everything that initialises. A layer that is meant to start again belongs into a
        waiver: `waive={"GL703 head.*": "new classes"}`.
    """

    code = "GL703"
    name = "not-continued"
    severity = "error"
    needs = ("reference",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.reference is not None
        dtypes = {one.path: one.dtype for one in evidence.inventory.parameters}
        keys, grown = continued(evidence).keys, grown_rows(evidence)
        compared, different = 0, []
        for path, values in {**evidence.buffers, **evidence.weights}.items():
            if path not in keys:
                continue
            saved, dtype = evidence.reference[keys[path]], dtypes.get(path, "float32")
            if math.prod(saved.shape) == math.prod(values.shape):
                compared += 1
                if not agree(values, saved.reshape(values.shape), dtype):
                    different.append(path)
            elif path in grown:
                share = share_apart(values, saved, grown[path], dtype)
                if share > REDRAWN:
                    yield self._of_rows(path, share)
        if different:
            yield self.finding(
                different,
                "differs from the reference, though the model should continue it",
                remedy="load the reference after all else that writes weights, or waive what is meant to start again",
                figure=len(different),
                expected=f"0 of {compared}",
            )

    def _of_rows(self, path: str, share: float) -> Finding:
        return self.finding(
            path,
            "has more rows than the reference, and other numbers in those that both have",
            remedy="copy the rows of the reference into the first ones, and draw the new ones alone",
            figure=share,
            expected="0 of the rows in common",
            severity="warning",
        )
