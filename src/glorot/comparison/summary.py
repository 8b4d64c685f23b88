"""The table of a comparison, as plain text columns for every kind of report."""

import math

from glorot.comparison.results import GOAL, RecipeResult, Spread
from glorot.text import brief


def columns(classifies: bool) -> list[str]:
    """Return the head of the table."""
    accuracy = ["train %", "test %", f"epochs to {100 * GOAL:.0f} %", "seeds there"] if classifies else ["test loss"]
    return [
        "recipe", "signal first→last", "across examples", "gradient last→first", "saturated", "distinct units",
        "loss start→end", *accuracy, "verdict",
    ]  # fmt: skip


def row(result: RecipeResult, classifies: bool) -> list[str]:
    """Return the row of a recipe."""
    gradients = result.by_layer("gradient_std")
    saturated = [layer.mean for layer in result.by_layer("saturated")]
    cells = [
        result.recipe,
        _path(result.by_layer("std")),
        _path(result.by_layer("std_across")),
        _path(gradients[::-1]),
        f"{100 * max(saturated):.0f} %" if saturated else "–",
        str(result.distinct_at_end),
        f"{brief(result.initial('train_loss').mean)} → {brief(result.final('train_loss').mean)}",
    ]
    if classifies:
        reached = result.epochs_to_goal
        cells += [
            percent(result.final("train_accuracy")),
            percent(result.final("test_accuracy")),
            "–" if reached is None else str(reached[0]) if reached[0] == reached[1] else f"{reached[0]}–{reached[1]}",
            f"{100 * result.share_to_goal:.0f} %",
        ]
    else:
        final = result.final("test_loss")
        cells.append(f"{brief(final.mean)} ± {brief(final.std)}")
    return [*cells, result.verdict]


def percent(value: Spread) -> str:
    """Write an accuracy with its spread over seeds, in percent."""
    if math.isnan(value.mean):
        return "–"
    return f"{100 * value.mean:.1f}" + (f" ± {100 * value.std:.1f}" if value.count > 1 else "")


def _path(values: list[Spread]) -> str:
    return f"{brief(values[0].mean)} → {brief(values[-1].mean)}" if values else "–"
