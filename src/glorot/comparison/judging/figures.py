"""Figures of one run that sentences are held against."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from glorot.comparison.results import Run, hidden

Figure = Callable[[Run], float]
"""What is looked at in a run."""

STILL = 0.05
"""A loss that falls by less than this share stands still."""


def log_factor(value: float, by: float) -> float:
    """Return log(value / by), with 1e-30 for what has vanished altogether; NaN for what comes from nothing."""
    return math.log(max(value / by, 1e-30)) if by else math.nan


def way(run: Run) -> float:
    """Return what becomes of the signal from the first hidden layer to the last, as a logarithm."""
    layers = hidden(run.start)
    return log_factor(layers[-1].std, layers[0].std)


def way_back(run: Run) -> float:
    """Return what becomes of the gradient from the last hidden layer to the first, as a logarithm."""
    layers = hidden(run.start)
    return log_factor(layers[0].gradient_std, layers[-1].gradient_std)


def by_matrices(run: Run) -> float:
    """Return what a matrix between hidden layers makes of the mean square it is given, as a logarithm, in the mean."""
    pairs = pairwise(hidden(run.start))
    return float(np.mean([log_factor(after.preactivation_std**2, before.second_moment) for before, after in pairs]))


def fullest_at_start(run: Run) -> float:
    """Return the share of saturated pairs in the layer that starts with most of them."""
    return max(layer.saturated for layer in hidden(run.start))


def odds_of_fullest(run: Run) -> float:
    """Return the same as log-odds; what is nearer to all or none than 1 % counts as that far from it."""
    share = fullest_at_start(run)
    return math.log(max(share, 0.01) / max(1 - share, 0.01))


def fullest_at_end(run: Run) -> float:
    """Return the share of saturated pairs after training in the layer that started with most of them."""
    layers = hidden(run.start)
    fullest = max(range(len(layers)), key=lambda number: layers[number].saturated)
    return hidden(run.end)[fullest].saturated if run.end else math.nan


def passing_saturated(run: Run) -> float:
    """Return the gradient at saturated pairs beside that at the others, in the layer where most of it passes."""
    shares = [layer.saturated_gradient for layer in hidden(run.start)]
    return max(filter(math.isfinite, shares), default=math.nan)


def dead_at_end(run: Run) -> float:
    """Return the share of dead units in the poorest layer, when last seen."""
    return max(layer.dead for layer in hidden(run.end or run.first or run.start))


def gap_to_training(run: Run) -> float:
    """Return by how much the accuracy on the test set ends below that of training."""
    return run.epochs[-1].train_accuracy - run.epochs[-1].test_accuracy


def standing_still(run: Run) -> int:
    """Return for how many epochs the training loss has hardly fallen below that of the first."""
    losses = [epoch.train_loss for epoch in run.epochs[1:]]
    return next((n for n, loss in enumerate(losses) if loss < (1 - STILL) * losses[0]), len(losses))
