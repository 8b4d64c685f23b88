"""What `glorot check` says of healthy models: a row for each architecture and start, and no error that is false.

    make ledger                                              all of transformers, an hour; it goes on where it was
    python benchmarks/ledger.py --every 12 --minutes 20      each twelfth type of model, as far as the time goes
    python benchmarks/ledger.py --library timm torchvision   in their own environment, as benchmarks/coverage.py says

Each architecture is built small, as for coverage.py, and checked on a batch twice: as its library starts it, and
started by `auto`. What was found stays in build/ledger-*.json, so that the script can be stopped; results/ledger.md is
made of it. Delete the file after the checks have changed. A hash of each name splits the architectures: thresholds may
be set by looking at half A, and the figures of half B are what is reported.
"""

import argparse
import functools
import hashlib
import json
import logging
import resource
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coverage_images
import coverage_maps
import coverage_others
import torch
from coverage import limited, told, versions
from coverage_cases import Case
from torch import nn

import glorot
from glorot.checks.registry import all_checks

PAGE = Path(__file__).parent / "results" / "ledger.md"
LIMIT = 120
"""Seconds that one model may take, with both its starts."""

MOST_WEIGHTS, MOST_MEMORY = 200_000_000, 10 * 2**30
"""Weights of a model, and bytes that a process may take: what asks for more is refused, and the rest goes on."""

MOST_OF_IMAGES = 20_000_000
"""The same of models of images, whose passes take long."""

STARTS = ("own", "auto")
OF_EFFICIENTNET = (
    "True: as GL308 says, its norms are drawn around 0 instead of starting at 1, so nothing passes them: "
    "`AutoModel.from_config(AutoConfig.for_model('efficientnet')).train()(torch.randn(2, 3, 64, 64))"
    ".last_hidden_state.std()` is 1e-28"
)
REPRODUCED = {("efficientnet", "GL501"): OF_EFFICIENTNET}
"""For the name of a model and the code of an error that is true of it: a sentence with the least that shows it."""


def of_transformers(kind: str) -> tuple[Callable[[], nn.Module], Any]:
    """Return what builds a type of model, in the first size that runs on a batch that glorot makes, and that batch."""
    from coverage_models import best_batch, built, configurations, placed

    why: BaseException = RuntimeError("too large")
    found: list[Callable[[], nn.Module]] = []
    for _, config in configurations(kind):
        try:
            weights = sum(one.numel() for one in built(config, "meta").parameters())
            if weights > MOST_WEIGHTS:
                continue
            found.append(functools.partial(built, config, "cpu"))
            batch, _, _ = best_batch(found[-1]())
        except TimeoutError:
            raise
        except Exception as error:  # of whatever kind a model raises
            why = error
            continue
        if batch:
            return found[-1], {name: placed(value, torch.device("cpu")) for name, value in batch.items()}
    if not found:
        raise why
    return found[0], None


def rows_of(name: str, build: Callable[[], nn.Module], batch: Any) -> list[dict[str, Any]]:
    """Return what is found of an architecture from each start."""
    rows = []
    for start in STARTS:
        torch.manual_seed(0)
        model = build().train()
        row: dict[str, Any] = {"start": start, "weights": sum(one.numel() for one in model.parameters())}
        try:
            if start == "auto":
                _start(model, batch)
            began = time.perf_counter()
            report = _checked(model, batch, row)
        except glorot.GlorotError as error:
            rows.append({**row, "refused": str(error)[:300]})
            continue
        except Exception as error:
            rows.append({**row, "FAULT": told(error)[:300]})
            continue
        row |= {"seconds": time.perf_counter() - began, "tensors": report.looked_at, "tests": report.tests}
        row["findings"] = [[one.code, one.severity, str(one)[:300]] for one in report.findings]
        rows.append(row)
    return rows


def _start(model: nn.Module, batch: Any) -> None:
    try:
        glorot.initialize(model, "auto", seed=0, inputs=batch)
    except glorot.GlorotError:
        if batch is None:
            raise
        glorot.initialize(model, "auto", seed=0)  # by its classes alone


def _checked(model: nn.Module, batch: Any, row: dict[str, Any]) -> glorot.checks.Report:
    try:
        return glorot.check(model, batch)
    except glorot.GlorotError as error:  # the weights can still be looked at
        row["batch refused"] = str(error)[:300]
        return glorot.check(model)


def cases_of(library: str) -> dict[str, Callable[[], tuple[Callable[[], nn.Module], Any]]]:
    """Return what makes each model of a library, with its batch."""
    if library == "transformers":
        from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

        return {kind: lambda kind=kind: of_transformers(kind) for kind in sorted(MODEL_MAPPING_NAMES)}  # type: ignore[misc]
    homes = (coverage_images, coverage_maps, coverage_others)
    cases: dict[str, Case] = next(getattr(home, library) for home in homes if hasattr(home, library))()
    return {name: lambda case=case: of_images(case) for name, case in cases.items()}  # type: ignore[misc]


def of_images(case: Case) -> tuple[Callable[[], nn.Module], Any]:
    """Return what builds a model of a fixed size, and its batch, unless the model is too large."""
    try:
        with torch.device("meta"):
            weights = sum(one.numel() for one in case.build().parameters())
    except Exception:  # some constructors need values; those of these libraries that do are small
        weights = 0
    if weights > MOST_OF_IMAGES:
        raise RuntimeError("too large")
    return case.build, case.batch()


def half(name: str) -> str:
    """Return the half of the population that a name falls into."""
    return "AB"[hashlib.sha256(name.encode()).digest()[0] % 2]


def fill(library: str, every: int, first: int, only: list[str] | None, until: float) -> None:
    """Check a library as far as the time goes."""
    store = Path("build") / f"ledger-{library}-{first}.json"
    store.parent.mkdir(exist_ok=True)
    versions_of(library).write_text(versions(library), "utf-8")
    known: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    cases = cases_of(library)
    for name in only or list(cases)[first::every]:
        if (name in known and not only) or time.monotonic() > until:
            continue
        try:
            with limited(LIMIT):
                known[name] = rows_of(name, *cases[name]())
        except Exception as error:  # of whatever kind a model raises
            known[name] = [{"not built": told(error)[:300]}]
        told_of = [row.get("findings", row) for row in known[name]]
        print(library, name, *(f"{len(one)} findings" if isinstance(one, list) else one for one in told_of), flush=True)
        store.write_text(json.dumps(known, indent=0, sort_keys=True))


def versions_of(library: str) -> Path:
    """Return the file that keeps what a library was checked with, since no environment has them all."""
    return Path("build") / f"ledger-{library}.txt"


def page(libraries: list[str]) -> str:
    """Return the ledger as Markdown."""
    lines = ["# What `glorot check` says of healthy models", "", "Made by `python benchmarks/ledger.py`.", ""]
    for library in libraries:
        known: dict[str, Any] = {}
        for store in sorted(Path("build").glob(f"ledger-{library}-*.json")):
            known |= json.loads(store.read_text())
        if known:
            lines += section(library, known)
    return "\n".join(lines) + "\n"


def line_of(name: str, row: dict[str, Any]) -> str:
    """Return the line of one architecture from one start."""
    codes = Counter(one[0] for one in row["findings"])
    told_of = ", ".join(f"{code} × {n}" if n > 1 else code for code, n in codes.items()) or "–"
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"| {name} | {digest} | {row['start']} | {row['weights']} | {row['tensors']} | {told_of} |"


def section(library: str, known: dict[str, Any]) -> list[str]:
    """Return what was found in one library: totals, codes, and every error."""
    rows = [(name, row) for name, found in sorted(known.items()) for row in found if "findings" in row]
    refused = [(name, row) for name, found in sorted(known.items()) for row in found if "findings" not in row]
    errors = [(name, row, one) for name, row in rows for one in row["findings"] if one[1] == "error"]
    lines = [
        f"## {library}",
        "",
        f"{versions_of(library).read_text('utf-8')}. {len(known)} architectures, {len(rows)} rows, "
        f"{sum(row['tensors'] for _, row in rows)} tensors, {sum(row['tests'] for _, row in rows)} statistical tests, "
        f"{sum('batch refused' not in row for _, row in rows)} on a batch; {len(refused)} rows could not be made. "
        f"Errors: {len(errors)}.",
        "",
        "| code | severity | own start, half A | own start, half B | auto, half A | auto, half B |",
        "|---|---|---|---|---|---|",
    ]
    totals = Counter((start, half(name)) for name, row in rows for start in [row["start"]])
    found = Counter(
        (code, level, row["start"], half(name))
        for name, row in rows
        for code, level in {(f[0], f[1]) for f in row["findings"]}
    )
    for code, level in sorted({key[:2] for key in found}):
        cells = [
            f"{found[code, level, *group]} of {totals[group]}"
            for start in STARTS
            for group in ((start, "A"), (start, "B"))
        ]
        lines.append(f"| {code} | {level} | {' | '.join(cells)} |")
    lines += ["", "Every error:", ""] if errors else [""]
    lines += [
        f"- `{name}` ({row['start']}): {one[2]}. {REPRODUCED.get((name, one[0]), 'Not looked into.')}"
        for name, row, one in errors
    ]
    lines += [
        "",
        "<details><summary>Rows</summary>",
        "",
        "| model | hash | start | weights | tensors | findings |",
        "|---|---|---|---|---|---|",
    ]
    lines += [line_of(name, row) for name, row in rows]
    lines += ["", "</details>", ""]
    reasons = Counter(
        next(iter(row.get(key, "") for key in ("refused", "FAULT", "not built") if key in row))[:90]
        for _, row in refused
    )
    return [*lines, *(f"- {n} ×: {why}" for why, n in reasons.most_common(12)), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--library", nargs="+", default=["transformers"], help="which libraries; by default transformers"
    )
    parser.add_argument("--every", type=int, default=1, help="take every Nth model")
    parser.add_argument("--first", type=int, default=0, help="begin with the model of this number")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    parser.add_argument("--only", nargs="+", help="these models alone, checked again")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    assert all_checks()
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    until = time.monotonic() + 60 * given.minutes
    for library in given.library:
        fill(library, given.every, given.first, given.only, until)
    PAGE.write_text(page(["transformers", "timm", "torchvision"]), "utf-8")


if __name__ == "__main__":
    main()
