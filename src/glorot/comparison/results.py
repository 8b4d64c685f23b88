"""The figures of a comparison: of epochs, runs and recipes, with their spread over seeds."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from glorot.plans import Plan
from glorot.probe import LayerSignal, Signal
from glorot.theory import Prediction

GOAL = 0.9
"""The test accuracy whose first epoch is told."""


@dataclass(frozen=True)
class Epoch:
    """Loss and accuracy over the whole training and test set."""

    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class Run:
    """One recipe trained from one seed.

    Attributes:
        seed: the seed of its weights and of the order of its batches.
        epochs: figures before training and behind each epoch.
        start: the signal before training.
        first: the signal behind the first epoch; None if the run ended before.
        end: the signal behind the last epoch.
        first_weights: weights of the first layer at the end, at most 32 units × inputs.
        diverged_at: the epoch in which the loss turned NaN or infinite, or None.
    """

    seed: int
    epochs: tuple[Epoch, ...]
    start: Signal
    first: Signal | None
    end: Signal | None
    first_weights: tuple[tuple[float, ...], ...]
    diverged_at: int | None

    @property
    def epochs_to_goal(self) -> int | None:
        """The first epoch whose test accuracy reaches GOAL, or None."""
        return next((n for n, epoch in enumerate(self.epochs) if epoch.test_accuracy >= GOAL), None)


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds."""

    mean: float
    std: float
    count: int


@dataclass(frozen=True)
class RecipeResult:
    """All runs of one recipe.

    Attributes:
        recipe: the recipe as it was asked for.
        plan: the plan that it resolved to.
        runs: one for each seed.
        prediction: what mean-field theory says of the start; None where it does not apply.
        verdict: what the figures say, in words.
    """

    recipe: str
    plan: Plan
    runs: tuple[Run, ...]
    prediction: tuple[Prediction, ...] | None
    verdict: str = ""

    def final(self, figure: str) -> Spread:
        """Return a figure of the last epoch, such as "test_accuracy", over seeds."""
        return spread(getattr(run.epochs[-1], figure) for run in self.runs)

    def initial(self, figure: str) -> Spread:
        """Return a figure before training over seeds."""
        return spread(getattr(run.epochs[0], figure) for run in self.runs)

    def curve(self, figure: str) -> list[Spread]:
        """Return a figure epoch by epoch, over the seeds that got so far."""
        length = max(len(run.epochs) for run in self.runs)
        return [
            spread(getattr(run.epochs[n], figure) for run in self.runs if n < len(run.epochs)) for n in range(length)
        ]

    def by_layer(self, figure: str, when: str = "start") -> list[Spread]:
        """Return a figure of the signal in each hidden layer, over seeds; `when` is start, first or end."""
        signals = [hidden(getattr(run, when)) for run in self.runs if getattr(run, when) is not None]
        return [spread(getattr(layer, figure) for layer in layers) for layers in zip(*signals, strict=True)]

    @property
    def epochs_to_goal(self) -> tuple[int, int] | None:
        """The least and the greatest epoch at which a seed reached GOAL; None if none did."""
        reached = [n for run in self.runs if (n := run.epochs_to_goal) is not None]
        return (min(reached), max(reached)) if reached else None

    @property
    def median_to_goal(self) -> float:
        """The median epoch at which a seed reached GOAL; infinite if half of them never did."""
        return statistics.median(math.inf if (n := run.epochs_to_goal) is None else n for run in self.runs)

    @property
    def share_to_goal(self) -> float:
        """The share of seeds that reached GOAL."""
        return sum(run.epochs_to_goal is not None for run in self.runs) / len(self.runs)

    @property
    def distinct_at_end(self) -> int:
        """The least number of distinct units in any hidden layer at the end of any run."""
        signals = [hidden(run.end or run.start) for run in self.runs]
        return min((layer.distinct for layers in signals for layer in layers), default=0)

    @property
    def diverged(self) -> list[Run]:
        """The runs whose loss turned NaN or infinite."""
        return [run for run in self.runs if run.diverged_at is not None]


@dataclass(frozen=True)
class Claim:
    """A sentence of the textbooks, whether it holds here (None: that cannot be told), and what was seen."""

    sentence: str
    holds: bool | None
    seen: str

    @property
    def mark(self) -> str:
        """✓, ✗ or ?."""
        return "?" if self.holds is None else "✓" if self.holds else "✗"

    @property
    def answer(self) -> str:
        """What was seen, and that it cannot tell, where it cannot."""
        return f"cannot tell: {self.seen}" if self.holds is None else self.seen


@dataclass(frozen=True)
class SweepPoint:
    """The end of one recipe at one depth."""

    depth: int
    recipe: str
    test_accuracy: Spread


def hidden(signal: Signal) -> tuple[LayerSignal, ...]:
    """Return the layers of a signal without the output layer (all of them if there is but one)."""
    return signal.layers[:-1] or signal.layers


def spread(values: Iterable[float]) -> Spread:
    """Return mean and standard deviation of what is a finite number."""
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers:
        return Spread(math.nan, math.nan, 0)
    return Spread(statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0, len(numbers))
