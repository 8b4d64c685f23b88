"""Fans and parts of planned models against an oracle that reads no graph: connections counted on the running model.

    python benchmarks/oracle.py --every 1 --minutes 20

Each kernel is asked again with ones, wherever the model meets it; autograd says where its outputs go (oracle_watch.py).
What was found stays in build/oracle.json, so that the script can be stopped; results/oracle.md is made of it. What a
model chooses of, as a router does, is listed apart: a choice lets no gradient through.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from oracle_watch import Kernel, Watch, composites_taken_apart
from torch import Tensor, nn

import glorot
from glorot import GlorotError
from glorot.inventory.layouts import place_in
from glorot.plans.entry import PlanEntry
from glorot.torch.paths import structural

RESULTS = Path(__file__).with_name("results")
MOST_WEIGHTS = 3_000_000
Build = Callable[[], tuple[nn.Module, Any]]
CONNECTING = ("kernel", "recurrent")
TABLES = ("embedding", "position")
"""The roles of what is looked up, whatever else it is multiplied by: a tied head, relative keys."""


def parts_of(plan: glorot.Plan, model: nn.Module) -> dict[str, dict[str, PlanEntry]]:
    """Return the entries of a plan by the path of their parameter."""
    found: dict[str, dict[str, PlanEntry]] = {}
    for entry in plan.entries:
        path = entry.name.rpartition("[")[0] if entry.name.endswith("]") else entry.name
        found.setdefault(path, {})[entry.name] = entry
    return {path: found[structural(path)] for path, _ in model.named_parameters() if structural(path) in found}


def masks_of(entries: Mapping[str, PlanEntry], shape: torch.Size) -> dict[str, Tensor]:
    """Return where in a stored tensor each part lies."""
    masks = {}
    for name, entry in entries.items():
        mask = np.zeros(shape, dtype=bool)
        place_in(mask, entry.view)[...] = True
        masks[name] = torch.from_numpy(mask)
    return masks


def judged(model: nn.Module, run: Callable[[], Any], plan: glorot.Plan) -> dict[str, Any]:
    """Return what a running model says of its plan: how much of it was measured, and what is wrong."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in model.parameters():  # so that nothing is zero by its start
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.randn(tensor.shape).to(tensor.dtype))
                tensor.requires_grad_()
    entries = parts_of(plan, model)
    sizes = {path: tensor.shape for path, tensor in model.named_parameters()}
    watch = Watch(model, {path: masks_of(own, sizes[path]) for path, own in entries.items()})
    with composites_taken_apart(), torch.enable_grad(), watch:
        run()
    found: dict[str, Any] = {"fans": 0, "parts": 0, "wrong": [], "routed": [], "unread": sorted(watch.unread)}
    for path, kernel in watch.kernels.items():
        own = entries[path]
        planned = {name: entry for name, entry in own.items() if entry.role in CONNECTING and entry.fans is not None}
        if not planned and any(entry.role in TABLES for entry in own.values()):
            continue
        if not planned:
            found["wrong"].append(f"{path}: {next(iter(own.values())).role}, and {kernel.function} multiplies by it")
            continue
        wrong = [*wrong_fans(planned, kernel), *wrong_parts(kernel)]
        found["fans"] += len(planned)
        found["parts"] += bool(kernel.axes and kernel.ends)
        found["routed" if kernel.chosen else "wrong"] += [f"{path}: {what}" for what in wrong]
    met = {path for path, own in entries.items() if any(entry.role in CONNECTING for entry in own.values())}
    found["not met"] = sorted(met - set(watch.kernels) - set(watch.unread))
    return found


def wrong_fans(planned: Mapping[str, PlanEntry], kernel: Kernel) -> list[str]:
    found = []
    for name, entry in planned.items():
        counted = kernel.fans.get(name)
        if counted is None or entry.fans is None:
            continue
        given = (entry.fans.fan_in, entry.fans.fan_out)
        if not np.allclose(given, counted, rtol=1e-3):
            told = " → ".join(f"{one:g}" for one in given), " → ".join(f"{one:g}" for one in counted)
            piece = name.rpartition("[")[2].rstrip("]") if name.endswith("]") else ""
            found.append(f"{piece} connects {told[1]}, planned {told[0]} ({kernel.function})")
    return found


def wrong_parts(kernel: Kernel) -> list[str]:
    if not kernel.axes or not kernel.ends:
        return []
    planned, seen = {*kernel.features.values()} - {frozenset()}, kernel.groups()
    if planned in (seen, kernel.groups(is_by_place=False)):  # turns of a loop are of one kind
        return []
    return [f"planned as {_sizes(planned)}, its outputs go as {_sizes(seen)} ({kernel.function})"]


def _sizes(groups: set[frozenset[int]]) -> str:
    told = [f"{len(group)} from {min(group)}" for group in sorted(groups, key=min)]
    return ", ".join(told[:6]) + (f" … {len(told)}" if len(told) > 6 else "")


# ---- the page --------------------------------------------------------------------------------------------------------


def page(known: Mapping[str, dict[str, Any]]) -> str:
    """Return the page: what was counted, and whatever is wrong."""
    run = {name: row for name, row in sorted(known.items()) if "fans" in row}
    wrong = {name: row["wrong"] for name, row in run.items() if row["wrong"]}
    routed = {name: row["routed"] for name, row in run.items() if row["routed"]}
    others = {name: row for name, row in sorted(known.items()) if name not in run}
    failed = {name: [row.get("failed") or row["refused"].splitlines()[0]] for name, row in others.items()}
    figures = {
        "models measured": len(run),
        "parts of kernels whose fans were counted": sum(row["fans"] for row in run.values()),
        "kernels whose outputs were followed": sum(row["parts"] for row in run.values()),
        "models with something wrong": len(wrong),
        "models with something that a choice hides": len(routed),
        "kernels that nothing could be counted of": sum(len(row["unread"]) for row in run.values()),
    }
    lines = [
        "# Fans and parts against an oracle that reads no graph",
        "",
        f"Made by `benchmarks/oracle.py`: glorot {glorot.__version__}, torch {torch.__version__}.",
        "",
        "Each kernel was asked again with ones where the model meets it: what comes out counts connections. Autograd",
        "says where its outputs are next multiplied or meet another kernel; outputs with one fate are one part, and so",
        "are those that go to places of one kind, as the turns of a loop over heads or layers do.",
        "",
        "| | |",
        "|---|---:|",
        *(f"| {what} | {count} |" for what, count in figures.items()),
    ]
    for title, rows in {"Wrong": wrong, "A choice lets no gradient through": routed, "Not measured": failed}.items():
        if rows:
            lines += ["", f"## {title}", ""]
            lines += [f"- {name}: {'; '.join(what[:3])} ({len(what)})" for name, what in rows.items()]
    told = (f"{name} ({row['fans']}, {row['parts']})" for name, row in run.items())
    return "\n".join([*lines, "", "## Measured (fans, kernels followed)", "", ", ".join(told)]) + "\n"


# ---- the models ------------------------------------------------------------------------------------------------------


def of_transformers() -> dict[str, Build]:
    """Return the small models of `transformers` that the script of coverage has batches for."""
    store = Path("build") / "coverage.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    return {
        kind: lambda kind=kind, size=row["size"]: of_type(kind, size)  # type: ignore[misc]
        for kind, row in sorted(known.items())
        if "with" in row and row["weights"] < MOST_WEIGHTS
    }


def of_type(kind: str, size: str = "small") -> tuple[nn.Module, Any]:
    """Return a model of a type of `transformers`, and a batch."""
    from coverage_models import best_batch, built, configurations

    config = next(config for name, config in configurations(kind) if name == size)
    model = built(config, "cpu")
    return model, best_batch(model)[0]


def of_torch() -> dict[str, Build]:
    """Return nets of the layers of PyTorch."""

    def stack(*layers: nn.Module, shape: tuple[int, ...]) -> tuple[nn.Module, Any]:
        return nn.Sequential(*layers).eval(), (torch.randn(shape),)

    def attention() -> nn.Module:
        return nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

    return {
        "nn: dense": lambda: stack(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4), shape=(3, 6)),
        "nn: convolutions": lambda: stack(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, groups=2), nn.GELU(),
            nn.Conv2d(8, 6, 5, dilation=2, padding=4), shape=(2, 3, 17, 16),
        ),
        "nn: transposed": lambda: stack(
            nn.Conv1d(3, 8, 4, stride=2), nn.ReLU(), nn.ConvTranspose1d(8, 4, 4, stride=2, groups=2), shape=(2, 3, 20)
        ),
        "nn: padded by a layer": lambda: stack(nn.ZeroPad2d(2), nn.Conv2d(3, 8, 5, stride=2), shape=(2, 3, 9, 9)),
        "nn: encoder": lambda: stack(attention(), attention(), shape=(2, 5, 16)),
        "nn: Transformer": lambda: (
            nn.Transformer(16, 4, 1, 1, 32, batch_first=True).eval(), (torch.randn(2, 5, 16), torch.randn(2, 4, 16)),
        ),
        "nn: gated": lambda: stack(nn.Linear(6, 16), nn.GLU(), nn.Linear(8, 4), shape=(3, 6)),
        "nn: gated convolution": lambda: stack(nn.Conv1d(3, 16, 3), nn.GLU(1), nn.Conv1d(8, 4, 3), shape=(2, 3, 12)),
    }  # fmt: skip


def measured(build: Build, plan: glorot.Plan | None = None) -> dict[str, Any]:
    """Plan a model, or take a plan of it, and judge it."""
    torch.manual_seed(0)
    model, batch = build()
    start = time.perf_counter()
    try:
        plan = plan or glorot.plan(model, inputs=batch)
    except GlorotError as error:
        try:
            plan = glorot.plan(model, inputs=batch, rules=[("*", "skip")])
        except GlorotError:
            return {"refused": str(error)[:2000]}
    given: dict[str, Any] = batch if isinstance(batch, dict) else {}
    rest = () if isinstance(batch, dict) else batch if isinstance(batch, tuple) else (batch,)
    for value in (*given.values(), *rest):
        if isinstance(value, Tensor):
            value._watched = "data"  # type: ignore[attr-defined]
    found = judged(model, lambda: model(*rest, **given), plan)
    return {**found, "seconds": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--only", nargs="+")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    store = Path("build") / "oracle.json"
    known: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    models, start = {**of_torch(), **of_transformers()}, time.monotonic()
    for name in given.only or list(models)[:: given.every]:
        if (name in known and not given.only) or time.monotonic() - start > 60 * given.minutes:
            continue
        try:
            known[name] = measured(models[name])
        except Exception as error:  # of whatever kind a model raises
            known[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
        print(name, json.dumps(known[name])[:1500], flush=True)
        store.write_text(json.dumps(known, indent=0, sort_keys=True))
    (RESULTS / "oracle.md").write_text(page(known))


if __name__ == "__main__":
    main()
