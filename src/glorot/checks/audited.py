"""The report of an audit: what an init function wrote, with the tensors to blame first."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from glorot.checks.base import Finding, Severity
from glorot.checks.report import Report
from glorot.checks.running import merge
from glorot.inventory.written import STATES, Lost, Written, WrittenModel
from glorot.markup import html_table
from glorot.text import shape_text, table

CODES: dict[str, tuple[str, Severity]] = {
    "GL191": ("wrote-into-temporary", "error"),
    "GL192": ("never-written", "error"),
    "GL193": ("written-while-empty", "error"),
    "GL194": ("written-from-raw-memory", "error"),
    "GL195": ("ties-parted", "warning"),
    "GL196": ("written-again", "note"),
    "GL197": ("read-before-written", "note"),
}
"""The codes of an audit: name and severity. The worst come first, and the cause before what follows from it."""


@dataclass(frozen=True, eq=False)
class Audit(Report):
    """What an init function did to each parameter and buffer of a model.

    Attributes:
        tensors: one for each parameter and buffer; tied ones count once.
        lost: writes into temporaries.
        skipped: (path, reason) of tensors that were not looked at.
        call: what was called, as code.
        built: how the model was built.
    """

    tensors: tuple[Written, ...] = ()
    lost: tuple[Lost, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    call: str = ""
    built: str = ""

    def __getitem__(self, path: str) -> Written:
        for one in self.tensors:
            if path == one.path or path in one.tied:
                return one
        raise KeyError(path)

    @property
    def verdict(self) -> str:
        """The answer in one line."""
        if not self.tensors:
            return "the model has no tensors that can be looked at, so nothing can be said"
        counts = Counter(one.state for one in self.tensors)
        told = ", ".join(f"{counts[state]} {text}" for state, text in STATES.items() if counts[state])  # type: ignore[index]
        rest = f"; {len(self.skipped)} not looked at" if self.skipped else ""
        count = f"{len(self.tensors)} tensor{'s' * (len(self.tensors) != 1)}"
        return f"{self.call}: of {count} {told}{rest}. Built {self.built}"

    def __str__(self) -> str:
        told = [f"not looked at: {path}, which {reason}" for path, reason in self.skipped]
        return "\n".join([super().__str__(), *told])

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        order = {state: rank for rank, state in enumerate(("raw", "empty", "never", "partly", "again", "once"))}
        head = ["path", "shape", "kind", "state", "times", "by"]
        rows = sorted(self.tensors, key=lambda one: order[one.state])
        return head, [
            [one.path, shape_text(one.shape), one.kind, STATES[one.state], str(one.times), "; ".join(one.writers)]
            for one in rows
        ]

    def table(self) -> str:
        """Return all tensors as a table, those that something is wrong with first."""
        return table(*self._rows())

    def _repr_html_(self) -> str:
        return f"{super()._repr_html_()}{html_table(*self._rows())}"

    def to_json(self) -> dict[str, Any]:
        """Return the audit as plain data, ready for JSON; NaN is null."""
        return {
            **super().to_json(),
            "call": self.call,
            "built": self.built,
            "tensors": [asdict(one) for one in self.tensors],
            "lost": [one._asdict() for one in self.lost],
            "skipped": [{"path": path, "reason": reason} for path, reason in self.skipped],
        }


def audited(found: WrittenModel) -> Audit:
    """Return the report of what an init function did."""
    findings = merge([*_of_lost(found), *(one for row in found.tensors for one in _of_row(row, found))])
    order = list(CODES)
    return Audit(
        findings=tuple(sorted(findings, key=lambda one: order.index(one.code))),
        looked_at=len(found.tensors),
        asked=tuple(CODES),
        tensors=found.tensors,
        lost=found.lost,
        skipped=found.skipped,
        call=found.call,
        built=found.built,
    )


def _finding(code: str, paths: tuple[str, ...], figure: float, why: str, remedy: str, where: str = "") -> Finding:
    name, severity = CODES[code]
    return Finding(code, name, severity, paths, figure, "", why, remedy, where)


def _of_lost(found: WrittenModel) -> Iterator[Finding]:
    for one in found.lost:
        why = f"is not what was written: {one.writer} wrote into a temporary ({one.made}), which nothing keeps"
        remedy = "write into the parameter itself or a view of it, under torch.no_grad(), or copy the result back"
        paths = tuple(dict.fromkeys([*filter(None, map(_computed, one.paths)), *one.paths]))
        if paths != one.paths:
            remedy = (
                f"{paths[0].rpartition('.')[2]} is computed each time it is asked for: write the tensors that are "
                "stored, or assign, module.weight = values; or start the layer before it is parametrized"
            )
        yield _finding("GL191", paths, len(one.paths), why, remedy)


def _computed(path: str) -> str:
    """Return the name of what is computed of a stored tensor; "" where it is used as it is."""
    before, mark, after = path.partition("parametrizations.")
    name, _, stored = after.rpartition(".")
    return before + name if mark and stored.startswith("original") else ""


def _of_row(row: Written, found: WrittenModel) -> Iterator[Finding]:
    blamed, elements = (row.path,), max(_count(row), 1)
    share = row.unwritten / elements
    if row.state in {"never", "partly"}:
        yield _finding("GL192", blamed, share, _why_unwritten(row, found, elements), _remedy_unwritten(row), row.layer)
    if row.state == "empty":
        why = f"was written while it was empty, by {_joined(row.writers)}: without elements, or on the meta device"
        yield _finding("GL193", blamed, 1.0, why, "give it memory before the init runs, or gather it first", row.layer)
    if row.state == "raw":
        source = f", first at {row.read_first}" if row.read_first else ""
        why = f"holds NaN made of memory that nothing had written{source}; it was written by {_joined(row.writers)}"
        yield _finding(
            "GL194", blamed, share, why, "write what is read first, or compute it of something else", row.layer
        )
    if row.parted:
        why = f"no longer shares its memory with {', '.join(row.parted)}, as it did when it was built"
        yield _finding(
            "GL195", blamed, len(row.parted), why, "tie them again after the init, or write in place", row.layer
        )
    if row.state == "again":
        why = f"is written {row.times} times over: {_joined(row.writers)}"
        yield _finding(
            "GL196", blamed, row.times, why, "keep the last of them; earlier ones only draw numbers", row.layer
        )
    if row.read_first and row.state in {"once", "again"}:
        why = f"is read before it is written, at {row.read_first}"
        yield _finding("GL197", blamed, 1.0, why, "see that nothing but its shape is used there", row.layer)


def _why_unwritten(row: Written, found: WrittenModel, elements: int) -> str:
    if row.state == "partly":
        told = f"is written in part by {found.call}: {row.unwritten} of {elements} elements are not"
    elif row.writers:
        told = f"was written ({_joined(row.writers)}) and then given other memory, which nothing writes"
    else:
        told = f"is never written by {found.call}"
    lost = f"; what its constructor gave it ({row.constructor}) is lost on meta" if row.constructor else ""
    kept = f": it keeps what its constructor gave it ({row.constructor})" if row.constructor else ": it is raw memory"
    return f"{told}: raw memory after to_empty(){lost}" if "meta" in found.built else f"{told}{kept}"


def _remedy_unwritten(row: Written) -> str:
    where = f"the branch of the init for {row.layer}"
    if row.kind.startswith("non-persistent"):
        return f"compute it again in {where}: no checkpoint holds it either"
    own = f", or call {row.layer}.reset_parameters() there" if row.constructor.endswith("in reset_parameters") else ""
    return f"write it in {where}{own}"


def _count(row: Written) -> int:
    total = 1
    for size in row.shape:
        total *= size
    return total


def _joined(writers: tuple[str, ...]) -> str:
    return "; ".join(writers[-3:])
