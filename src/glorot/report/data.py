"""The figures of a comparison as plain data for JSON."""

import math
from dataclasses import asdict
from typing import Any

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult, Spread

FORMAT = "glorot-comparison/1"
DIGITS = 6
FIGURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return all figures of a comparison as plain data.

    Args:
        comparison: what was trained and measured.

    Returns:
        What `json.dumps(…, allow_nan=False)` takes: figures have six significant digits, and what is
        no finite number is None. Plans are unrounded.
    """
    data: dict[str, Any] = {
        "format": FORMAT,
        "task": comparison.task,
        "activation": comparison.activation,
        "classifies": comparison.classifies,
        "chance": comparison.chance,
        "seeds": comparison.seeds,
        "epochs": comparison.epochs,
        "interrupted": comparison.interrupted,
        "command": comparison.command,
        "versions": dict(comparison.versions),
        "seconds": comparison.seconds,
        "results": [_result(result) for result in comparison.results],
        "claims": [asdict(claim) for claim in comparison.claims],
        "sweep": [asdict(point) for point in comparison.sweep],
    }
    plain: dict[str, Any] = _plain(data)
    for row, result in zip(plain["results"], comparison.results, strict=True):
        row["plan"] = result.plan.to_json()  # unrounded, for a plan is carried out to the last digit
    return plain


def _result(result: RecipeResult) -> dict[str, Any]:
    final: dict[str, Spread] = {figure: result.final(figure) for figure in FIGURES}
    return {
        "recipe": result.recipe,
        "verdict": result.verdict,
        "final": {figure: asdict(value) for figure, value in final.items()},
        "epochs_to_goal": result.epochs_to_goal,
        "share_to_goal": result.share_to_goal,
        "distinct_at_end": result.distinct_at_end,
        "prediction": None if result.prediction is None else [asdict(one) for one in result.prediction],
        "runs": [asdict(run) for run in result.runs],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
