"""Small comparisons put together by hand: no training, every figure known."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import Claim, Epoch, RecipeResult, Run, Spread, SweepPoint
from glorot.distributions import Constant, Distribution, Normal
from glorot.fans import Fans
from glorot.plans import STREAM, VERSION, Plan, PlanEntry
from glorot.probe import LayerSignal, Signal
from glorot.probe.signal import histogram
from glorot.theory import Prediction

NAN = math.nan


def layer(
    number: int, std: float = 0.5, gradient: float = 0.1, saturated: float = 0.0, phi: str = "tanh"
) -> LayerSignal:
    values = np.random.default_rng(number).normal(0, max(std, 1e-9), 200)
    return LayerSignal(
        layer=f"hidden{number}", activation=phi, mean=0.0, std=std, std_across=std / 2, percentile98=2 * std,
        second_moment=std**2, preactivation_std=std, saturated=saturated, dead=0.0, units=16, distinct=16,
        gradient_std=gradient, weight_gradient_std=gradient, histogram=histogram(values),
    )  # fmt: skip


def signal(stds: Sequence[float], gradients: Sequence[float], saturated: float = 0.0, phi: str = "tanh") -> Signal:
    rows = [layer(n, s, g, saturated, phi) for n, (s, g) in enumerate(zip(stds, gradients, strict=True), 1)]
    output = replace(layer(9, 0.3, 0.2, phi="identity"), layer="output")
    return Signal((*rows, output), 2.3, (1.0, 1.0), chain=True)


def run(
    seed: int,
    accuracies: Sequence[float],
    start: Signal,
    losses: Sequence[float] | None = None,
    diverged_at: int | None = None,
    weights: Sequence[Sequence[float]] = ((0.1, -0.2, 0.3), (0.4, 0.5, -0.6)),
) -> Run:
    losses = losses if losses is not None else [2.3 * 0.5**n for n in range(len(accuracies))]
    epochs = tuple(Epoch(loss, acc, 1.1 * loss, acc) for loss, acc in zip(losses, accuracies, strict=True))
    ended = diverged_at is None
    return Run(
        seed, epochs, start, start if ended else None, start if ended else None, tuple(map(tuple, weights)), diverged_at
    )


def plan(recipe: str, law: Distribution | None) -> Plan:
    fans = Fans(3.0, 2.0)
    entries = (
        PlanEntry(
            "hidden1.weight", "oi", (2, 3), "weight", fans, "identity", "tanh", 1, law, recipe, "for every weight"
        ),
        PlanEntry(
            "hidden1.bias", "o", (2,), "bias", fans, "identity", "tanh", 1, Constant(0.0), "zeros", "biases start at 0"
        ),
    )
    return Plan(VERSION, STREAM, recipe, entries)


def predicted(stds: Sequence[float], gradients: Sequence[float]) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(f"hidden{n}", s**2, 0.0, s, s**2, 1.0, g)
        for n, (s, g) in enumerate(zip(stds, gradients, strict=True), 1)
    )


def result(
    recipe: str,
    accuracies: Sequence[float] = (0.1, 0.8, 0.95),
    stds: Sequence[float] = (0.5, 0.4, 0.3),
    gradients: Sequence[float] = (0.1, 0.12, 0.15),
    seeds: int = 2,
    theory: bool = True,
    verdict: str = "best here",
    law: Distribution | None = None,
    **more: object,
) -> RecipeResult:
    start = signal(stds, gradients, more.pop("saturated", 0.0), more.pop("phi", "tanh"))  # type: ignore[arg-type]
    runs = []
    for seed in range(seeds):
        shifted = [accuracy if accuracy == 1 else accuracy + 0.004 * seed for accuracy in accuracies]
        runs.append(run(seed, shifted, start, **more))  # type: ignore[arg-type]
    said = predicted([*stds, 0.3], [*gradients, 0.2]) if theory else None
    return RecipeResult(recipe, plan(recipe, law or Normal(0.0, 0.1)), tuple(runs), said, verdict)


def comparison(*results: RecipeResult, **fields: object) -> Comparison:
    first = results[0]
    settings: dict[str, object] = {
        "task": "two spirals", "activation": "tanh", "classifies": True, "chance": 0.1, "seeds": len(first.runs),
        "epochs": len(first.runs[0].epochs) - 1, "results": results, "command": "glorot compare --quick",
        "versions": (("glorot", "0.1.0"),), "seconds": 3.0,
    }  # fmt: skip
    return Comparison(**{**settings, **fields})  # type: ignore[arg-type]


def usual() -> Comparison:
    """Good, slow, dead and copied recipes, with claims and a sweep."""
    rows = [[0.1, 0.1, 0.1]] * 2
    results = (
        result(
            "zeros",
            (0.1, 0.1, 0.1),
            (0, 0, 0),
            (0, 0, 0),
            theory=False,
            verdict="does not learn",
            law=Constant(0),
            weights=rows,
        ),
        result(
            "random(0.01)", (0.1, 0.1, 0.1), (1e-2, 1e-4, 1e-6), (1e-9, 1e-6, 1e-3), verdict="the gradient vanishes"
        ),
        result(
            "random(1)",
            (0.1, 0.3, 0.6),
            (0.9, 0.9, 0.9),
            (2.0, 0.5, 0.05),
            verdict="saturated; overfits",
            saturated=0.84,
        ),
        result("xavier", (0.1, 0.8, 0.95)),
    )
    claims = (
        Claim("A net of zero weights learns nothing.", True, "10.0 %"),
        Claim("Xavier beats He.", False, "no difference"),
        Claim("A run that diverged overfits.", None, "cannot be told: a run diverged"),
    )
    sweep = tuple(
        SweepPoint(depth, name, Spread(accuracy, 0.01, 2))
        for name, values in (("random(0.01)", (0.97, 0.5, 0.1)), ("xavier", (0.97, 0.96, 0.95)))
        for depth, accuracy in zip((1, 3, 20), values, strict=True)
    )
    return comparison(*results, claims=claims, sweep=sweep)


def diverged() -> Comparison:
    """One recipe whose every seed ends in NaN, one that goes on."""
    lost = result(
        "random(9)",
        (0.1, 0.2, NAN),
        losses=(9.0, 40.0, NAN),
        diverged_at=2,
        verdict="diverges",
        weights=[[NAN] * 3] * 2,
    )
    good = result("xavier", (0.1, 0.8, 0.9, 0.95))
    return comparison(lost, good, epochs=3)


def regression() -> Comparison:
    """A task without classes."""
    nothing = (NAN, NAN, NAN)
    return comparison(
        result("standard", nothing, losses=(2.0, 1.0, 0.8)), result("xavier", nothing, losses=(2.0, 0.5, 0.2)),
        classifies=False, chance=NAN, command="",
    )  # fmt: skip
