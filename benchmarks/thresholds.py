"""Where the threshold of each check comes from: theory, or a population of healthy models of which half A sets it.

    python benchmarks/thresholds.py --every 4 --minutes 20

Architectures of transformers are built small and checked on a batch, as their library starts them and with AdamW at
1e-3, at each rung of a ladder of thresholds. A hash of the name splits them. Half A proposes the strictest rung that
warns of at most one in twenty of it; half B is what is reported. What was seen stays in build/thresholds.json, so that
the script can be stopped.
"""

import argparse
import json
import logging
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from coverage import limited, told, versions
from ledger import cases_of, half

import glorot
from glorot.api import checking
from glorot.checks import Check, Evidence
from glorot.checks.base import Tested
from glorot.checks.registry import all_checks
from glorot.checks.running import significant

PAGE = Path(__file__).parent / "results" / "thresholds.md"
STORE = Path("build") / "thresholds.json"
LIMIT = 60
SHARE = 0.05
"""The share of half A of which a threshold may warn."""

LADDERS: dict[str, tuple[float, ...]] = {
    "GL103": (1, 10, 100, 1e3, 1e4, 1e5, 1e6),
    "GL302": (1, 1.4, 2, 2.8, 4, 5.6, 8),
    "GL303": (0.5, 1, 1.5, 2, 3, 4, 6),
    "GL306": (5, 6, 7, 8, 9, 10, 12),
    "GL307": (1.2, 1.5, 2, 2.5, 3, 4),
    "GL402": (0.3, 0.1, 0.03, 0.01, 0.003, 0.001),
    "GL403": (3, 10, 30, 100, 300, 1000),
    "GL404": (0.05, 0.1, 0.15, 0.25, 0.4, 0.5),
    "GL405": (0.1, 0.25, 0.4, 0.5, 0.6, 0.75),
    "GL406": (0.8, 0.9, 0.95, 0.99, 0.995, 0.999),
    "GL407": (4, 3, 2, 1.5, 1.25, 1.1),
    "GL408": (3, 5, 10, 20, 30, 100),
    "GL502": (0.3, 0.1, 0.03, 0.01, 0.003, 0.001),
    "GL503": (3, 10, 30, 100, 300, 1000),
    "GL505": (0.02, 0.05, 0.1, 0.25, 0.5, 1),
}
"""Thresholds from strict to loose, for each check whose threshold no theory gives."""

THEORY = {
    "GL102": "no start draws such a number, and three in ten random bit patterns, read as float32, are larger",
    "GL111": "a choice: where more than a quarter of the kernels is frozen, freezing is the plan",
    "GL301": "the effect that is required in addition to significance: 5 % of a std",
    "GL304": "a normal law has two values in 10⁹ beyond 6 standard deviations, fewer than most tensors have elements",
    "GL305": "the share of a normal law below the smallest number of full precision, if its std is four times that",
    "GL309": "twice the largest step that Mamba draws, 0.1",
    "GL310": "a choice: a quarter of a nat of the first loss",
    "GL313": "a table of sinusoids has a correlation of 1 with itself, and noise of n elements about 1/√n",
    "GL409": "a choice: half as much again as the best answer that does not look at the inputs",
    "GL504": "three times the largest figure of another population: `benchmarks/gradient_population.py`",
    "GL507": "a loss that falls is below that of the first step: their ratio is under 1",
    "GL508": "a choice: five times the first loss",
    "GL603": "the effect that is required in addition to significance: 5 % of a std",
    "GL701": "the effect that is required in addition to significance: 5 % of a std",
}
"""Why the threshold of each other check is what it is."""


def evidence_of(model: torch.nn.Module, batch: Any) -> Evidence:
    """Return what a check of a model goes by."""
    kept: list[Evidence] = []
    run = checking.run

    def keep(evidence: Evidence, **options: Any) -> Any:
        kept.append(evidence)
        return run(evidence, **options)

    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    with mock.patch.object(checking, "run", keep):
        glorot.check(model, batch, optimizer=optimizer, select=["GL101"])
    return kept[0]


TWO_SIDED = ("GL302", "GL505")
"""Checks with a bound on the other side, too, which no ladder moves; there a figure is below the threshold."""


def warns(check: Check, evidence: Evidence, rung: float) -> bool:
    """Tell whether a check warns of a model at a threshold."""
    found = list(check.run(replace(evidence, settings={check.name: rung})))
    certain = significant([one for one in found if isinstance(one, Tested)])
    plain = [one for one in found if not isinstance(one, Tested)]
    return any(
        one.severity != "note" and not (check.code in TWO_SIDED and one.figure < rung) for one in [*certain, *plain]
    )


def fill(every: int, until: float) -> dict[str, Any]:
    """Check the architectures at all rungs, as far as the time goes, and return all that is known."""
    STORE.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {}
    cases = cases_of("transformers")
    checks = [one for one in all_checks() if one.code in LADDERS]
    for name in list(cases)[1::every]:
        if name in known or time.monotonic() > until:
            continue
        try:
            with limited(LIMIT):
                torch.manual_seed(0)
                build, batch = cases[name]()
                evidence = evidence_of(build().train(), batch)
                known[name] = {one.code: [warns(one, evidence, rung) for rung in LADDERS[one.code]] for one in checks}
        except Exception as error:  # of whatever kind a model raises
            known[name] = told(error)[:200]
        print(name, known[name] if isinstance(known[name], str) else "", flush=True)
        STORE.write_text(json.dumps(known, indent=0, sort_keys=True))
    return known


def row_of(check: type[Check] | Check, sides: dict[str, list[dict[str, list[bool]]]]) -> str:
    """Return the row of a check that goes by the population."""
    ladder = LADDERS[check.code]
    rates = {
        side: [sum(one[check.code][n] for one in rows) for n in range(len(ladder))] for side, rows in sides.items()
    }
    most = SHARE * len(sides["A"])
    proposed = next((n for n in range(len(ladder)) if rates["A"][n] <= most), len(ladder) - 1)
    assert check.threshold is not None
    now = ladder.index(check.threshold)
    cells = [f"{rates[side][n]} of {len(sides[side])}" for side, n in (("A", now), ("B", now), ("B", proposed))]
    return (
        f"| {check.code} | {check.name} | {check.threshold:g} | {cells[0]} | {cells[1]} | {ladder[proposed]:g} | "
        f"{cells[2]} |"
    )


def page(known: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    rows = {name: found for name, found in known.items() if isinstance(found, dict)}
    sides = {side: [found for name, found in rows.items() if half(name) == side] for side in "AB"}
    checks = [one for one in all_checks() if one.threshold is not None]
    return "\n".join(
        [
            *("# Where thresholds come from", "", "Made by `python benchmarks/thresholds.py --every 4`.", ""),
            f"{versions('transformers')}. {len(rows)} architectures of transformers as their library starts them: "
            f"{len(sides['A'])} in half A, {len(sides['B'])} in half B. The setting is the check's name in "
            "`[tool.glorot.thresholds]`, or its code.",
            *("", "## From a population", ""),
            "Of a ladder of thresholds for each check, half A proposes the strictest that warns of at most one in "
            "twenty of its models. The models are small, most of two layers, so that what grows with depth hardly "
            "shows, and the start of a library is not wrong merely for being the most extreme of so few: where the "
            "default is looser than the proposal, it stays. No default is stricter than half A allows.",
            "",
            "| check | setting | default | warns of half A | of half B | proposed by half A | of half B, as proposed |",
            *("|---|---|---|---|---|---|---|", *(row_of(one, sides) for one in checks if one.code in LADDERS)),
            *("", "## From theory, or by choice", "", "| check | setting | default | why |", "|---|---|---|---|"),
            *(
                f"| {one.code} | {one.name} | {one.threshold:g} | {THEORY[one.code]} |"
                for one in checks
                if one.code not in LADDERS
            ),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=4, help="take every Nth model")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    known = fill(given.every, time.monotonic() + 60 * given.minutes)
    PAGE.write_text(page(known), "utf-8")


if __name__ == "__main__":
    main()
