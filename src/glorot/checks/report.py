"""What `glorot.check` returns: findings, with what was looked at and what could not be."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from glorot.checks.base import SEVERITIES, Finding
from glorot.checks.file import REPORT
from glorot.checks.fixing import fix_of
from glorot.files import write_whole
from glorot.forensics.origin import Origins
from glorot.markup import html_table
from glorot.plans import Plan
from glorot.probe.bars import signal_chart
from glorot.probe.signal import Signal
from glorot.text import counted, json_lines, number, printable


class Unasked(NamedTuple):
    """A check that did not run, and why."""

    code: str
    name: str
    why: str


@dataclass(frozen=True, eq=False)
class Report:
    """The answer to whether a model will start to train.

    Attributes:
        findings: what is wrong, the worst first.
        looked_at: how many tensors were read.
        asked: the codes of the checks that ran.
        unasked: the checks that did not run, each with the reason.
        tests: how many statistical tests were made, over which one error rate holds.
        signal: the figures of the batch, where there was one.
        predicted: what theory expects of the model.
        waived: findings that were waived, each with the reason.
        known: how many findings the baseline knows already.
        origins: where the values of a weights file come from.
        notes: how what was looked at was come by.
        steps: the loss before the first step of training and after each, if some were taken.
    """

    findings: tuple[Finding, ...]
    looked_at: int
    asked: tuple[str, ...] = ()
    unasked: tuple[Unasked, ...] = ()
    tests: int = 0
    signal: Signal | None = None
    predicted: Signal | None = None
    waived: tuple[tuple[Finding, str], ...] = ()
    known: int = 0
    origins: Origins | None = None
    notes: tuple[str, ...] = ()
    steps: tuple[float, ...] | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found that cannot be meant, and something was looked at by a check."""
        return self.looked_at > 0 and bool(self.asked) and not any(one.severity == "error" for one in self.findings)

    @property
    def verdict(self) -> str:
        """The answer in one line."""
        if not self.looked_at:
            return "nothing was looked at, so nothing can be said"
        if not self.asked:
            return "no check ran, so nothing can be said"
        counts = Counter(one.severity for one in self.findings)
        told = [counted(counts[one], one) for one in SEVERITIES if counts[one]]
        found = ", ".join(told) or "nothing found"
        return f"{found} in {counted(self.looked_at, 'tensor')} by {counted(len(self.asked), 'check')}"

    @property
    def training(self) -> list[str]:
        """What became of the loss, as a line, where steps of training were taken."""
        if not self.steps:
            return []
        begin, end = (f"{one:.4g}" for one in (self.steps[0], self.steps[-1]))
        return [f"loss over {counted(len(self.steps) - 1, 'step')}: {begin} → {end}"]

    def fix(self, plan: Plan) -> Plan | None:
        """Return a plan that mends what drawing again can mend, and leaves everything else alone.

        Args:
            plan: what the tensors to blame should be drawn by: `glorot.plan(model)`, or the plan that was checked.

        Returns:
            The plan, for `glorot.apply`; None where drawing mends nothing.

        Example:
            >>> import glorot, torch
            >>> model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 8))
            >>> _ = torch.nn.init.normal_(model[0].weight)
            >>> fix = glorot.check(model).fix(glorot.plan(model))
            >>> [entry.name for entry in fix if entry.distribution is not None]
            ['0.weight']
            >>> glorot.check(glorot.apply(fix, model, seed=0)).findings
            ()
        """
        return fix_of(self.findings, plan).plan

    def __str__(self) -> str:
        lines = [line for one in self.findings for line in (str(one), f"      {printable(one.remedy)}")]
        lines += map(printable, [self.verdict, *self.notes, *self.training])
        if self.waived:
            lines.append(f"waived: {'; '.join(f'{one.code} {one.path}: {reason}' for one, reason in self.waived)}")
        if self.known:
            lines.append(f"{self.known} more are in the baseline")
        lines += [f"not asked: {line}" for line in self._reasons()]
        if self.signal is not None and (chart := signal_chart(self.signal.steps)):
            lines += ["", chart]
        if self.origins is not None:
            lines += ["", str(self.origins)]
        return "\n".join(lines)

    def _reasons(self) -> list[str]:
        """Return why checks did not run, those of one reason together."""
        by_reason: dict[str, list[str]] = {}
        for one in self.unasked:
            by_reason.setdefault(one.why, []).append(one.code)
        return [f"{', '.join(codes)}: {why}" for why, codes in by_reason.items()]

    def _repr_html_(self) -> str:
        head = ["code", "severity", "where", "what", "figure", "expected", "what to do"]
        rows = [
            [one.code, one.severity, one.path, one.why, number(one.figure), one.expected, one.remedy]
            for one in self.findings
        ]
        return f"<p>{self.verdict}</p>{html_table(head, rows) if rows else ''}"

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data, ready for JSON; NaN is null."""
        return {
            "format": REPORT.current,
            "ok": self.ok,
            "verdict": self.verdict,
            "looked_at": self.looked_at,
            "tests": self.tests,
            "asked": list(self.asked),
            "unasked": [one._asdict() for one in self.unasked],
            "findings": [_plain(one) for one in self.findings],
            "waived": [{**_plain(one), "reason": reason} for one, reason in self.waived],
            "known": self.known,
            "notes": list(self.notes),
            "steps": None if self.steps is None else [one if math.isfinite(one) else None for one in self.steps],
            "origins": None if self.origins is None else self.origins.to_json(),
            "signal": None if self.signal is None else self.signal.to_json(),
        }

    def save(self, path: str | Path) -> Path:
        """Write the report as a JSON file, whole or not at all.

        Args:
            path: the file to write.

        Returns:
            The path written.

        Raises:
            GlorotError: if the place cannot be written.
        """
        return write_whole(path, json_lines(self.to_json()))


def _plain(finding: Finding) -> dict[str, Any]:
    plain = asdict(finding)
    return {
        **plain,
        "paths": list(finding.paths),
        "figure": finding.figure if finding.figure == finding.figure else None,
    }
