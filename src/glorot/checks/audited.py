"""The report of an audit: what an init function wrote, with the tensors to blame first."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from glorot.checks.evidence import Evidence
from glorot.checks.report import Report
from glorot.checks.running import run
from glorot.inventory import Inventory
from glorot.inventory.written import STATES, Lost, Written, WrittenModel
from glorot.markup import html_table
from glorot.text import counted, shape_text, table


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
        return f"{self.call}: of {counted(len(self.tensors), 'tensor')} {told}{rest}. Built {self.built}"

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
    report = run(Evidence(Inventory("torch", ()), {}, audit=found))
    return Audit(**vars(report), **found._asdict())
