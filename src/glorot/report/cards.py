"""Cards: one for each recipe, with its nickname, its code, its score and its verdict."""

import math
import re

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult
from glorot.markup import html_text
from glorot.report.curves import style
from glorot.report.document import prose
from glorot.report.terms import terms

PARTS = re.compile(r"; (?![^(]*\))")
"""What parts a verdict, but not what stands in brackets."""


def cards(comparison: Comparison, heading: str = "h2") -> str:
    """Return a card for each recipe under a heading of some level, and a line for each term that they use."""
    told = " ".join(result.verdict for result in comparison.results)
    each = "\n".join(_card(result, comparison, heading) for result in comparison.results)
    return f'<div class="cards">\n{each}\n</div>\n{terms(told)}'


def named(comparison: Comparison, recipe: str) -> str:
    """Return what a recipe is called as HTML, with its code beside it where that is something else."""
    name, _, _ = style(comparison, recipe)
    code = "" if name == recipe else f" <code>{html_text(recipe)}</code>"
    return f"{html_text(name)}{code}"


def _card(result: RecipeResult, comparison: Comparison, heading: str) -> str:
    _, hue, _ = style(comparison, result.recipe)
    parts = [prose(word[:1].upper() + word[1:]) for word in PARTS.split(result.verdict)]
    verdict = f"<p>{parts[0]}</p>" if len(parts) == 1 else f"<ul>{''.join(f'<li>{part}</li>' for part in parts)}</ul>"
    return (
        f'<article class="card c{hue}"><{heading} class="title">{named(comparison, result.recipe)}</{heading}>'
        f'<p class="score">{_score(result, comparison)}</p><div class="verdict">{verdict}</div></article>'
    )


def _score(result: RecipeResult, comparison: Comparison) -> str:
    if comparison.classifies:
        end, what, unit, scale, digits = result.final("test_accuracy"), "test accuracy", " %", 100, ".1f"
    else:
        end, what, unit, scale, digits = result.final("test_loss"), "test loss", "", 1, ".3g"
    if math.isnan(end.mean):
        return "diverged"
    mean, std = (f"{scale * value:{digits if value < 1000 else '.0f'}}" for value in (end.mean, end.std))
    around = f" ± {std}" if end.count > 1 else ""
    return f"{prose(mean + unit)}<small>{around} {what}</small>"
