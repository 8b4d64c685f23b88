"""What scaling the ends of residual branches by 1/√n does to the first steps of training: why `auto` does it.

    python benchmarks/branch_ends.py                    all nets; it goes on where it was
    python benchmarks/branch_ends.py --nets "MLP, pre-norm, 24"

Deep residual nets start by `auto` with the last kernels of their n branches drawn like all others (× 1), or 1/√n as
wide. Both train on the same batches at each rate of a ladder: language models on the source of Python's own library,
letter by letter, and MLPs on the digits of scikit-learn. What was measured stays in build/branch_ends.json.
"""

import argparse
import itertools
import json
import math
import statistics
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from coverage import versions
from torch import Tensor, nn

import glorot
from glorot.comparison.digits import load_digits
from glorot.graph.sources import gains
from glorot.schemes import balanced

PAGE = Path(__file__).parent / "results" / "branch_ends.md"
STORE = Path("build") / "branch_ends.json"
STEPS, TAIL, SEEDS = 120, 20, 2
LETTERS, WIDTH, LENGTH, BATCH = 128, 64, 64, 8
RATES = {"Adam": (3e-4, 1e-3, 3e-3, 1e-2), "SGD": (0.01, 0.03, 0.1, 0.3, 1.0)}
OPTIMIZERS: dict[str, Callable[[Any, float], torch.optim.Optimizer]] = {
    "Adam": torch.optim.Adam,
    "SGD": torch.optim.SGD,
}


class Branch(nn.Module):
    """x + W₂ φ(W₁ x), with a norm before the branch, after the sum, or nowhere."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.up, self.down = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm = nn.Identity() if place == "no norm" else nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        before = self.norm(x) if self.place == "pre-norm" else x
        total: Tensor = x + self.down(torch.relu(self.up(before)))
        return self.norm(total) if self.place == "post-norm" else total


def mlp(place: str, count: int) -> nn.Module:
    norm = nn.LayerNorm(WIDTH) if place == "pre-norm" else nn.Identity()
    return nn.Sequential(nn.Linear(64, WIDTH), *(Branch(place) for _ in range(count)), norm, nn.Linear(WIDTH, 10))


class Language(nn.Module):
    def __init__(self, place: str, count: int) -> None:
        super().__init__()
        is_first = place == "pre-norm"
        self.embed, self.place = nn.Embedding(LETTERS, WIDTH), nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, 4, 4 * WIDTH, 0.0, activation="gelu", batch_first=True, norm_first=is_first
            )
            for _ in range(count // 2)
        )
        self.norm = nn.LayerNorm(WIDTH) if is_first else nn.Identity()
        self.head = nn.Linear(WIDTH, LETTERS)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(LENGTH))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.place
        for block in self.blocks:
            x = block(x, src_mask=self.mask, is_causal=True)
        found: Tensor = self.head(self.norm(x))
        return found


def digits(seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    (images, labels), _ = load_digits()
    inputs, targets = torch.tensor(images), torch.tensor(labels)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        some = torch.randint(len(inputs), (64,), generator=torch.Generator().manual_seed(1000 * seed + step))
        return inputs[some], targets[some]

    return batch


def letters(seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:60]
    codes = torch.frombuffer(bytearray(b"".join(one.read_bytes() for one in files)), dtype=torch.uint8).long() % LETTERS

    def batch(step: int) -> tuple[Tensor, Tensor]:
        made = torch.Generator().manual_seed(1000 * seed + step)
        starts = torch.randint(len(codes) - LENGTH - 1, (BATCH,), generator=made)
        rows = torch.stack([codes[at : at + LENGTH + 1] for at in starts.tolist()])
        return rows[:, :-1], rows[:, 1:]

    return batch


Data = Callable[[int], Callable[[int], tuple[Tensor, Tensor]]]
"""Returns, for a seed, what returns the batch and the targets of each step."""

KINDS: dict[str, tuple[Callable[[str, int], nn.Module], Data]] = {
    "MLP": (mlp, digits),
    "language model": (Language, letters),
}
NETS = {
    f"{kind}, {place}, {count}": (partial(KINDS[kind][0], place, count), KINDS[kind][1])
    for kind, place, count in (
        *(("MLP", place, count) for place in ("pre-norm", "no norm", "post-norm") for count in (24, 48)),
        ("language model", "pre-norm", 24),
        ("language model", "pre-norm", 48),
        ("language model", "post-norm", 24),
    )
}


def started(build: Callable[[], nn.Module], batch: Tensor, seed: int, is_scaled: bool) -> nn.Module:
    """Return a model that `auto` starts, but for the ends of its branches: as wide as other kernels, or 1/√n of it."""
    model = build()
    plan = glorot.plan(model, "auto", inputs=batch)
    glorot.apply(plan, model, seed=seed)
    parameters = dict(model.named_parameters())
    for one in plan:
        if one.branch is not None and one.role == "kernel":
            assert one.distribution is not None
            assert one.source is not None
            plain = balanced(gains=gains(one.source))(one.fans).std
            factor = 1 / math.sqrt(one.branch.count) if is_scaled else 1.0
            parameters[one.name].data.mul_(factor * plain / one.distribution.std)
    return model


def losses(name: str, kind: str, rate: float, seed: int, is_scaled: bool) -> list[float]:
    """Return the losses of the steps of one run, up to the first that is not finite."""
    build, data = NETS[name]
    batch = data(seed)
    model = started(build, batch(0)[0], seed, is_scaled)
    optimizer = OPTIMIZERS[kind](model.parameters(), rate)
    found: list[float] = []
    for step in range(STEPS):
        inputs, targets = batch(step)
        value = nn.functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
        found.append(value.item())
        if not math.isfinite(found[-1]):
            break
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return found


def fill(names: list[str]) -> dict[str, Any]:
    """Train what was not trained yet, and return the losses of all runs, by net, optimiser, rate and start."""
    STORE.parent.mkdir(exist_ok=True)
    known: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {}
    for name, (kind, rates), is_scaled in itertools.product(names, RATES.items(), (False, True)):
        for rate in rates:
            key = key_of(name, kind, rate, is_scaled)
            if key not in known:
                known[key] = [losses(name, kind, rate, seed, is_scaled) for seed in range(SEEDS)]
                print(key, end_of(known[key]), flush=True)
                STORE.write_text(json.dumps(known))
    return known


def key_of(name: str, kind: str, rate: float, is_scaled: bool) -> str:
    return f"{name}|{kind}|{rate:g}|{'1/√n' if is_scaled else '1'}"


def end_of(runs: list[list[float]]) -> float:
    """Return the mean loss of the last steps of all seeds; infinite where one was not finite."""
    ends = [statistics.fmean(one[-TAIL:]) if len(one) == STEPS else math.inf for one in runs]
    return statistics.fmean(ends) if all(map(math.isfinite, ends)) else math.inf


def row_of(known: dict[str, Any], name: str, kind: str, is_scaled: bool) -> str:
    """Return a row of the table: the first loss, and the last losses at each rate, the lowest in bold."""
    runs = [known[key_of(name, kind, rate, is_scaled)] for rate in RATES[kind]]
    first = statistics.fmean(one[0] for one in runs[0])
    ends = [end_of(one) for one in runs]
    cells = [f"{end:.3g}" if end < 1e4 else "diverges" for end in ends]
    cells = [f"**{cell}**" if end == min(ends) < math.inf else cell for cell, end in zip(cells, ends, strict=True)]
    return f"| {name} | {'1/√n' if is_scaled else '1'} | {first:.3g} | {' | '.join(cells)} |"


def page(known: dict[str, Any]) -> str:
    """Return what was found as Markdown."""
    lines = ["# The ends of residual branches", "", "Made by `python benchmarks/branch_ends.py`.", ""]
    lines += [
        f"{versions('numpy')}. Deep residual nets that `auto` starts, but with the last kernel of each branch × 1 or × "
        f"1/√n, n the number of branches, the last word of the net's name. Mean loss of steps {STEPS - TAIL + 1} to "
        f"{STEPS}, over {SEEDS} seeds, at each rate; the lowest in bold.",
    ]
    for kind, rates in RATES.items():
        lines += ["", f"## {kind}", "", f"| net | ends × | first loss | {' | '.join(f'{one:g}' for one in rates)} |"]
        lines += ["|---" * (len(rates) + 3) + "|"]
        for name in NETS:
            if all(key_of(name, kind, rate, scaled) in known for rate in rates for scaled in (False, True)):
                lines += [row_of(known, name, kind, is_scaled) for is_scaled in (False, True)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=list(NETS), help="which nets")
    torch.set_num_threads(1)
    PAGE.write_text(page(fill(parser.parse_args().nets)), "utf-8")


if __name__ == "__main__":
    main()
