"""GL104: tables that should be computed, and hold something else."""

import re
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence

POSITIONS = re.compile(
    r"(^|[._])(pos|position|positions|positional|pe)(_|$|\.)|pos(ition(al)?)?_?(emb|enc|table)|sinus", re.I
)
"""Names of tables with a row for each position."""

SMOOTHEST_NOISE = 0.1
"""Neighbouring rows of sinusoids correlate by more than .5 in the mean of their columns, those of noise by 0 ± .1."""

ROWS, COLUMNS = 16, 4
"""Smaller tables do not show how they were made."""

LEAST_FREQUENCIES = 8
"""Fewer frequencies may be in any order."""

UNEVEN = 0.1
"""How far cos² + sin² may vary, relative to its mean: half precision makes it .01."""

REMEDY = "compute it again as its module's constructor does, after to_empty and after any init that draws all weights"


class ComputedTable(Check):
    """A table that its name says is computed holds zeros, noise, or what lay in memory.

    What it does:
        Compares buffers and frozen parameters with what their names promise: cos² + sin² is the same everywhere;
        inverse frequencies are positive and fall; position ids count up; rows of a table of positions change little
        from each to the next.

    Why it matters:
        Such tables are not trained and often in no checkpoint, so a wrong one stays wrong: rotary embeddings that do
        not turn, positions that say nothing. It happens where a model is built on the meta device, and where an init
        that draws all weights also draws over a frozen table.

    Example that fails:
        >>> import glorot, torch
        >>> model = torch.nn.Module()
        >>> model.register_buffer("inv_freq", torch.zeros(32), persistent=False)
        >>> print(glorot.check(model, select="GL104").findings[0])
        GL104 error: inv_freq holds zeros alone where frequencies are expected

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
        yield from self._of_positions(evidence)

    def _of_positions(self, evidence: Evidence) -> Iterator[Finding]:
        """Look at the tables of positions that are not trained, or whose class computes them."""
        tables = [(path, values, "") for path, values in evidence.buffers.items() if POSITIONS.search(path)]
        for parameter in evidence.inventory.parameters:
            layer = parameter.parts[0].layer if parameter.parts else ""
            is_computed = "sinus" in layer.lower()
            is_table = is_computed or POSITIONS.search(".".join(parameter.path.split(".")[-2:]))
            if parameter.path in evidence.weights and is_table and (parameter.frozen or is_computed):
                tables.append((parameter.path, evidence.weights[parameter.path], layer))
        for path, values, layer in tables:
            smooth = _smoothness(values)
            if smooth < SMOOTHEST_NOISE:
                yield self.finding(
                    path,
                    "is not trained and holds noise where a table of positions is expected",
                    remedy=REMEDY,
                    figure=smooth,
                    expected="neighbouring rows that correlate",
                    severity="warning",
                    where=layer,
                )


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


def _smoothness(values: Array) -> float:
    """Return how neighbouring rows of a table correlate, on the average of its columns; 1 where that says nothing.

    Mean over columns of Σ xₙ xₙ₊₁ / Σ xₙ², of centred x
    """
    rows, columns = values.shape[-2:] if values.ndim > 1 else (1, values.size)
    if values.dtype.kind != "f" or values.size != rows * columns or rows < ROWS or columns < COLUMNS:
        return 1.0
    table = values.reshape(rows, columns)
    centred = table.astype(np.float64)
    centred = centred - centred.mean(axis=0)
    squares = (centred**2).sum(axis=0)
    varies = squares > 0
    if not varies.any() or not np.isfinite(squares).all():
        return 1.0
    along = (centred[1:] * centred[:-1]).sum(axis=0)
    return float(np.mean(along[varies] / squares[varies]))
