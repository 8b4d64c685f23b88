"""What textbooks say of initialisation, each sentence held against the figures of a comparison."""

import inspect
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from glorot.catalogue import parse_call
from glorot.comparison.comparison import Comparison
from glorot.comparison.judging import observations as see
from glorot.comparison.judging import rivals
from glorot.comparison.judging.observations import Bench, Seen
from glorot.comparison.judging.standings import SINGLES_LEVEL, Standings
from glorot.comparison.results import Claim, RecipeResult
from glorot.recipes import RECIPES, as_recipe

Speaks = Callable[[str], bool]
"""Whether a sentence speaks of a recipe, given by its text."""

Single = Callable[[RecipeResult, Bench], Seen | None]
"""Whether a sentence on one recipe holds, and what was seen; None where nothing was run to judge it by."""

Pair = Callable[[RecipeResult, RecipeResult, Bench], Seen | None]
"""The same of a sentence on a recipe and its rival."""


class Sentence(NamedTuple):
    """A sentence, the recipes that it speaks of, how it is judged, and the activations it is about (None: all).

    A sentence on two recipes has the rivals of the first, and is judged beside the first of them that was run.
    """

    text: str
    speaks_of: Speaks
    judge: Single | None = None
    activations: tuple[str, ...] | None = None
    beside: Speaks | None = None
    judge_pair: Pair | None = None


class Case(NamedTuple):
    """A sentence with the recipes of a comparison that it is judged by."""

    sentence: Sentence
    result: RecipeResult
    rival: RecipeResult | None


def claims(standings: Standings) -> tuple[Claim, ...]:
    """Hold every sentence that speaks of a recipe in the comparison against its figures.

    Sentences on the figures of one recipe share their part of the error rate: each is first judged at an equal share;
    what is decided no longer needs its share, which goes to those that are still open.

    References:
        Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6.
    """
    comparison = standings.comparison
    if not comparison.classifies:
        return ()
    cases = [case for sentence in SENTENCES for case in _cases(sentence, comparison)]
    undecided = sum(map(_by_figures, cases))
    while True:
        bench = Bench(standings, SINGLES_LEVEL / max(undecided, 1))
        judged = [(case, claim) for case in cases if (claim := _judge(case, bench)) is not None]
        left = sum(claim.holds is None and _by_figures(case) for case, claim in judged)
        if left == undecided:
            return tuple(claim for _, claim in judged)
        undecided = left


def _by_figures(case: Case) -> bool:
    """Tell whether a sentence is tested here; pairs, except for depth, are tested in the standings."""
    return case.rival is None or case.sentence.judge_pair is rivals.differs_when_deep


def _cases(sentence: Sentence, comparison: Comparison) -> Iterator[Case]:
    """Find what a sentence is judged by: each recipe if it names the recipe, else the first that it speaks of."""
    if sentence.activations is not None and comparison.activation not in sentence.activations:
        return
    others = _found(comparison, sentence.beside) if sentence.beside else [None]
    for result in _found(comparison, sentence.speaks_of):
        if others:
            yield Case(sentence, result, others[0])
        if "{recipe}" not in sentence.text:
            return


def _judge(case: Case, bench: Bench) -> Claim | None:
    sentence, result, rival = case
    if rival is not None and sentence.judge_pair is not None:
        seen = sentence.judge_pair(result, rival, bench)
    else:
        seen = sentence.judge(result, bench) if sentence.judge is not None else None
    if seen is None:
        return None
    words = sentence.text.format(recipe=result.recipe, activation=bench.standings.comparison.activation)
    return Claim(words, *seen)


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


ZEROS = _named("zeros")
CONSTANTS = _between("constant", 1e-12, math.inf)
SMALL = _between("random", 1e-12, 0.02)
LARGE = _between("random", 0.5, math.inf)
STANDARD = _named("standard")
UNIFORM = _named("xavier_uniform", "xavier")
NORMAL = _named("xavier_normal")
XAVIER = _named("xavier_uniform", "xavier", "xavier_normal")
UNIT_SLOPE = _named("xavier_uniform(gain=4)")
HE = _named("he_normal", "he", "he_uniform")
SQUASHING = ("tanh", "softsign", "sigmoid", "hardtanh", "hardsigmoid", "erf")
BOUNDED_AND_CENTRED = ("tanh", "softsign", "erf", "hardtanh")
RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "relu6", "mish")
UNBOUNDED = ("identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus")
ZERO_BELOW = ("relu", "relu6", "relu_squared")


def _single(text: str, speaks_of: Speaks, judge: Single, activations: tuple[str, ...] | None = None) -> Sentence:
    return Sentence(text, speaks_of, judge, activations)


def _pair(
    text: str, speaks_of: Speaks, beside: Speaks, judge: Pair, activations: tuple[str, ...] | None = None
) -> Sentence:
    return Sentence(text, speaks_of, None, activations, beside, judge)


SENTENCES = (
    _single("A net of zero weights learns nothing.", ZEROS, see.learns_nothing),
    _single("A layer of equal weights ({recipe}) stays one unit, however wide it is.", CONSTANTS, see.stays_one_unit),
    _single("A net of equal weights ({recipe}) learns nothing.", CONSTANTS, see.learns_nothing),
    _single("Small random weights make the gradient vanish in a deep net.", SMALL, see.gradient_vanishes),
    _single("With small random weights a deep net does not learn.", SMALL, see.learns_nothing),
    _single("Large random weights make the signal explode.", LARGE, see.signal_explodes, UNBOUNDED),
    _single("Large random weights saturate the units.", LARGE, see.saturates, SQUASHING),
    _single("At saturated units the gradient stops.", LARGE, see.stops_at_saturated, SQUASHING),
    _single("Units that start saturated stay so.", LARGE, see.stays_saturated, SQUASHING),
    _single("Large random weights leave dead units under {activation}.", LARGE, see.kills_units, ZERO_BELOW),
    _single("A net of large random weights overfits.", LARGE, see.overfits),
    _single("Xavier keeps the variance of the signal near the linear range.", XAVIER, see.keeps_variance),
    _pair("Xavier is random too: it is the scale that counts.", XAVIER, SMALL, rivals.is_random_too),
    _pair("Xavier learns faster than the standard rule U(±1/√fan_in).", XAVIER, STANDARD, rivals.is_faster),
    _pair("Xavier ends with a lower training loss than the standard rule.", XAVIER, STANDARD, rivals.has_lower_loss),
    _single("A net that stands still at first ({recipe}) may learn later.", STANDARD, see.leaves_plateau),
    _pair("Three or four hidden layers make a marked difference.", XAVIER, SMALL, rivals.differs_when_deep),
    _pair("Uniform or normal makes no difference to Xavier.", NORMAL, UNIFORM, rivals.is_alike),
    _pair("Xavier is better than He under {activation}.", XAVIER, HE, rivals.is_better, BOUNDED_AND_CENTRED),
    _single("Xavier serves sigmoid and tanh alike.", XAVIER, see.reaches_goal, ("sigmoid",)),
    _single(
        "Under a sigmoid four times Xavier, which restores its unit slope, trains.",
        UNIT_SLOPE, see.reaches_goal, ("sigmoid",),
    ),
    _pair("He is better than Xavier under {activation}.", HE, XAVIER, rivals.is_better, RECTIFIERS),
)  # fmt: skip
"""In the order in which a page tells them."""
