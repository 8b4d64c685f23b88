"""GL104: tables that should be computed, and hold something else."""

import re
from collections.abc import Iterator

import numpy as np

from glorot.checks.base import Check, Finding, Tested
from glorot.checks.evidence import Array, Evidence
from glorot.graph import Graph
from glorot.graph.operations import Take

POSITIONS = re.compile(
    r"(^|[._])(pos|pe)([._]|$)|pos(ition(al)?)?_?(emb|enc|table)|sinus|relative_coords", re.IGNORECASE
)
"""Names of tables with a row for each position; of those that hold noise GL313 tells."""

ROTATIONS = re.compile(
    r"(^|_)(cis|rotations?)(_|$)|^(rope|rotary)(_(cache|table|emb|embed|freqs?))?$|^freqs$", re.IGNORECASE
)
"""Names of tables of rotations: complex numbers of one modulus, or pairs of a cosine and a sine."""

TURNING = re.compile(r"freq|cis|rot|rope|phas|twiddle|pos|(^|_)pe(_|$)", re.IGNORECASE)
"""Names of complex tables that zeros say nothing in, whatever their moduli are."""

INDEX = re.compile(
    r"(^|_)(index|indices|indexes|idxs?|inds?|perm(utation)?|lookup|buckets?|neighbou?rs)(_|$)|rel(ative)?_pos",
    re.IGNORECASE,
)
"""Names of tables of whole numbers that say which row of another table to read."""

KINDS = re.compile(r"type|segment|modal|(^|_)g_idx", re.IGNORECASE)
"""Names of whole numbers that are zero where there is one kind of tokens, or one group."""

NUMBERED = {"bfloat16": 256, "float16": 2048}
"""The whole numbers up to which all have a place in a format."""

DENSE = 0.4
"""The share of positions past there that take the place of their neighbour: of every two, and later more."""

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
        Compares buffers and frozen parameters with what their names promise: cos² + sin² is the same everywhere, and so
        are the moduli of complex rotations; inverse frequencies are positive and fall; position ids are positions; a
        table of positions, or one that indexes another, is not all zero. By their numbers alone it knows tables whose
        positions were counted in bfloat16, which has no 257, or in float16, which has no 2049.

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
        read = _zeros_read(evidence.inventory.graph)
        frozen = {one.path for one in evidence.inventory.parameters if one.frozen}
        fixed = {path: values for path, values in evidence.weights.items() if path in frozen and values.size}
        for path, values in (tables | {path: one for path, one in fixed.items() if one.dtype.kind == "c"}).items():
            if values.dtype.kind in "iu" and values.size > 1 and not values.any():
                yield from self._of_zeros(path, values, read)
                continue
            why = _fault(path, values, tables)
            if why:
                yield self.finding(path, why, remedy=REMEDY)
        for path, values in (tables | fixed).items():
            if values.dtype.kind not in "fc":
                continue
            named = ".".join(path.split(".")[-2 if path in fixed else -1 :])
            is_table = values.ndim > 1 and values.shape[-2] >= ROWS
            if is_table and POSITIONS.search(named) and not values.any():
                why = "is not trained and holds zeros alone where a table of positions is expected"
                yield self.finding(path, why, remedy=REMEDY, severity="warning")
        learned = {path: one for path, one in evidence.weights.items() if path not in fixed and POSITIONS.search(path)}
        for path, values in (tables | fixed | learned).items():
            if values.dtype.kind in "fc":
                yield from self._of_steps(path, values, tables)

    def _of_zeros(self, path: str, values: Array, read: set[int]) -> Iterator[Finding]:
        """Yield what is wrong with whole numbers that are all zero, by their use in the graph or else by their name."""
        name = path.rpartition(".")[2]
        is_named = INDEX.search(name) is not None
        is_read = values.size in read and (is_named or sum(length > 1 for length in values.shape) > 1)
        if name == "position_ids":
            yield self.finding(path, "holds zeros alone where positions are expected", remedy=REMEDY)
        elif (is_read or is_named) and not KINDS.search(name):
            why = "holds zeros alone where an index is expected, so that one row is read everywhere"
            yield self.finding(path, why, remedy=REMEDY, severity="error" if is_read else "warning")

    def _of_steps(self, path: str, values: Array, tables: dict[str, Array]) -> Iterator[Finding]:
        """Yield where a table gives positions the numbers of their neighbours, as counting in a coarse format does."""
        other = tables.get(_partner(path))
        pair = [values] if other is None or other.shape != values.shape else [values, other]
        for dtype, count in NUMBERED.items():
            share = _repeated(pair, count)
            if share > DENSE:
                yield self.finding(
                    path,
                    f"holds the same numbers for neighbouring positions from {count} on, as counting in {dtype} makes",
                    remedy="compute the table from positions in float32, and cast it after cosine and sine",
                    figure=share,
                    expected="another row for each position",
                    severity="warning",
                )


def _zeros_read(graph: Graph | None) -> set[int]:
    """Return the lengths of the constant indices of a graph that are zeros alone."""
    taken = [step.operation for step in graph.steps if isinstance(step.operation, Take)] if graph is not None else []
    return {len(one.index) for one in taken if one.index and len(one.index) > 1 and not any(one.index)}


def _repeated(pair: list[Array], count: int) -> float:
    """Return which share of the positions from a count on repeat their neighbour; 0 where earlier ones do as well.

    The fastest of the frequencies is compared, for slow ones change too little between neighbours in half precision.
    """
    tables = [np.squeeze(one) for one in pair]
    shape = tables[0].shape
    axis = next((axis for axis in (0, len(shape) - 2) if 0 <= axis < len(shape) and shape[axis] >= count + ROWS), None)
    if axis is None or len(shape) > 4:
        return 0.0
    rows = [np.moveaxis(one, axis, 0).reshape(one.shape[axis], -1) for one in tables]
    with np.errstate(invalid="ignore"):  # between infinities, as masks hold them
        fastest = int(np.abs(np.diff(rows[0][:ROWS], axis=0)).sum(axis=0).argmax())
    equal = np.all([one[1:, fastest] == one[:-1, fastest] for one in rows], axis=0)
    early, late = equal[: count - 3], equal[count - 3 :]
    is_tail = np.diff(late).sum() < ROWS // 2  # one row to the end, as of places without a position
    return 0.0 if early.any() or is_tail else float(late.mean())


def _fault(path: str, values: Array, tables: dict[str, Array]) -> str:
    """Return what is wrong with a buffer, by what its name says; "" for nothing."""
    name = path.rpartition(".")[2].lower()
    words = set(name.split("_"))
    if values.dtype.kind in "iu":
        return _fault_of_ids(values) if name == "position_ids" else ""
    if values.dtype.kind not in "fc" or not np.isfinite(values).all():
        return ""
    if values.dtype.kind == "c" or (ROTATIONS.search(name) and name != "freqs"):
        return _fault_of_rotations(name, values)
    if (words & {"inv", "inverse"} and words & {"freq", "freqs", "frequency", "frequencies"}) or name == "freqs":
        return _fault_of_frequencies(values)
    if words & {"cos", "cosine", "sin", "sine"} and values.size > 1:
        if not values.any():
            return "holds zeros alone where cosines and sines are expected"
        other = tables.get(_partner(path))
        if other is not None and other.shape == values.shape and other.dtype.kind == "f":
            total = values.astype(np.float64) ** 2 + other.astype(np.float64) ** 2
            if _is_uneven(total):
                return "holds no cosines and sines: their squares do not add up to the same everywhere"
    return ""


def _is_uneven(squares: Array) -> bool:
    return not squares.max() - squares.min() <= UNEVEN * squares.mean()


def _fault_of_rotations(name: str, values: Array) -> str:
    if values.size > 1 and not values.any() and (TURNING.search(name) or ROTATIONS.search(name)):
        return "holds zeros alone where rotations are expected"
    is_complex = values.dtype.kind == "c"
    if ROTATIONS.search(name) and values.size > 1 and (is_complex or (values.ndim > 2 and values.shape[-1] == 2)):
        squares = np.abs(values.astype(np.complex128 if is_complex else np.float64)) ** 2
        if _is_uneven(squares if is_complex else squares.sum(axis=-1)):
            return "holds no rotations: their moduli are not the same everywhere"
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
    if values.min() < -1 or values.max() > 1000 + 10 * values.size:
        return "holds numbers that are no positions"
    return ""
