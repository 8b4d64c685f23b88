"""What textbooks say of initialisation, each sentence held against the figures of a comparison."""

import inspect
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from glorot.catalogue import parse_call
from glorot.comparison.comparison import Comparison
from glorot.comparison.results import GOAL, Claim, RecipeResult, differ
from glorot.comparison.summary import percent
from glorot.comparison.verdicts import FADED, learns, ratio, times
from glorot.recipes import RECIPES, as_recipe

Seen = tuple[bool | None, str]
Test = Callable[[RecipeResult, Comparison], Seen | None]
"""Whether a sentence holds (None: that cannot be told) and what was seen; None where nothing was run to judge it by."""


Speaks = Callable[[str], bool]
"""Whether a sentence speaks of a recipe, given by its text."""


class Sentence(NamedTuple):
    """A sentence, the recipes that it speaks of, its test, and the activations it is about (None: all)."""

    text: str
    speaks_of: Speaks
    test: Test
    activations: tuple[str, ...] | None = None


def claims(comparison: Comparison) -> tuple[Claim, ...]:
    """Hold every sentence that speaks of a recipe in the comparison against its figures."""
    if not comparison.classifies:
        return ()
    judged = [claim for sentence in SENTENCES for claim in _judge(sentence, comparison)]
    return tuple(judged)


def _judge(sentence: Sentence, comparison: Comparison) -> Iterator[Claim]:
    """Judge a sentence: once for each recipe if it names the recipe, else for the first it speaks of."""
    if sentence.activations is not None and comparison.activation not in sentence.activations:
        return
    for result in _found(comparison, sentence.speaks_of):
        seen = sentence.test(result, comparison)
        if seen is not None:
            yield Claim(sentence.text.format(recipe=result.recipe, activation=comparison.activation), *seen)
        if "{recipe}" not in sentence.text:
            return


def _found(comparison: Comparison, speaks_of: Speaks) -> list[RecipeResult]:
    return [result for result in comparison.results if speaks_of(as_recipe(result.recipe).text)]


def _named(*texts: str) -> Speaks:
    return lambda text: text in texts


def _between(recipe: str, low: float, high: float) -> Speaks:
    """Return whether a text is a recipe whose one argument lies between two values."""

    def speaks_of(text: str) -> bool:
        name, positional, keywords = parse_call(text)
        default = next(iter(inspect.signature(RECIPES.factory(recipe)).parameters.values())).default
        value = next(iter([*positional, *keywords.values()]), default)
        return name == recipe and low <= abs(value) <= high

    return speaks_of


NO_NUMBER: Seen = (None, "cannot be told: a run diverged, and what it ends with is not a number")
NO_WAY: Seen = (None, "cannot be told: there is no way from a first to a last hidden layer on which to measure it")


def _percent(result: RecipeResult, figure: str = "test_accuracy") -> str:
    return f"{percent(result.final(figure))} %"


def _nothing_learned(result: RecipeResult, comparison: Comparison) -> Seen:
    if math.isnan(result.final("test_accuracy").mean):
        return NO_NUMBER
    return not learns(result, comparison), f"{_percent(result)} (guessing gives {100 * comparison.chance:.1f} %)"


def _one_unit(result: RecipeResult, comparison: Comparison) -> Seen:
    distinct = result.distinct_at_end
    return distinct == 1, f"{distinct} distinct unit{'s' if distinct != 1 else ''} in its poorest layer after training"


def _gradient_vanishes(result: RecipeResult, comparison: Comparison) -> Seen:
    gradients = result.by_layer("gradient_std")
    factor = ratio(gradients, backwards=True)
    if math.isnan(factor):
        return NO_WAY
    seen = f"the gradient goes {times(factor)} from the last hidden layer to the first"
    if gradients and gradients[-1].mean > 0:
        seen += f" ({gradients[-1].mean:.1g} to {gradients[0].mean:.1g})"
    return factor < FADED, seen


def _saturates(result: RecipeResult, comparison: Comparison) -> Seen:
    saturated = max((layer.mean for layer in result.by_layer("saturated")), default=math.nan)
    if math.isnan(saturated):
        return NO_NUMBER
    return saturated > 0.5, f"{100 * saturated:.0f} % of unit and example pairs in the fullest layer"


def _overfits(result: RecipeResult, comparison: Comparison) -> Seen:
    gap = result.final("train_accuracy").mean - result.final("test_accuracy").mean
    if math.isnan(gap):
        return NO_NUMBER
    return gap > 0.05, f"training {_percent(result, 'train_accuracy')}, test {_percent(result)}"


def _keeps_variance(result: RecipeResult, comparison: Comparison) -> Seen:
    forward = ratio(result.by_layer("std")) ** 2
    backward = ratio(result.by_layer("gradient_std"), backwards=True) ** 2
    if math.isnan(forward) or math.isnan(backward):
        return NO_WAY
    holds = 0.5 <= forward <= 2 and 0.5 <= backward <= 2
    return holds, f"variance of the signal {times(forward)} forwards, of the gradient {times(backward)} backwards"


def _reaches_goal(result: RecipeResult, comparison: Comparison) -> Seen:
    share = result.share_to_goal
    if math.isnan(result.final("test_accuracy").mean):
        return NO_NUMBER
    return share > 0.5, f"{100 * share:.0f} % of the seeds reach {100 * GOAL:.0f} %; at the end {_percent(result)}"


def _against(rivals: Speaks, judge: Callable[[RecipeResult, RecipeResult, Comparison], Seen | None]) -> Test:
    """Return a test that sets a recipe beside the first of its rivals that was run."""

    def test(result: RecipeResult, comparison: Comparison) -> Seen | None:
        found = _found(comparison, rivals)
        return judge(result, found[0], comparison) if found else None

    return test


def _faster(result: RecipeResult, rival: RecipeResult, comparison: Comparison) -> Seen:
    words = [f"{start.recipe} {_range(start.epochs_to_goal)}" for start in (result, rival)]
    mine, theirs = result.median_to_goal, rival.median_to_goal
    holds = None if math.isinf(mine) and math.isinf(theirs) else mine < theirs  # neither got there
    return holds, f"epochs to {100 * GOAL:.0f} %: {', '.join(words)}"


def _range(epochs: tuple[int, int] | None) -> str:
    if epochs is None:
        return "never"
    return str(epochs[0]) if epochs[0] == epochs[1] else f"{epochs[0]} to {epochs[1]}"


def _better(result: RecipeResult, rival: RecipeResult, comparison: Comparison) -> Seen | None:
    mine, theirs = result.final("test_accuracy"), rival.final("test_accuracy")
    if min(mine.count, theirs.count) < 2:
        return None  # one seed cannot tell
    alive = [learns(each, comparison) for each in (result, rival)]
    if not any(alive):
        return None, f"neither learns: {_both(result, rival)}"
    if all(alive) and not differ(mine, theirs):
        return False, f"no difference: {_both(result, rival)}"
    return mine.mean > theirs.mean, _both(result, rival)


def _same(result: RecipeResult, rival: RecipeResult, comparison: Comparison) -> Seen | None:
    mine, theirs = result.final("test_accuracy"), rival.final("test_accuracy")
    if min(mine.count, theirs.count) < 2:
        return None
    alive = [learns(each, comparison) for each in (result, rival)]
    if not any(alive):
        return None, f"neither learns: {_both(result, rival)}"
    same = all(alive) and not differ(mine, theirs)
    return same, f"{'no difference: ' if same else ''}{_both(result, rival)}"


def _both(result: RecipeResult, rival: RecipeResult) -> str:
    return f"{result.recipe} {_percent(result)}, {rival.recipe} {_percent(rival)}"


SMALL = _between("random", 0.0, 0.02)
LARGE = _between("random", 0.5, math.inf)
CONSTANTS = _between("constant", 1e-12, math.inf)
STANDARD = _named("standard")
UNIFORM = _named("xavier_uniform", "xavier")
XAVIER = _named("xavier_uniform", "xavier", "xavier_normal")
HE = _named("he_normal", "he", "he_uniform")
SQUASHING = ("tanh", "softsign", "sigmoid", "hardtanh", "hardsigmoid", "erf")
BOUNDED_AND_CENTRED = ("tanh", "softsign", "erf", "hardtanh")
RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "relu6", "mish")

SENTENCES = (
    Sentence("A net of zero weights learns nothing.", _named("zeros"), _nothing_learned),
    Sentence("A layer of equal weights ({recipe}) stays one unit, however wide it is.", CONSTANTS, _one_unit),
    Sentence("A net of equal weights ({recipe}) learns nothing.", CONSTANTS, _nothing_learned),
    Sentence("Small random weights make the gradient vanish in a deep net.", SMALL, _gradient_vanishes),
    Sentence("With small random weights a deep net does not learn.", SMALL, _nothing_learned),
    Sentence("Large random weights saturate the units.", LARGE, _saturates, SQUASHING),
    Sentence("Saturated units make the gradient vanish.", LARGE, _gradient_vanishes, SQUASHING),
    Sentence("A net of large random weights overfits.", LARGE, _overfits),
    Sentence("Xavier keeps the variance of signal and gradient within a factor of 2.", XAVIER, _keeps_variance),
    Sentence("Xavier learns faster than the standard rule U(±1/√fan_in).", XAVIER, _against(STANDARD, _faster)),
    Sentence("Uniform or normal makes no difference to Xavier.", _named("xavier_normal"), _against(UNIFORM, _same)),
    Sentence("Xavier is better than He under {activation}.", XAVIER, _against(HE, _better), BOUNDED_AND_CENTRED),
    Sentence("Xavier serves sigmoid and tanh alike.", XAVIER, _reaches_goal, ("sigmoid",)),
    Sentence(
        "Under a sigmoid four times Xavier, which restores its unit slope, trains.",
        _named("xavier_uniform(gain=4)"), _reaches_goal, ("sigmoid",),
    ),
    Sentence("He is better than Xavier under {activation}.", HE, _against(XAVIER, _better), RECTIFIERS),
)  # fmt: skip
