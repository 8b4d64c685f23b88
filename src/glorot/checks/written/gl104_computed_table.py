"""GL104: tables that should be computed, and hold something else."""

import re
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence

POSITIONS = re.compile(r"(^|[._])(pos|pe)([._]|$)|pos(ition(al)?)?_?(emb|enc|table)|sinus", re.IGNORECASE)
"""Names of tables with a row for each position; of those that hold noise GL313 tells."""

ROWS = 8
"""Smaller tables may be anything."""

LEAST_FREQUENCIES = 8
"""Fewer frequencies may be in any order."""

UNEVEN = 0.1
"""How far cos² + sin² may vary, relative to its mean: half precision makes it .01."""

REMEDY = "compute it again as its module's constructor does, after to_empty and after any init that draws all weights"


class ComputedTable(Check):
    """A table that its name says is computed holds zeros, noise, or what lay in memory.

    What it does:
        Compares buffers and frozen parameters with what their names promise: cos² + sin² is the same everywhere;
        inverse frequencies are positive and fall; position ids are positions; a table of positions is not all zero.

    Why it matters:
        Such tables are not trained and often in no checkpoint, so a wrong one stays wrong: rotary embeddings that do
        not turn, positions that say nothing. It happens where a model is built on the meta device, and where an init
        that draws all weights also draws over a frozen table.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Module()
        >>> model.register_buffer("inv_freq", torch.zeros(32), persistent=False)
        >>> print(glorot.check(model, select="GL104").findings[0])
        GL104 error: inv_freq: holds zeros alone where frequencies are expected

    What to do:
        Compute the table again after `to_empty`, or build the model under `glorot.torch.deferred()`. A frozen table is
        left alone by glorot's own recipes; keep it out of an init of your own.
    """

    code = "GL104"
    name = "computed-table"
    severity = "error"

    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        tables = {path: values for path, values in evidence.buffers.items() if values.size}
        for path, values in tables.items():
            why = _fault(path, values, tables)
            if why:
                yield self.finding(path, why, remedy=REMEDY)
        frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
        fixed = {path: values for path, values in evidence.weights.items() if path in frozen}
        for path, values in (tables | fixed).items():
            is_table = values.ndim > 1 and values.shape[-2] >= ROWS and values.dtype.kind == "f"
            named = ".".join(path.split(".")[-2 if path in fixed else -1 :])
            if is_table and POSITIONS.search(named) and not values.any():
                why = "is not trained and holds zeros alone where a table of positions is expected"
                yield self.finding(path, why, remedy=REMEDY, severity="warning")


def _fault(path: str, values: Array, tables: dict[str, Array]) -> str:
    """Return what is wrong with a buffer, by what its name says; "" for nothing."""
    name = path.rpartition(".")[2].lower()
    words = set(name.split("_"))
    if values.dtype.kind in "iu":
        return _fault_of_ids(values) if name == "position_ids" else ""
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return ""
    if (words & {"inv", "inverse"} and words & {"freq", "freqs", "frequency", "frequencies"}) or name == "freqs":
        return _fault_of_frequencies(values)
    if words & {"cos", "cosine", "sin", "sine"} and values.size > 1:
        if not values.any():
            return "holds zeros alone where cosines and sines are expected"
        other = tables.get(_partner(path))
        if other is not None and other.shape == values.shape and other.dtype.kind == "f":
            total = values.astype(np.float64) ** 2 + other.astype(np.float64) ** 2
            if not total.max() - total.min() <= UNEVEN * total.mean():
                return "holds no cosines and sines: their squares do not add up to the same everywhere"
    return ""


def _partner(path: str) -> str:
    head, dot, name = path.rpartition(".")
    swapped = re.sub(r"cos|sin", lambda found: "sin" if found[0] == "cos" else "cos", name)
    return f"{head}{dot}{swapped}"


def _fault_of_frequencies(values: Array) -> str:
    if not values.any():
        return "holds zeros alone where frequencies are expected"
    if values.ndim != 1 or values.size < LEAST_FREQUENCIES:
        return ""
    if (values < 0).any():
        return "holds negative numbers where frequencies are expected"
    steps = np.diff(values)
    return "" if max((steps <= 0).mean(), (steps >= 0).mean()) > 0.75 else "holds noise where frequencies are expected"


def _fault_of_ids(values: Array) -> str:
    if values.size > 1 and not values.any():
        return "holds zeros alone where positions are expected"
    if values.min() < -1 or values.max() > 1000 + 10 * values.size:
        return "holds numbers that are no positions"
    return ""
