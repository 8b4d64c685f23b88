"""How large the kernels of healthy models are: what the thresholds of the checks of laws are held against.

    python benchmarks/check_population.py --every 12 --minutes 20      each twelfth type of model of transformers
    python benchmarks/check_population.py --library timm torchvision   in their own environment

For each kernel of each architecture, as its library starts it: the gain √(fan_in·σ²·E φ²), by which it multiplies the
std of a signal, told apart by whether it is a head. Half A, by a hash of the model's name, may set thresholds; half B
is reported. What was measured stays in build/population-*.json, so that the script can be stopped.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from coverage import limited, told, versions
from ledger import LIMIT, cases_of, half

from glorot.adapters import opened
from glorot.checks import Evidence
from glorot.checks.law import gl302_kernel_scale, gl303_head_scale
from glorot.checks.law.measures import drawn, gain_of

PAGE = Path(__file__).parent / "results" / "check_population.md"
QUANTILES = (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0)
BOUNDS = {"kernel": (gl302_kernel_scale.SMALLEST, gl302_kernel_scale.LARGEST), "head": (0.0, gl303_head_scale.LARGEST)}


def gains(model: torch.nn.Module, batch: Any) -> Iterator[tuple[str, str, float]]:
    """Yield the name, the kind and the gain of each kernel of a model."""
    adapter, found = opened(model, batch)
    inventory = adapter.layers(found, batch)
    for one in drawn(Evidence(inventory=inventory, weights=adapter.arrays(found))):
        yield one.part.name, "head" if one.part.purpose == "head" else "kernel", gain_of(one)


def fill(library: str, every: int, first: int, until: float) -> None:
    """Measure a library as far as the time goes."""
    store = Path("build") / f"population-{library}-{first}.json"
    store.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    cases = cases_of(library)
    for name in list(cases)[first::every]:
        if name in known or time.monotonic() > until:
            continue
        try:
            with limited(LIMIT):
                torch.manual_seed(0)
                build, batch = cases[name]()
                known[name] = list(gains(build(), batch))
        except Exception as error:  # of whatever kind a model raises
            known[name] = told(error)[:200]
        print(library, name, len(known[name]) if isinstance(known[name], list) else known[name], flush=True)
        store.write_text(json.dumps(known, indent=0, sort_keys=True))


def section(library: str, known: dict[str, Any]) -> list[str]:
    """Return the quantiles of the gains of one library, by half and kind, and what lies outside the thresholds."""
    rows = {name: found for name, found in known.items() if isinstance(found, list)}
    lines = [
        *(f"## {library}", "", f"{versions(library)}. {len(rows)} architectures; {len(known) - len(rows)} not built."),
        *("", f"| half | kind | kernels | {' | '.join(f'{q:.1%}' for q in QUANTILES)} | outside |"),
        "|---" * (len(QUANTILES) + 4) + "|",
    ]
    outside = []
    for side in "AB":
        for kind, (least, most) in BOUNDS.items():
            mine = [
                (n, path, gain) for n, found in rows.items() for path, k, gain in found if half(n) == side and k == kind
            ]
            if mine:
                cells = " | ".join(f"{one:.3g}" for one in np.quantile([gain for *_, gain in mine], QUANTILES))
                far = [(n, path, gain) for n, path, gain in mine if not least <= gain <= most]
                lines.append(f"| {side} | {kind} | {len(mine)} | {cells} | {len(far)} |")
                outside += [f"- half {side}, {kind}: `{n}` `{path}`: {gain:.3g}" for n, path, gain in far]
    return [
        *lines,
        "",
        "Outside the thresholds, some of which stand before a norm:" if outside else "",
        *outside[:60],
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", nargs="+", default=["transformers"], help="which libraries")
    parser.add_argument("--every", type=int, default=1, help="take every Nth model")
    parser.add_argument("--first", type=int, default=0, help="begin with the model of this number")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    until = time.monotonic() + 60 * given.minutes
    lines = ["# Gains of the kernels of healthy models", "", "Made by `python benchmarks/check_population.py`.", ""]
    for library in given.library:
        fill(library, given.every, given.first, until)
        known: dict[str, Any] = {}
        for store in sorted(Path("build").glob(f"population-{library}-*.json")):
            known |= json.loads(store.read_text())
        lines += section(library, known)
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
