"""How the gradients of healthy models are shared among roles: what the bounds of GL504 are held against.

    python benchmarks/gradient_population.py --minutes 30      as far as the time goes; it goes on where it was
    python benchmarks/gradient_population.py --every 4         each fourth type of model

Each architecture of transformers is built small, as for coverage.py, and starts as its library starts it: the bare
model on a batch, whose gradient begins with random numbers at the output, and the causal language model where there is
one, on the cross-entropy of random tokens. Half A, by a hash of the name, sets the bounds; half B is reported. What was
measured stays in build/gradients.json, so that the script can be stopped.
"""

import argparse
import json
import logging
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from coverage import limited, told, versions
from ledger import LIMIT, MOST_WEIGHTS, half, of_transformers
from torch import nn

from glorot.adapters import opened
from glorot.checks import Evidence
from glorot.checks.backward import gl504_role_gradient as gl504
from glorot.inventory.names import named
from glorot.inventory.seeing import observed as seen_in
from glorot.probe.collector import observed, signal_of

PAGE = Path(__file__).parent / "results" / "gradient_population.md"
STORE = Path("build") / "gradients.json"
STANDING = {
    "blip": "the configuration starts its weights with a std of 1e-10",
    "cpmant": "every kernel starts with a std of 1",
    "rwkv": "the embedding starts with a std of 1e-4, on purpose, before a norm",
}
"""Models whose figures are far off for a reason, by the beginnings of their names; they set no bound."""

QUANTILES = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0)


def rows_of(model: nn.Module, batch: Any, targets: Any) -> list[tuple[str, str, bool, float, float]]:
    """Return path, role, whether it is a kernel, and the RMS of gradient and weight, of all that the check reads."""
    adapter, found = opened(model, batch)
    seen = observed(found, batch, targets)
    inventory = named(seen_in(adapter.layers(found, batch), seen.folded.graph))
    evidence = Evidence(inventory=inventory, weights=adapter.arrays(found), observed=seen, signal=signal_of(seen))
    if gl504.is_told_otherwise(evidence):
        raise RuntimeError("not judged: gradients vanish, explode, or meet branches that start closed")
    return [tuple(one) for one in gl504.read(evidence)]


def language_model(kind: str) -> tuple[Callable[[], nn.Module], Any, Any]:
    """Return what builds a causal language model of a type, a batch of tokens and the tokens that follow."""
    from coverage_models import WORDS, configurations
    from transformers import AutoModelForCausalLM

    for _, config in configurations(kind):
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        if sum(one.numel() for one in model.parameters()) <= MOST_WEIGHTS:
            tokens = torch.randint(3, WORDS - 12, (4, 17), generator=torch.Generator().manual_seed(0))
            return lambda config=config: AutoModelForCausalLM.from_config(config).eval(), tokens[:, :-1], tokens[:, 1:]
    raise RuntimeError("too large")


def cases() -> dict[str, Callable[[], tuple[Callable[[], nn.Module], Any, Any]]]:
    """Return what makes each model, with its batch and its targets."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_MAPPING_NAMES

    found: dict[str, Any] = {kind: lambda kind=kind: (*of_transformers(kind), None) for kind in MODEL_MAPPING_NAMES}
    found |= {
        f"{kind} (causal)": lambda kind=kind: language_model(kind)
        for kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        if kind in MODEL_MAPPING_NAMES
    }
    return dict(sorted(found.items()))


def fill(every: int, until: float) -> dict[str, Any]:
    """Measure as far as the time goes, and return all that was measured so far."""
    STORE.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {}
    waiting = cases()
    for name in list(waiting)[::every]:
        if name in known or time.monotonic() > until:
            continue
        try:
            with limited(LIMIT):
                torch.manual_seed(0)
                build, batch, targets = waiting[name]()
                if batch is None:
                    raise RuntimeError("no batch")
                torch.manual_seed(0)
                known[name] = rows_of(build(), batch, targets)
        except Exception as error:  # of whatever kind a model raises
            known[name] = told(error)[:200]
        print(name, len(known[name]) if isinstance(known[name], list) else known[name], flush=True)
        STORE.write_text(json.dumps(known, indent=0, sort_keys=True))
    return known


def section(known: dict[str, Any]) -> list[str]:
    """Return the quantiles of the figures by role and half, and every role that is found."""
    rows = {name: [gl504.Relative(*one) for one in found] for name, found in known.items() if isinstance(found, list)}
    figures: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for name, found in rows.items():
        for role, (some, figure) in gl504.roles(found).items():
            figures[role, half(name)].append((figure / gl504.LARGEST[gl504.kind_of(some[0])], f"`{name}` {role}"))
            figures[f"{role} ({gl504.kind_of(some[0])})", half(name)].append((figure, name))
    architectures = {side: sum(half(name) == side and bool(gl504.roles(rows[name])) for name in rows) for side in "AB"}
    lines = [
        f"{versions('transformers')}. {architectures['A']} models in half A, {architectures['B']} in half B, each with "
        f"at least {gl504.FEWEST} kernels that have a gradient; {len(known) - len(rows)} more could not be built, have "
        "no batch, or are not judged by GL504.",
        *(
            "",
            f"| role (row of the bounds) | half | models | {' | '.join(f'{q:.0%}' for q in QUANTILES)} | largest in |",
        ),
        "|---" * (len(QUANTILES) + 4) + "|",
    ]
    for (role, side), found in sorted(figures.items()):
        if role.endswith(")"):
            cells = " | ".join(f"{one:.3g}" for one in np.quantile([figure for figure, _ in found], QUANTILES))
            lines.append(f"| {role} | {side} | {len(found)} | {cells} | {max(found)[1]} |")
    lines += [
        "",
        "The largest figures but for those with a reason, in multiples of their bounds (those of half A); GL504 warns "
        "above 3:",
        "",
    ]
    for side in "AB":
        shares = [one for (role, s), every in figures.items() if s == side and role[-1] != ")" for one in every]
        reasons = {text: reason for _, text in shares for name, reason in STANDING.items() if text[1:].startswith(name)}
        largest, where = max(one for one in shares if one[1] not in reasons)
        beyond = [f"{text} ({reasons.get(text, 'no reason found')})" for share, text in shares if share > gl504.TIMES]
        lines.append(f"- half {side}: {largest:.3g}, {where}; warnings: {', '.join(beyond) or 'none'}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take every Nth model")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    known = fill(given.every, time.monotonic() + 60 * given.minutes)
    head = [
        "# The gradients of the roles of healthy models", "", "Made by `python benchmarks/gradient_population.py`.", "",
        "The figure is that of GL504. For each parameter, take the RMS of its gradient over the RMS of its weights.",
        "The figure of a role is the median over its parameters, divided by the median over all kernels of the model.",
        "The table has the quantiles over the models, and the model with the largest figure.", "",
    ]  # fmt: skip
    PAGE.write_text("\n".join([*head, *section(known)]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
