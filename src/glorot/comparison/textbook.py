"""What textbooks say of initialisation, each sentence held against the figures of a comparison."""

from collections.abc import Callable
from typing import NamedTuple

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import GOAL, Claim, RecipeResult, differ
from glorot.comparison.verdicts import FADED, learns, ratio, times
from glorot.recipes import as_recipe

Seen = tuple[bool, str]
Test = Callable[[RecipeResult, Comparison], Seen | None]
"""Whether a sentence holds and what was seen; None where nothing was run to hold it against."""


class Sentence(NamedTuple):
    """A sentence, the start of the recipes that it speaks of, and its test."""

    text: str
    recipes: tuple[str, ...]
    test: Test
    activations: tuple[str, ...] | None = None


def claims(comparison: Comparison) -> tuple[Claim, ...]:
    """Hold every sentence that speaks of a recipe in the comparison against its figures."""
    if not comparison.classifies:
        return ()
    judged = [_judge(sentence, comparison) for sentence in SENTENCES]
    return tuple(claim for claim in judged if claim is not None)


def _judge(sentence: Sentence, comparison: Comparison) -> Claim | None:
    if sentence.activations is not None and comparison.activation not in sentence.activations:
        return None
    result = _find(comparison, sentence.recipes)
    seen = None if result is None else sentence.test(result, comparison)
    if result is None or seen is None:
        return None
    return Claim(sentence.text.format(recipe=result.recipe, activation=comparison.activation), *seen)


def _find(comparison: Comparison, recipes: tuple[str, ...]) -> RecipeResult | None:
    return next((result for result in comparison.results if as_recipe(result.recipe).text in recipes), None)


def _percent(result: RecipeResult, figure: str = "test_accuracy") -> str:
    accuracy = result.final(figure)
    return f"{100 * accuracy.mean:.1f} ± {100 * accuracy.std:.1f} %"


def _nothing_learned(result: RecipeResult, comparison: Comparison) -> Seen:
    return not learns(result, comparison), f"{_percent(result)} (guessing gives {100 * comparison.chance:.1f} %)"


def _one_unit(result: RecipeResult, comparison: Comparison) -> Seen:
    distinct = result.distinct_at_end
    return distinct == 1, f"{distinct} distinct unit{'s' if distinct != 1 else ''} in its poorest layer after training"


def _gradient_vanishes(result: RecipeResult, comparison: Comparison) -> Seen:
    gradients = result.by_layer("gradient_std")
    factor = ratio(gradients, backwards=True)
    seen = f"the gradient goes {times(factor)} from the last hidden layer to the first"
    if gradients and gradients[-1].mean > 0:
        seen += f" ({gradients[-1].mean:.1g} to {gradients[0].mean:.1g})"
    return factor < FADED, seen


def _saturates(result: RecipeResult, comparison: Comparison) -> Seen:
    saturated = max(layer.mean for layer in result.by_layer("saturated"))
    return saturated > 0.5, f"{100 * saturated:.0f} % of unit and example pairs in the fullest layer"


def _overfits(result: RecipeResult, comparison: Comparison) -> Seen:
    gap = result.final("train_accuracy").mean - result.final("test_accuracy").mean
    return gap > 0.05, f"training {_percent(result, 'train_accuracy')}, test {_percent(result)}"


def _keeps_variance(result: RecipeResult, comparison: Comparison) -> Seen:
    forward = ratio(result.by_layer("std"))
    backward = ratio(result.by_layer("gradient_std"), backwards=True)
    holds = 0.5 <= forward <= 2 and 0.5 <= backward <= 2
    return holds, f"std of the signal {times(forward)} forwards, of the gradient {times(backward)} backwards"


def _learns_well(result: RecipeResult, comparison: Comparison) -> Seen:
    return result.final("test_accuracy").mean >= GOAL, _percent(result)


def _against(rivals: tuple[str, ...], judge: Callable[[RecipeResult, RecipeResult], Seen]) -> Test:
    """Return a test that sets a recipe beside the first of its rivals that was run."""

    def test(result: RecipeResult, comparison: Comparison) -> Seen | None:
        rival = _find(comparison, rivals)
        return None if rival is None else judge(result, rival)

    return test


def _faster(result: RecipeResult, rival: RecipeResult) -> Seen:
    mine, theirs = result.epochs_to_goal, rival.epochs_to_goal
    words = [f"{start.recipe} {_range(start.epochs_to_goal)}" for start in (result, rival)]
    holds = mine is not None and (theirs is None or mine[1] < theirs[0])
    return holds, f"epochs to {100 * GOAL:.0f} %: {', '.join(words)}"


def _range(epochs: tuple[int, int] | None) -> str:
    if epochs is None:
        return "never"
    return str(epochs[0]) if epochs[0] == epochs[1] else f"{epochs[0]} to {epochs[1]}"


def _better(result: RecipeResult, rival: RecipeResult) -> Seen:
    mine, theirs = result.final("test_accuracy"), rival.final("test_accuracy")
    words = f"{_percent(result)} against {_percent(rival)}"
    if not differ(mine, theirs):
        return False, f"no difference: {words}"
    return mine.mean > theirs.mean, words


def _same(result: RecipeResult, rival: RecipeResult) -> Seen:
    same = not differ(result.final("test_accuracy"), rival.final("test_accuracy"))
    return same, f"{_percent(result)} and {_percent(rival)}" + (": no difference" if same else "")


SMALL = ("random", "random(std=0.01)")
LARGE = ("random(std=1)",)
UNIFORM = ("xavier_uniform", "xavier")
XAVIER = ("xavier", "xavier_uniform", "xavier_normal")
HE = ("he_normal", "he", "he_uniform")
CONSTANTS = ("constant", *(f"constant(value={value})" for value in ("0.01", "0.05", "0.5", "1")))
SQUASHING = ("tanh", "softsign", "sigmoid", "hardtanh", "hardsigmoid", "erf")
BOUNDED_AND_CENTRED = ("tanh", "softsign", "erf", "hardtanh")
RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "relu6", "mish")

SENTENCES = (
    Sentence("A net of zero weights learns nothing.", ("zeros",), _nothing_learned),
    Sentence("A layer of equal weights stays one unit, however wide it is.", CONSTANTS, _one_unit),
    Sentence("A net of equal weights ({recipe}) learns nothing.", CONSTANTS, _nothing_learned),
    Sentence("Small random weights make the gradient vanish in a deep net.", SMALL, _gradient_vanishes),
    Sentence("With small random weights a deep net does not learn.", SMALL, _nothing_learned),
    Sentence("Large random weights saturate the units.", LARGE, _saturates, SQUASHING),
    Sentence("Saturated units make the gradient vanish.", LARGE, _gradient_vanishes, SQUASHING),
    Sentence("A net of large random weights overfits.", LARGE, _overfits),
    Sentence("Xavier keeps the variance of signal and gradient within a factor of 2.", XAVIER, _keeps_variance),
    Sentence("Xavier learns faster than the standard rule U(±1/√fan_in).", XAVIER, _against(("standard",), _faster)),
    Sentence("Uniform or normal makes no difference to Xavier.", ("xavier_normal",), _against(UNIFORM, _same)),
    Sentence("Xavier is better than He under {activation}.", XAVIER, _against(HE, _better), BOUNDED_AND_CENTRED),
    Sentence("Xavier serves sigmoid and tanh alike.", XAVIER, _learns_well, ("sigmoid",)),
    Sentence(
        "Under a sigmoid four times Xavier, which restores its unit slope, trains.",
        ("xavier_uniform(gain=4)",), _learns_well, ("sigmoid",),
    ),
    Sentence("He is better than Xavier under {activation}.", HE, _against(XAVIER, _better), RECTIFIERS),
)  # fmt: skip
