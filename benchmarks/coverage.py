"""How many models of `transformers` are planned without a rule, and how much of them the graph sees.

    python benchmarks/coverage.py --every 12    each twelfth type of model; then, with a smaller number, the rest

Every type of model that AutoModel knows is built small: two layers, small widths, a vocabulary of 100. It is planned on
the meta device, without and with a batch. What the batch reaches is told by autograd, on a twin with memory. What was
found stays in build/coverage.json, so that the script can be stopped, and goes on where it was; delete an entry, or
the file, to measure it again. The table in results/coverage.md is made of it.
"""

import argparse
import json
import logging
import platform
import re
import signal
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from coverage_checks import suspicious
from coverage_models import MOST_WEIGHTS, best_batch, built, configurations
from torch import Tensor, nn
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

import glorot
from glorot import GlorotError
from glorot.torch.paths import structural

RESULTS = Path(__file__).with_name("results")
LIMIT = 120
"""Seconds that one model may take."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:4000]


def measured(kind: str) -> dict[str, Any]:
    """Return what is found of a type of model, in the first size in which it runs, or else can be built."""
    found: dict[str, Any] = {"model": kind}
    chosen = None
    for size, config in configurations(kind):
        if size == "usual" and chosen:
            break
        try:
            model = built(config, "meta")
        except Exception as error:  # of whatever kind a model raises
            found.setdefault("not built", told(error))
            continue
        tried = (size, model, *with_memory(model, config))
        chosen = chosen or tried
        if not tried[-1]:
            chosen = tried
            break
    if chosen is None:
        return found
    size, model, twin, batch, reach, why = chosen
    found = {"model": kind, "size": size, "weights": sum(p.numel() for p in model.parameters())}
    found["without"] = outcome(model, None)[1]
    found["batch"] = {name: list(value.shape) for name, value in batch.items()}
    return {**found, "no batch": why} if why else {**found, **with_batch(model, twin, batch, reach)}


def with_memory(model: nn.Module, config: Any) -> tuple[nn.Module | None, dict[str, Tensor], set[str], str]:
    """Return a twin that has memory, the batch that reaches most of it, what that is, and why there is no batch."""
    if sum(p.numel() for p in model.parameters()) > MOST_WEIGHTS:
        return None, {}, set(), "too large to be run"
    try:
        twin = built(config, "cpu")
    except Exception as error:
        return None, {}, set(), f"no twin: {told(error)}"[:200]
    return twin, *best_batch(twin, config)


def with_batch(model: nn.Module, twin: nn.Module | None, batch: dict[str, Tensor], reach: set[str]) -> dict[str, Any]:
    """Return what a batch shows of a model on meta, and of its twin with memory."""
    start = time.perf_counter()
    plan, refusal = outcome(model, batch)
    found: dict[str, Any] = {"with": refusal, "seconds": time.perf_counter() - start}
    if refusal and not is_unknown(refusal) and twin is not None:
        plan, found["real"] = outcome(twin, batch)
        model, refusal = twin, found["real"]
    paths = {structural(path) for path in reach}
    if is_unknown(refusal):
        found["unexplained"] = sorted(paths & set(re.findall(r"^  (\S+)  ", refusal, re.M)))
    shown = outcome(model, batch, [("*", "skip")])[0] if is_unknown(refusal) else plan
    if shown is not None:
        seen = {entry.name.rpartition("[")[0] if entry.name.endswith("]") else entry.name
                for entry in shown.entries if entry.seen}  # fmt: skip
        found |= {"reached": len(paths), "unseen": sorted(paths - seen)}
    if plan is not None and twin is not None:
        found["suspicious"] = suspicious(plan, twin)
    return found


def outcome(model: nn.Module, batch: Any, rules: Any = None) -> tuple[glorot.Plan | None, str]:
    """Return the plan of a model, or why there is none."""
    try:
        return glorot.plan(model, inputs=batch, rules=rules), ""
    except GlorotError as error:
        return None, str(error)[:4000]
    except Exception as error:  # a fault of glorot's own
        return None, f"FAULT {told(error)}"


def is_unknown(refusal: str) -> bool:
    return refusal.startswith("no layer that glorot knows")


# ---- the table -------------------------------------------------------------------------------------------------------


def reasons(refusal: str) -> set[str]:
    """Return what a refusal comes down to: names of parameters and of their layers, or the error of the model."""
    if is_unknown(refusal):
        rows = re.findall(r"^  (\S+)  (\S+)  in (\w+)", refusal, re.M)
        return {f"`{path.rpartition('.')[2]}`, {len(shape.split('×'))} axes" for path, shape, _ in rows}
    text = refusal.splitlines()[0].removeprefix("the batch does not fit the model: ")
    text = re.sub(r"^(layer '[^']*' refused it|its forward pass failed): ", "", text)
    return {re.sub(r"\d+", "N", text)[:140]}


def grouped(rows: list[dict[str, Any]], field: str) -> list[str]:
    """Return the lines of a table of reasons, the most frequent first."""
    kinds: dict[str, list[str]] = {}
    for row in rows:
        for reason in reasons(row.get(field, "")) if row.get(field) else ():
            kinds.setdefault(reason, []).append(row["model"])
    lines = [
        f"| {len(names)} | {reason.replace('|', '/')} | {', '.join(names[:4])} |" for reason, names in kinds.items()
    ]
    return sorted(lines, key=lambda line: (-int(line.split()[1]), line)) or ["| 0 | | |"]


def unreached(row: dict[str, Any]) -> bool:
    return is_unknown(row["with"]) and not row.get("unexplained")


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.0f} %)"


def table(rows: list[dict[str, Any]], names: int) -> str:
    """Return the page: what was counted, and each refusal with its reason."""
    made = [row for row in rows if "not built" not in row]
    lines = [
        "# Coverage: models of `transformers`",
        "",
        f"Made by `benchmarks/coverage.py`: {versions()}.",
        "",
        "| | |",
    ]
    lines += ["|---|---|", *(f"| {what} | {figure} |" for what, figure in figures(rows, made, names))]
    for title, field in REFUSED.items():
        counted = grouped(rows if field == "not built" else made, field)
        lines += ["", f"## {title}", "", "| models | reason | such as |", "|---|---|---|", *counted]
    for title, (field, most) in LISTED.items():
        told = [(row["model"], row[field]) for row in made if row.get(field)]
        lines += ["", f"## {title}", ""]
        lines += [f"- {model}: {'; '.join(some[:most])} ({len(some)})" for model, some in told]
    return "\n".join(lines) + "\n"


REFUSED = {
    "Refused without a batch": "without",
    "Refused with a batch": "with",
    "Refused with a batch by the twin with memory, too": "real",
    "No batch runs": "no batch",
    "Not built by their own library": "not built",
}
LISTED = {
    "Reached by the batch and not explained": ("unexplained", 6),
    "Reached by the batch and not seen": ("unseen", 6),
    "Planned, and to be looked at": ("suspicious", 5),
}


def figures(rows: list[dict[str, Any]], made: list[dict[str, Any]], names: int) -> list[tuple[str, str]]:
    """Return what was counted, with its share."""
    run = [row for row in made if "with" in row]
    ends = [row for row in run if not row["with"] or is_unknown(row["with"])]
    whole = [row for row in run if "unseen" in row and not row["unseen"]]
    seconds = sorted(row["seconds"] for row in run) or [0.0]
    sizes = Counter(row["size"] for row in made)
    return [
        ("run, of all types that AutoModel knows", share(len(rows), names)),
        ("built", f"{share(len(made), len(rows))}: " + ", ".join(f"{n} {size}" for size, n in sizes.items())),
        ("planned without a rule, without a batch", share(sum(not row["without"] for row in made), len(made))),
        ("a batch was made that they run on", share(len(run), len(made))),
        ("… of these, ran to the end on meta under glorot", share(len(ends), len(run))),
        ("… planned without a rule, with the batch", share(sum(not row["with"] for row in run), len(run))),
        ("… refused for a parameter that the batch does not reach", share(sum(map(unreached, run)), len(run))),
        ("… every parameter that the batch reaches is seen", share(len(whole), len(run))),
        (
            "seconds for a plan with a batch, beside other work",
            f"median {seconds[len(seconds) // 2]:.2f}, most {seconds[-1]:.1f}",
        ),
    ]


def versions() -> str:
    own = f"glorot {glorot.__version__}, torch {torch.__version__}, transformers {transformers.__version__}"
    return f"{own}, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take every Nth type of model")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    parser.add_argument("--only", nargs="+", help="these types alone, measured again")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    store = Path("build") / "coverage.json"
    store.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    names, start = sorted(MODEL_MAPPING_NAMES), time.monotonic()
    for kind in given.only or names[:: given.every]:
        if (kind in known and not given.only) or time.monotonic() - start > 60 * given.minutes:
            continue
        torch.manual_seed(0)
        try:
            with limited(LIMIT):
                known[kind] = measured(kind)
        except Exception as error:
            known[kind] = {"model": kind, "not built": told(error)}
        row = known[kind]
        print(kind, row.get("size"), row.get("not built") or row.get("with", row.get("no batch")), flush=True)
        store.write_text(json.dumps(known, indent=0, sort_keys=True))
    (RESULTS / "coverage.md").write_text(table([known[name] for name in sorted(known)], len(names)))


if __name__ == "__main__":
    main()
