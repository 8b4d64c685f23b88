"""What the loss of healthy models does in their first steps: what GL507 and GL508 are held against.

    python benchmarks/first_steps.py --minutes 10      as far as the time goes; it goes on where it was

Small nets of every usual kind, and small causal language models of transformers, each as its library starts it, train
on one batch with usual optimisers at usual rates, in training mode, with dropout where they have it. What was measured
stays in build/first_steps.json.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from coverage import limited, told, versions
from gradient_population import language_model
from ledger import LIMIT
from torch import Tensor, nn

from glorot.checks.backward import gl507_loss_not_falling as gl507
from glorot.checks.backward import gl508_loss_diverges as gl508
from glorot.probe.training import losses_of_steps

PAGE = Path(__file__).parent / "results" / "first_steps.md"
STORE = Path("build") / "first_steps.json"
STEPS = 10
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "Adam 0.001": lambda some: torch.optim.Adam(some, lr=1e-3),
    "AdamW 0.0003": lambda some: torch.optim.AdamW(some, lr=3e-4),
    "AdamW 0.00002": lambda some: torch.optim.AdamW(some, lr=2e-5),
    "SGD 0.1": lambda some: torch.optim.SGD(some, lr=0.1),
    "SGD 0.01, momentum 0.9": lambda some: torch.optim.SGD(some, lr=0.01, momentum=0.9),
}


class Recurrent(nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.cell, self.head = kind(16, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.cell(x)[0][:, -1])
        return found


def mlp(phi: type[nn.Module], depth: int, norm: type[nn.Module] | None = None, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(64, 64), *([norm(64)] if norm else []), phi(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def conv(norm: bool, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(i, o, 3, padding=1), *([nn.BatchNorm2d(o)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(32, 10))


def encoder(is_first: bool, dropout: float) -> nn.Sequential:
    blocks = [nn.TransformerEncoderLayer(32, 4, 64, dropout, batch_first=True, norm_first=is_first) for _ in range(2)]
    return nn.Sequential(nn.Linear(16, 32), *blocks, nn.Flatten(), nn.Linear(12 * 32, 10))


def nets() -> Iterator[tuple[str, Callable[[], nn.Module], Tensor]]:
    """Yield the name of each net, what builds it, and its batch of 32 examples."""
    flat, maps, rows = torch.randn(32, 64), torch.randn(32, 3, 16, 16), torch.randn(32, 12, 16)
    for phi in (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.Sigmoid, nn.ELU):
        yield f"MLP, 2 × {phi.__name__}", lambda phi=phi: mlp(phi, 2), flat
        yield f"MLP, 6 × {phi.__name__} with LayerNorm", lambda phi=phi: mlp(phi, 6, nn.LayerNorm), flat
    yield "MLP, 4 × ReLU with BatchNorm", lambda: mlp(nn.ReLU, 4, nn.BatchNorm1d), flat
    yield "MLP, 3 × ReLU with dropout 0.1", lambda: mlp(nn.ReLU, 3, dropout=0.1), flat
    yield "MLP, 3 × ReLU with dropout 0.5", lambda: mlp(nn.ReLU, 3, dropout=0.5), flat
    yield "convolutions", lambda: conv(False), maps
    yield "convolutions with BatchNorm", lambda: conv(True), maps
    yield "convolutions with BatchNorm and dropout 0.2", lambda: conv(True, 0.2), maps
    for phi in (nn.LeakyReLU, nn.SELU, nn.Mish, nn.Hardswish, nn.Softplus, nn.Softsign, nn.CELU, nn.ReLU6):
        yield f"MLP, 3 × {phi.__name__}", lambda phi=phi: mlp(phi, 3), flat
    for phi in (nn.ReLU, nn.GELU, nn.SiLU):
        yield f"MLP, 8 × {phi.__name__} with RMSNorm", lambda phi=phi: mlp(phi, 8, nn.RMSNorm), flat
    for phi in (nn.Tanh, nn.GELU, nn.SiLU):
        yield f"MLP, 4 × {phi.__name__} with BatchNorm", lambda phi=phi: mlp(phi, 4, nn.BatchNorm1d), flat
    for is_first in (False, True):
        for share in (0.0, 0.1):
            kind = "pre-norm" if is_first else "post-norm"
            yield f"encoder, {kind}, dropout {share}", lambda i=is_first, s=share: encoder(i, s), rows
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        yield kind.__name__, lambda kind=kind: Recurrent(kind), rows


def cases(every: int) -> dict[str, Callable[[], tuple[Callable[[], nn.Module], Any, Any]]]:
    """Return what makes each model, with its batch and its targets."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    torch.manual_seed(1)
    goal = torch.randint(10, (32,))
    found: dict[str, Any] = {name: lambda b=b, x=x: (b, x, goal) for name, b, x in nets()}
    found |= {
        kind: lambda kind=kind: language_model(kind) for kind in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)[::every]
    }
    return found


def fill(every: int, until: float) -> dict[str, Any]:
    """Train as far as the time goes, and return all losses so far, by model and optimiser."""
    STORE.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {}
    for name, case in cases(every).items():
        if name in known or time.monotonic() > until:
            continue
        try:
            with limited(LIMIT):
                build, batch, targets = case()
                rows = {}
                for kind, optimizer in OPTIMIZERS.items():
                    torch.manual_seed(0)
                    rows[kind] = losses_of_steps(build().train(), batch, targets, None, optimizer, STEPS)
                known[name] = rows
        except Exception as error:  # of whatever kind a model raises
            known[name] = told(error)[:200]
        print(name, *(known[name].values() if isinstance(known[name], dict) else [known[name]]), flush=True)
        STORE.write_text(json.dumps(known, indent=0, sort_keys=True))
    return known


def page(known: dict[str, Any]) -> str:
    """Return what was found as Markdown."""
    rows = {name: found for name, found in known.items() if isinstance(found, dict)}
    lines = [
        *("# The loss of healthy models in their first steps", "", "Made by `python benchmarks/first_steps.py`.", ""),
        f"{versions('transformers')}. {len(rows)} models, each trained on one batch; {len(known) - len(rows)} more "
        "could not be built. The losses are compared with the one before the first step: the lowest after a step, and "
        "the largest of all. The table has the model in which that ratio is largest, and of how many runs GL507 and "
        "GL508 warn.",
        *(
            "",
            "| optimiser | steps | runs | lowest / first, at most | largest / first, at most | GL507 | GL508 |",
        ),
        "|---" * 7 + "|",
    ]
    for kind in OPTIMIZERS:
        for count in (5, STEPS):
            runs = [(found[kind][: count + 1], name) for name, found in rows.items()]
            lowest, highest = (
                max((gl507.figure(one), n) for one, n in runs),
                max((max(one) / one[0], n) for one, n in runs),
            )
            falls = sum(gl507.figure(one) >= gl507.MOST - gl507.ROUNDING for one, _ in runs)
            grows = sum(gl508.figure(one) > gl508.MOST for one, _ in runs)
            cells = f"{lowest[0]:.4g} ({lowest[1]}) | {highest[0]:.3g} ({highest[1]}) | {falls} | {grows}"
            lines.append(f"| {kind} | {count} | {len(runs)} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=4, help="take every Nth language model")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    PAGE.write_text(page(fill(given.every, time.monotonic() + 60 * given.minutes)), "utf-8")


if __name__ == "__main__":
    main()
