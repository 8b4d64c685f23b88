"""Comparisons whose every end is known: a recipe with so many seeds, each ending at a given accuracy."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging import judged
from glorot.comparison.results import Epoch, RecipeResult, Run
from glorot.distributions import Distribution, Normal
from glorot.fans import Fans
from glorot.plans import STREAM, VERSION, Plan, PlanEntry
from glorot.probe import LayerSignal, Signal
from glorot.probe.signal import Histogram

NAN = math.nan
SOUND: dict[str, Any] = {
    "mean": 0.0, "std": 0.5, "std_across": 0.4, "percentile98": 1.0, "second_moment": 0.25, "preactivation_std": 0.5,
    "saturated": 0.0, "dead": 0.0, "units": 16, "distinct": 16, "gradient_std": 0.1, "weight_gradient_std": 0.1,
    "histogram": Histogram(-6, 6, (1,)),
}  # fmt: skip


def layers(count: int = 3, phi: str = "tanh", **figures: Any) -> Signal:
    """Return a signal of hidden layers and an output; a figure may be a list, one number for each hidden layer."""
    rows = [
        LayerSignal(
            f"hidden{n}", phi, **SOUND | {name: v[n] if isinstance(v, list) else v for name, v in figures.items()}
        )
        for n in range(count)
    ]
    return Signal((*rows, LayerSignal("output", "identity", **SOUND)), 2.3, (1.0,), chain=True)


def run(end: float, seed: int = 0, reached: int = 1, epochs: int = 10, **more: Any) -> Run:
    """Return a run that reaches 90 % in an epoch, if it ends there at all, and ends at an accuracy."""
    path = [0.1] * reached + [max(end, 0.9) if end >= 0.9 else end] * (epochs + 1 - reached)
    losses = more.pop("losses", [2.3 * (1 - min(value, 0.99)) for value in path])
    gap = more.pop("gap", 0.0)
    path[-1] = end
    start = more.pop("start", layers())
    path = [a if math.isfinite(loss) else NAN for loss, a in zip(losses, path, strict=True)]
    rows = tuple(Epoch(loss, a + gap, loss, a) for loss, a in zip(losses, path, strict=True))
    ended = all(map(math.isfinite, losses))
    after = more.pop("after", start if ended else None)
    return Run(seed, rows, start, start, after, (), None if ended else len(losses) - 1)


def recipe(name: str, ends: Sequence[float], reached: Sequence[int] = (), **more: Any) -> RecipeResult:
    """Return a recipe with one run for each accuracy."""
    law: Distribution = more.pop("law", Normal(0.0, 0.1))
    entry = PlanEntry("w", "oi", (64, 64), "weight", Fans(64.0, 64.0), "tanh", "tanh", 1, law, name, "as asked")
    runs = [
        run(end, seed, reached[seed] if reached else 2, **{k: v[seed] if isinstance(v, list) else v for k, v in more.items()})
        for seed, end in enumerate(ends)
    ]  # fmt: skip
    return RecipeResult(name, Plan(VERSION, STREAM, name, (entry,)), tuple(runs), None)


def comparison(*results: RecipeResult, **fields: Any) -> Comparison:
    """Return a judged comparison."""
    settings: dict[str, Any] = {
        "task": "digits", "activation": "tanh", "classifies": True, "chance": 0.1, "seeds": len(results[0].runs),
        "epochs": 10, "results": results, "test_examples": 450,
    }  # fmt: skip
    return judged(Comparison(**settings | fields))


def near(mean: float, seeds: int = 5, spread: float = 0.004, seed: int = 0) -> list[float]:
    """Return accuracies that spread around a mean, which they have exactly."""
    noise = np.random.default_rng(seed).normal(size=seeds)
    values: list[float] = (mean + spread * (noise - noise.mean()) / noise.std()).tolist()
    return values


def lost(name: str, seeds: int = 3, **more: Any) -> RecipeResult:
    """Return a recipe whose every run diverges in epoch 2."""
    return recipe(name, [0.1] * seeds, losses=[[2.3, 40.0, NAN]] * seeds, epochs=2, **more)


def without_classes(result: RecipeResult, ends: Sequence[float], start: float = 4.0) -> RecipeResult:
    """Return a recipe of a task without classes, whose test losses end as given."""
    rows = [
        replace(old, epochs=tuple(Epoch(loss, NAN, loss, NAN) for loss in (start, start / 2, end)))
        for old, end in zip(result.runs, ends, strict=True)
    ]
    return replace(result, runs=tuple(rows))
