"""The table of a comparison, as plain text columns for every kind of report."""

import math

from glorot.comparison.results import GOAL, Comparison, RecipeResult, Spread
from glorot.text import table


def columns(comparison: Comparison) -> list[str]:
    """Return the head of the table."""
    accuracy = (
        ["train %", "test %", f"epochs to {100 * GOAL:.0f} %", "seeds there"]
        if comparison.classifies
        else ["test loss"]
    )
    return [
        "recipe", "signal first→last", "across examples", "gradient last→first", "saturated", "distinct units",
        "loss start→end", *accuracy, "verdict",
    ]  # fmt: skip


def rows(comparison: Comparison) -> list[list[str]]:
    """Return a row of text for each recipe."""
    return [_row(result, comparison) for result in comparison.results]


def summary(comparison: Comparison) -> str:
    """Return the comparison as plain text: the task, the table, and what textbooks say."""
    lines = [comparison.task, "", table(columns(comparison), rows(comparison))]
    if comparison.claims:
        lines += ["", "what textbooks say, and what we saw"]
        lines += [f"  {'✓' if c.holds else '✗'} {c.sentence}  {c.seen}" for c in comparison.claims]
    if comparison.interrupted:
        lines += ["", "interrupted: only complete runs are shown"]
    return "\n".join(lines)


def _row(result: RecipeResult, comparison: Comparison) -> list[str]:
    gradients = result.by_layer("gradient_std")
    saturated = [layer.mean for layer in result.by_layer("saturated")]
    row = [
        result.recipe,
        _path(result.by_layer("std")),
        _path(result.by_layer("std_across")),
        _path(gradients[::-1]),
        f"{100 * max(saturated):.0f} %" if saturated else "–",
        str(result.distinct_at_end),
        f"{figure(result.initial('train_loss').mean)} → {figure(result.final('train_loss').mean)}",
    ]
    if comparison.classifies:
        reached = result.epochs_to_goal
        row += [
            percent(result.final("train_accuracy")),
            percent(result.final("test_accuracy")),
            "–" if reached is None else str(reached[0]) if reached[0] == reached[1] else f"{reached[0]}–{reached[1]}",
            f"{100 * result.share_to_goal:.0f} %",
        ]
    else:
        final = result.final("test_loss")
        row.append(f"{figure(final.mean)} ± {figure(final.std)}")
    return [*row, result.verdict]


def percent(value: Spread) -> str:
    """Write an accuracy with its spread over seeds, in percent."""
    return "–" if math.isnan(value.mean) else f"{100 * value.mean:.1f} ± {100 * value.std:.1f}"


def figure(value: float) -> str:
    """Write a figure with two significant digits."""
    return "–" if math.isnan(value) else f"{value:.2g}"


def _path(values: list[Spread]) -> str:
    return f"{figure(values[0].mean)} → {figure(values[-1].mean)}" if values else "–"
