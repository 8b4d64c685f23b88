"""What a check is, and what it finds."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from glorot.checks.evidence import Evidence
from glorot.checks.paths import path_text
from glorot.text import number, printable

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

SECTIONS = ("What it does", "Why it matters", "Example that fails", "What to do")
"""The sections of the docstring of every check, in this order."""


NO_GROUPS = "a transformation of gradients, as Optax has them, trains whatever it is handed"
"""Why what asks for the groups of an optimizer does not run on JAX."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a model, with what shows it and what to do.

    Attributes:
        code: the code of the check, such as "GL301".
        name: its name, such as "wrong-fan".
        severity: "error" for what cannot be meant, "warning" for what costs, "note" for what is worth knowing.
        paths: the tensors, layers or steps to blame, in the order of the model.
        figure: the number that shows it; NaN where none does.
        expected: what was expected instead, in words.
        why: what was found, after a colon: "holds NaN".
        remedy: what to do.
        where: the name of the class of the layer that is to blame; "" where no layer is known.
    """

    code: str
    name: str
    severity: Severity
    paths: tuple[str, ...]
    figure: float
    expected: str
    why: str
    remedy: str
    where: str = ""

    @property
    def path(self) -> str:
        """The paths as one text: all of few, the first and last of many."""
        return path_text(self.paths)

    def __str__(self) -> str:
        found = f" ({number(self.figure)}, expected {self.expected})" if self.expected else ""
        return printable(f"{self.code} {self.severity}: {self.path}: {self.why}{found}")


@dataclass(frozen=True)
class Tested:
    """The result of one statistical test; it is a finding if it is significant among all tests of a run.

    Attributes:
        p: the probability of such a figure, or one farther off, if nothing is wrong.
        finding: what is found if the test is significant; None where the effect is too small to matter.
    """

    __test__: ClassVar[bool] = False  # or pytest would take it for a test

    p: float
    finding: Finding | None = None


class Check(ABC):
    """One rule over what is known of a model. Its docstring is its page; its code is never used again.

    Attributes:
        code: "GL" and three digits, of which the first is the family.
        name: a short name in lower case, with hyphens.
        severity: that of its findings, if they don't say another.
        threshold: what its figure is compared with, if the settings don't say another; None where it compares none.
        mended_by_drawing: whether drawing again what it blames mends its findings.
        needs: which fields of the evidence it reads and can't do without.
        not_on: why it does not run on a framework, by the name of the framework.
        explained_by: codes of checks whose findings, where they blame the same paths, are the cause of its own.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = "warning"
    threshold: ClassVar[float | None] = None
    mended_by_drawing: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    not_on: ClassVar[Mapping[str, str]] = {}
    explained_by: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
        """Yield what is found, and the results of all tests that were made, also where nothing was found."""

    def limit(self, evidence: Evidence) -> float:
        """Return the threshold, as the settings or the check itself have it."""
        assert self.threshold is not None
        return evidence.settings.get(self.name, self.threshold)

    def finding(
        self,
        paths: str | Sequence[str],
        why: str,
        *,
        remedy: str,
        figure: float = float("nan"),
        expected: str = "",
        severity: Severity | None = None,
        where: str = "",
    ) -> Finding:
        """Return a finding of this check; several paths share one cause."""
        blamed = (paths,) if isinstance(paths, str) else tuple(paths)
        return Finding(self.code, self.name, severity or self.severity, blamed, figure, expected, why, remedy, where)

    @classmethod
    def sections(cls) -> dict[str, str]:
        """Return the text of each section of the docstring, by its title."""
        text = inspect.cleandoc(cls.__doc__ or "")
        found: dict[str, list[str]] = {}
        title = ""
        for line in text.splitlines()[1:]:
            if line.removesuffix(":") in SECTIONS:
                title = line.removesuffix(":")
                found[title] = []
            elif title:
                found[title].append(line)
        return {name: inspect.cleandoc("\n".join(lines)).strip() for name, lines in found.items()}

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
