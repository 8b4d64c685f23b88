"""GL703: weights that differ from those that they should continue."""

import math
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.checks.plan.following import rounding_of


class NotContinued(Check):
    """A model should continue a checkpoint and holds other values.

    What it does:
        Compares each parameter and buffer with the tensor of the same name in the reference, up to the rounding of the
        coarser of the two dtypes. Keys that are missing or have another shape are GL106's.

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
        compared, different = 0, []
        for path, values in {**evidence.buffers, **evidence.weights}.items():
            saved = evidence.reference.get(path)
            if saved is None or math.prod(saved.shape) != math.prod(values.shape):
                continue
            compared += 1
            if not _agree(values, saved.reshape(values.shape), rounding_of(dtypes.get(path, "float32"))):
                different.append(path)
        if different:
            yield self.finding(
                different,
                "differs from the reference, though the model should continue it",
                remedy="load the reference after all else that writes weights, or waive what is meant to start again",
                figure=len(different),
                expected=f"0 of {compared}",
            )


def _agree(values: Array, saved: Array, rounding: float) -> bool:
    """Tell whether two tensors are the same, up to the rounding of the dtypes that they were stored in."""
    if values.dtype.kind not in "fc" or saved.dtype.kind not in "fc":
        return bool(np.array_equal(values, saved))
    if np.array_equal(values, saved, equal_nan=True):
        return True
    one, other = (array.astype(np.float64) for array in (values, saved))
    coarsest = max(rounding, rounding_of(saved.dtype.name))
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= coarsest * np.abs(other) + np.finfo(np.float16).tiny * (rounding > 2.0**-20)
    return bool(np.all(near | (one == other) | (np.isnan(one) & np.isnan(other))))
