"""The charts of a comparison: learning, layers and depth."""

import math
from collections.abc import Sequence
from dataclasses import replace

from glorot.comparison.comparison import Comparison
from glorot.comparison.nicknames import nicknames
from glorot.comparison.results import RecipeResult, Spread
from glorot.report.colors import dashes, hues
from glorot.report.findings import theory_gap
from glorot.report.labels import listed, whole_ticks
from glorot.report.panels import Panel, Point, Series, drawable
from glorot.text import brief

LEARNING = {
    "test_accuracy": Panel("epoch", "test accuracy", "epoch {}", percent=True),
    "train_accuracy": Panel("epoch", "training accuracy", "epoch {}", percent=True),
    "test_loss": Panel("epoch", "test loss", "epoch {}", log=True),
    "train_loss": Panel("epoch", "training loss", "epoch {}", log=True),
}
"""What each learning curve is drawn on."""

LAYERED = {
    "std": ("activation_std", "std of the activation"),
    "gradient_std": ("gradient_std", "std of the backpropagated gradient"),
}
"""The figures by layer: what predicts them, and what they are called."""


def learning_panel(comparison: Comparison, figure: str) -> Panel:
    """Return what a learning curve is drawn on."""
    last = max(len(run.epochs) for result in comparison.results for run in result.runs) - 1
    return replace(LEARNING[figure], x_values=whole_ticks(last))


def learning(comparison: Comparison, figure: str) -> list[Series]:
    """Return the learning curves of all recipes in one figure, such as "test_loss"."""
    return [_learning(result, comparison, figure) for result in comparison.results]


def _learning(result: RecipeResult, comparison: Comparison, figure: str) -> Series:
    share = LEARNING[figure].percent
    points = []
    for epoch, value in enumerate(result.curve(figure)):
        if value.count:
            point = _point(epoch, value)
            if share:
                point = Point(epoch, value.mean, max(point.low, 0.0), min(point.high, 1.0))
            points.append(point)
    broken = len(result.diverged) == len(result.runs)
    end = result.final(figure).mean if not broken else math.nan
    label = "diverged" if broken else f"{100 * end:.1f} %" if share else brief(end)
    name, hue, dash = style(comparison, result.recipe)
    return Series(name, hue, dash, tuple(points), band=True, label=label, broken=broken)


def layers(comparison: Comparison, figure: str) -> list[Series]:
    """Return what was measured by layer at the start, over what theory predicts."""
    return [_layers(result, comparison, figure) for result in comparison.results]


def _layers(result: RecipeResult, comparison: Comparison, figure: str) -> Series:
    measured = tuple(_point(n, value) for n, value in enumerate(result.by_layer(figure), 1) if value.count)
    line = measured
    if result.prediction is not None:
        predicted = [getattr(one, LAYERED[figure][0]) for one in result.prediction[: len(measured)]]
        line = tuple(Point(n, value, value, value) for n, value in enumerate(predicted, 1))
    name, hue, dash = style(comparison, result.recipe)
    return Series(name, hue, dash, line, dots=measured, faint=result.prediction is None)


def layer_panel(comparison: Comparison, figure: str) -> Panel:
    """Return what a figure by layer is drawn on."""
    count = max((len(result.by_layer(figure)) for result in comparison.results), default=1)
    step = math.ceil(count / 12)
    return Panel("hidden layer", LAYERED[figure][1], "layer {}", tuple(range(1, count + 1, step)), log=True)


def layer_caption(comparison: Comparison, figure: str) -> str:
    """Say what dots and lines are, how far theory is off, and what cannot be drawn."""
    words = [f"Dots: measured before training, mean of {comparison.seeds} seeds, whiskers ± 1 std."]
    if comparison.seeds == 1:
        words = ["Dots: measured before training, from one seed."]
    gaps = {r.recipe: gap for r in comparison.results if (gap := theory_gap(r, figure, LAYERED[figure][0]))}
    if gaps:
        name = max(gaps, key=lambda n: gaps[n])
        words.append(
            "Lines: what mean-field theory predicts from the plan. The two are at most "
            f"{100 * gaps[name][0]:.1f} % apart ({nicknames(comparison)[name]}, layer {gaps[name][1]})."
        )
    names = nicknames(comparison)
    shown = {one.name for one in drawable(layers(comparison, figure), log=True)}
    without = [names[r.recipe] for r in comparison.results if r.prediction is None and names[r.recipe] in shown]
    if without:
        words.append(f"Theory does not apply to {listed(without, 8)}; thin dots join what was measured there.")
    missing = [names[r.recipe] for r in comparison.results if names[r.recipe] not in shown]
    if missing:
        words.append(f"Zero in every layer, and so not on a log axis: {listed(missing, 8)}.")
    return " ".join(words)


def depth(comparison: Comparison) -> list[Series]:
    """Return the test accuracy of every recipe over the depths of the sweep."""
    found = []
    for recipe in _swept(comparison):
        points = sorted(
            (p.depth, p.test_accuracy) for p in comparison.sweep if p.recipe == recipe and p.test_accuracy.count
        )
        dots = tuple(_point(number, value) for number, value in points)
        dots = tuple(Point(p.x, p.y, max(p.low, 0.0), min(p.high, 1.0)) for p in dots)
        name, hue, dash = style(comparison, recipe)
        label = f"{100 * dots[-1].y:.1f} %" if dots else ""
        found.append(Series(name, hue, dash, dots, dots=dots, label=label))
    return found


def depth_panel(comparison: Comparison) -> Panel:
    """Return what the sweep is drawn on."""
    depths = sorted({point.depth for point in comparison.sweep})
    return Panel("hidden layers", "test accuracy", "{} hidden layers", tuple(depths), x_log=True, percent=True)


def style(comparison: Comparison, recipe: str) -> tuple[str, int, tuple[int, ...]]:
    """Return what a recipe is called in every chart, the number of its colour, and the dashes of its line."""
    names = [result.recipe for result in comparison.results]
    names += [name for name in _swept(comparison) if name not in names]
    return nicknames(comparison).get(recipe, recipe), hues(names)[recipe], dashes(names)[recipe]


def _swept(comparison: Comparison) -> Sequence[str]:
    return list(dict.fromkeys(point.recipe for point in comparison.sweep))


def _point(x: float, value: Spread) -> Point:
    return Point(x, value.mean, value.mean - value.std, value.mean + value.std)
