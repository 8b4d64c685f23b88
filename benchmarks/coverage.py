"""How many models of libraries are planned without a rule, and how much of them the graph sees.

    python benchmarks/coverage.py --every 12    each twelfth type of `transformers`; then, with a smaller one, the rest
    python benchmarks/coverage.py --library timm monai    the models in coverage_{images,maps,others}.py

Every type of model that AutoModel knows is built small: two layers, small widths, a vocabulary of 100. It is planned on
the meta device, by its classes alone and with the batch that glorot makes; models of other libraries get a batch. What
the batch reaches is told by autograd. What was found stays in build/coverage.json, or build/coverage-LIBRARY.json, so
that the script can be stopped, and goes on where it was; delete an entry, or the file, to measure it again. A section
of results/coverage.md is made of it.

timm, torchvision, vit-pytorch and open_clip need an environment of their own (pip install torch==2.14.1
torchvision==0.29.1 timm), for PyPI's torchvision does not load beside the version of PyTorch that glorot is tested on.
"""

import argparse
import json
import logging
import platform
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import coverage_images
import coverage_maps
import coverage_others
import torch
from coverage_cases import Case
from coverage_checks import suspicious
from coverage_page import PAGE, is_unknown, renewed
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

import glorot
from glorot import GlorotError
from glorot.inventory import path_of
from glorot.torch.model import layers
from glorot.torch.seeing import own_batch

LIMIT = 120
"""Seconds that one model may take."""

MOST_REAL = 3_000_000
"""Weights of a model that is planned with memory, too, if it is refused on meta."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)  # again and again: what it stops may take it for a refusal
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def told(error: BaseException) -> str:
    """Return what an error says, with files named from the library on that they lie in."""
    return re.sub(r"/\S*/site-packages/", "", f"{type(error).__name__}: {error}")[:4000]


def measured(kind: str) -> dict[str, Any]:
    """Return what is found of a type of model, in the first size in which it runs, or else can be built."""
    from coverage_models import MOST_REACHED, MOST_WEIGHTS, best_batch, built, configurations

    found: dict[str, Any] = {"model": kind}
    tried: list[tuple[Any, ...]] = []
    for size, config in configurations(kind):
        if size == "usual" and any(batch for *_, batch, _, _ in tried):
            break
        try:
            model = built(config, "meta")
        except Exception as error:  # of whatever kind a model raises
            found.setdefault("not built", told(error))
            continue
        weights = sum(p.numel() for p in model.parameters())
        twin = built(config, "cpu") if weights < MOST_WEIGHTS else None
        batch, reach, why = best_batch(model)
        if not reach and weights < (
            MOST_REACHED if batch else MOST_WEIGHTS
        ):  # it needs numbers that meta does not hold
            real = twin or built(config, "cpu")
            model = model if batch else real
            batch, reach, why = best_batch(real)
        tried.append((size, model, twin, batch, reach, why))
        if reach:
            break
    if not tried:
        return found
    size, model, twin, batch, reach, why = max(tried, key=lambda one: (bool(one[-2]), bool(one[-3])))
    found = {"model": kind, "size": size, "weights": sum(p.numel() for p in model.parameters())}
    found["without"] = outcome(model, False)[1]
    found["batch"] = {name: list(value.shape) for name, value in batch.items()}
    return {**found, **with_batch(model, twin, None, reach)} if batch else {**found, "no batch": why}


def with_batch(model: nn.Module, twin: nn.Module | None, batch: Any, reach: set[str]) -> dict[str, Any]:
    """Return what a batch, or one that glorot makes, shows of a model on meta, and of its twin with memory."""
    start = time.perf_counter()
    plan, refusal = outcome(model, batch)
    found: dict[str, Any] = {"with": refusal, "seconds": time.perf_counter() - start}
    if refusal and twin is not None:  # which holds the starts that are kept
        real, found["real"] = outcome(twin, batch)
        if not is_unknown(refusal):
            plan, model, refusal = real, twin, found["real"]
    paths = reach
    if is_unknown(refusal):
        found["unexplained"] = sorted(paths & set(re.findall(r"^  (\S+)  ", refusal, re.M)))
    shown = outcome(model, batch, [("*", "skip")])[0] if is_unknown(refusal) else plan
    if shown is not None and paths:
        found |= {"reached": len(paths), "unseen": sorted(paths - seen_by(shown))}
    if plan is not None and twin is not None:
        found["suspicious"] = suspicious(plan, twin)
    return found


def outcome(model: nn.Module, batch: Any, rules: Any = None) -> tuple[glorot.Plan | None, str]:
    """Return the plan of a model, or why there is none."""
    try:
        return glorot.plan(model, inputs=batch, rules=rules), ""
    except GlorotError as error:
        return None, str(error)[:4000]
    except TimeoutError:
        raise
    except Exception as error:  # a fault of glorot's own
        return None, f"FAULT {told(error)}"


# ---- other libraries -------------------------------------------------------------------------------------------------


def measured_case(name: str, case: Case) -> dict[str, Any]:
    """Return what is found of a model of another library: on meta, and with memory where it cannot be built there."""
    from coverage_reach import reached

    model, batch, why, paths = None, case.batch(), "", set[str]()
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                model = case.build().eval()
            paths = reached(model, tree_map(lambda value: _on(value, device), batch))  # noqa: B023
            with torch.device(device):  # another one, for some keep what they computed on the batch
                model = case.build().eval()
        except TimeoutError:
            raise
        except Exception as error:  # of whatever kind a model raises
            why = told(error).splitlines()[0][:200]
            continue
        break
    if model is None:
        return {"model": name, "not built": why}
    found: dict[str, Any] = {"model": name, "weights": sum(p.numel() for p in model.parameters())}
    if not paths:
        return {
            **found,
            "no batch": why or "nothing that it returns has a gradient",
        }
    own = on_own_batch(case, batch, next(model.parameters()).device)
    shown = with_batch(model, None, batch, paths)
    is_small = found["weights"] < MOST_REAL or not is_unknown(shown["with"])
    if shown["with"] and is_small and next(model.parameters()).is_meta:  # which holds the starts that are kept
        real = with_batch(case.build().eval(), None, batch, paths)
        shown = {**real, "with": shown["with"], "real": real["with"]}
    own = own or {"own": [_sizes(batch)], "own unseen": shown.get("unseen", [*paths])}
    return {**found, **shown, **own}


def on_own_batch(case: Case, given: Any, device: torch.device) -> dict[str, Any]:
    """Return what a batch that glorot makes shows of a model; nothing if it is the batch that is given anyway."""
    from coverage_reach import reached

    with device:
        model, again = case.build().eval(), case.build().eval()
    own = own_batch(model, layers(model))
    if own is None or _sizes(own[0].inputs) == _sizes(given):
        return {} if own is not None else {"own": []}
    batch = own[0].inputs
    batch = batch if isinstance(batch, dict | tuple) else (batch,)
    paths = reached(again, tree_map(lambda value: _on(value, str(device)), batch))
    plan, refusal = outcome(model, None, [("*", "skip")])
    return {"own": [_sizes(batch)], "own unseen": sorted(paths - seen_by(plan)), "own refused": refusal}


def _sizes(batch: Any) -> str:
    values = batch.values() if isinstance(batch, dict) else batch
    return str([list(value.shape) for value in tree_leaves(values) if isinstance(value, Tensor)])


def seen_by(plan: glorot.Plan | None) -> set[str]:
    """Return the parameters that a graph shows."""
    entries = plan.entries if plan is not None else ()
    return {path_of(entry.name) for entry in entries if entry.seen}


def _on(value: Any, device: str) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def cases_of(library: str) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what measures each model of a library."""
    if library == "transformers":
        from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

        return {kind: lambda kind=kind: measured(kind) for kind in sorted(MODEL_MAPPING_NAMES)}  # type: ignore[misc]
    homes = (coverage_images, coverage_maps, coverage_others)
    cases = next(getattr(home, library) for home in homes if hasattr(home, library))
    return {
        name: lambda name=name, case=case: measured_case(name, case)  # type: ignore[misc]
        for name, case in cases().items()
    }


def versions(library: str) -> str:
    own = f"glorot {glorot.__version__}, torch {torch.__version__}, "
    package = {"torch_geometric": "torch-geometric", "open_clip": "open_clip_torch"}.get(library, library)
    return f"{own}{library} {metadata.version(package)}, Python {platform.python_version()}"


def cover(library: str, every: int, only: list[str] | None, until: float) -> None:
    """Measure a library as far as the time goes, and renew its section of the page."""
    store = Path("build") / ("coverage.json" if library == "transformers" else f"coverage-{library}.json")
    store.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    cases = cases_of(library)
    for name in only or list(cases)[::every]:
        if (name in known and not only) or time.monotonic() > until:
            continue
        torch.manual_seed(0)
        try:
            with limited(LIMIT):
                known[name] = cases[name]()
        except Exception as error:
            known[name] = {"model": name, "not built": told(error)}
        row = known[name]
        print(
            library, name, row.get("size", ""), row.get("not built") or row.get("with", row.get("no batch")), flush=True
        )
        store.write_text(json.dumps(known, indent=0, sort_keys=True))
    page = PAGE.read_text() if PAGE.exists() else ""
    rows = [known[name] for name in sorted(known) if name in cases]
    PAGE.write_text(renewed(page, library, rows, len(cases), versions(library)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--library", nargs="+", default=["transformers"], help="which libraries; by default transformers"
    )
    parser.add_argument("--every", type=int, default=1, help="take every Nth model")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    parser.add_argument("--only", nargs="+", help="these models alone, measured again")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    until = time.monotonic() + 60 * given.minutes
    for library in given.library:
        cover(library, given.every, given.only, until)


if __name__ == "__main__":
    main()
