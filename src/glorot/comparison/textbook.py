"""What textbooks say of initialisation, each sentence held against the figures of a comparison."""

from collections.abc import Callable
from typing import NamedTuple

from glorot.comparison.results import GOAL, Claim, Comparison, RecipeResult, differ
from glorot.comparison.verdicts import FADED, learns, ratio, times
from glorot.recipes import as_recipe

Test = Callable[[RecipeResult, Comparison], tuple[bool, str]]


class Sentence(NamedTuple):
    """A sentence, the start of the recipes that it speaks of, and its test."""

    text: str
    recipes: tuple[str, ...]
    test: Test
    activations: tuple[str, ...] | None = None


def claims(comparison: Comparison) -> tuple[Claim, ...]:
    """Hold every sentence that speaks of a recipe in the comparison against its figures."""
    found = []
    for sentence in SENTENCES:
        if sentence.activations is not None and comparison.activation not in sentence.activations:
            continue
        for result in comparison.results:
            if as_recipe(result.recipe).text in sentence.recipes:
                holds, seen = sentence.test(result, comparison)
                found.append(
                    Claim(sentence.text.format(recipe=result.recipe, activation=comparison.activation), holds, seen)
                )
                break
    return tuple(found) if comparison.classifies else ()


def _percent(result: RecipeResult, figure: str = "test_accuracy") -> str:
    accuracy = result.final(figure)
    return f"{100 * accuracy.mean:.1f} ± {100 * accuracy.std:.1f} %"


def _nothing_learned(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    return not learns(result, comparison), f"{_percent(result)} (guessing gives {100 * comparison.chance:.1f} %)"


def _one_unit(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    distinct = result.distinct_at_end
    return distinct == 1, f"{distinct} distinct unit{'s' if distinct != 1 else ''} in its poorest layer after training"


def _gradient_vanishes(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    gradients = result.by_layer("gradient_std")
    factor = ratio(gradients, backwards=True)
    seen = f"the gradient goes {times(factor)} from the last hidden layer to the first"
    if gradients and gradients[-1].mean > 0:
        seen += f" ({gradients[-1].mean:.1g} to {gradients[0].mean:.1g})"
    return factor < FADED, seen


def _saturates(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    saturated = max(layer.mean for layer in result.by_layer("saturated"))
    return saturated > 0.5, f"{100 * saturated:.0f} % of unit and example pairs in the fullest layer"


def _overfits(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    gap = result.final("train_accuracy").mean - result.final("test_accuracy").mean
    return gap > 0.05, f"training {_percent(result, 'train_accuracy')}, test {_percent(result)}"


def _keeps_variance(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    forward = ratio(result.by_layer("std"))
    backward = ratio(result.by_layer("gradient_std"), backwards=True)
    holds = 0.5 <= forward <= 2 and 0.5 <= backward <= 2
    return holds, f"std of the signal {times(forward)} forwards, of the gradient {times(backward)} backwards"


def _learns_well(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
    return result.final("test_accuracy").mean >= GOAL, _percent(result)


def _faster_than(other: str) -> Test:
    def test(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
        rival = _find(comparison, other)
        if rival is None or (mine := result.epochs_to_goal) is None:
            return False, f"{result.recipe} does not reach {100 * GOAL:.0f} %" if rival else f"{other} was not run"
        theirs = rival.epochs_to_goal
        against = "never" if theirs is None else f"{theirs[0]} to {theirs[1]}"
        faster = theirs is None or mine[1] < theirs[0]
        return faster, f"epochs to {100 * GOAL:.0f} %: {mine[0]} to {mine[1]}, {other} {against}"

    return test


def _better_than(other: str) -> Test:
    def test(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
        rival = _find(comparison, other)
        if rival is None:
            return False, f"{other} was not run"
        mine, theirs = result.final("test_accuracy"), rival.final("test_accuracy")
        words = f"{_percent(result)} against {_percent(rival)}"
        if not differ(mine, theirs):
            return False, f"no difference: {words}"
        return mine.mean > theirs.mean, words

    return test


def _same_as(other: str) -> Test:
    def test(result: RecipeResult, comparison: Comparison) -> tuple[bool, str]:
        rival = _find(comparison, other)
        if rival is None:
            return False, f"{other} was not run"
        same = not differ(result.final("test_accuracy"), rival.final("test_accuracy"))
        return same, f"{_percent(result)} and {_percent(rival)}" + (": no difference" if same else "")

    return test


def _find(comparison: Comparison, text: str) -> RecipeResult | None:
    return next((r for r in comparison.results if as_recipe(r.recipe).text == as_recipe(text).text), None)


SMALL = ("random", "random(std=0.01)")
LARGE = ("random(std=1)",)
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
    Sentence("Xavier learns faster than the standard rule U(±1/√fan_in).", XAVIER, _faster_than("standard")),
    Sentence("Uniform or normal makes no difference to Xavier.", ("xavier_normal",), _same_as("xavier_uniform")),
    Sentence("Xavier is better than He under {activation}.", XAVIER, _better_than("he_normal"), BOUNDED_AND_CENTRED),
    Sentence("Xavier serves sigmoid and tanh alike.", XAVIER, _learns_well, ("sigmoid",)),
    Sentence(
        "Under a sigmoid four times Xavier, which restores its unit slope, trains.",
        ("xavier_uniform(gain=4)",), _learns_well, ("sigmoid",),
    ),
    Sentence("He is better than Xavier under {activation}.", HE, _better_than("xavier_uniform"), RECTIFIERS),
)  # fmt: skip
