"""GL113: tensors of a weights file that nothing wrote."""

from collections.abc import Iterator

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Evidence


class UnwrittenInFile(Check):
    """A tensor of a weights file holds what lay in memory when it was saved.

    What it does:
        Looks for NaN, infinity, huge and denormal numbers and repeated bytes in each tensor of a file, with no model at
        hand.

    Why it matters:
        A model that was built without memory and never wholly written saves without complaint, and loads without
        complaint. What follows is NaN in the first step, or a tensor that says something else on every machine.

    Example that fails:
        >>> import glorot, numpy as np, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.npz")
        >>> np.savez(path, scale=np.full((64, 64), 3e29, np.float32))
        >>> print(glorot.check(path).findings[0])
        GL113 error: scale: was never written: it holds values up to 3e+29

    What to do:
        Write the tensor in the model and save it again; `glorot.audit` says which init forgets it.
    """

    code = "GL113"
    name = "unwritten-in-file"
    severity = "error"
    needs = ("origins",)

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        assert evidence.origins is not None
        for origin in evidence.origins:
            if origin.verdict == "unwritten":
                yield self.finding(
                    origin.name,
                    f"was never written: {origin.because}",
                    remedy="write it in the model and save it again; glorot.audit says which init forgets it",
                )
