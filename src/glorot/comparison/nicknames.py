"""Nicknames: what a beginner calls each start, with its code beside it."""

import math
from collections import Counter
from statistics import median

from glorot.catalogue import parse_call
from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult
from glorot.distributions import Constant
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.recipes import as_recipe

OLD_RULE = "old rule"

FAMILIAR = {
    "zeros": "all zero",
    "standard": OLD_RULE,
    "xavier": "Xavier",
    "xavier_uniform": "Xavier",
    "xavier_normal": "Xavier normal",
    "he": "He",
    "he_normal": "He",
    "he_uniform": "He uniform",
    "current": "as built",
}
FIXED_SCALE = ("random", "normal", "uniform", "truncated_normal")
"""Recipes of one scale for every layer, however wide it is."""

FAR = 3.0
"""A scale this many times that of Xavier's law, or this many times smaller, is far from it."""


def nicknames(comparison: Comparison) -> dict[str, str]:
    """Return what each recipe is called: its nickname, or its code if it has none.

    Args:
        comparison: what was trained.

    Returns:
        {recipe: nickname}, all different.
    """
    names = {result.recipe: _nickname(result) for result in comparison.results}
    shared = {name for name, count in Counter(names.values()).items() if count > 1}
    return {recipe: recipe if name in shared else name for recipe, name in names.items()}


def _nickname(result: RecipeResult) -> str:
    try:
        text = as_recipe(result.recipe).text
    except GlorotError:  # of a comparison that a newer glorot saved
        return result.recipe
    name, _, keywords = parse_call(text)
    if name == "constant":
        return "all equal"
    if name in FIXED_SCALE:
        scale = _scale(result.plan)
        return "too small" if scale < 1 / FAR else "too large" if scale > FAR else result.recipe
    if name in FAMILIAR and list(keywords) == ["gain"]:
        return f"{keywords['gain']:g} × {FAMILIAR[name]}"
    return FAMILIAR.get(text, result.recipe)


def _scale(plan: Plan) -> float:
    """Return how many times the standard deviation of Xavier's law a plan's matrices have, in the median."""
    scales = [
        entry.distribution.std * math.sqrt((entry.fans.fan_in + entry.fans.fan_out) / 2)
        for entry in plan.entries
        if len(entry.shape) > 1 and entry.distribution and not isinstance(entry.distribution, Constant) and entry.fans
    ]
    return median(scales) if scales else math.nan
