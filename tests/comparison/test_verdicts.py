"""Verdicts: what becomes of a recipe, which of three answers it gets beside the best, and every wording of them."""

import math
from typing import Any

import comparing_builders as build
import pytest

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.fates import Fate, fate
from glorot.comparison.judging.standings import Standings


def verdicts(*results: Any, **fields: Any) -> list[str]:
    return [result.verdict for result in build.comparison(*results, **fields).results]


def beside(name: str, **more: Any) -> Any:
    """Return a recipe that learns, for others to stand beside."""
    return build.recipe(name, build.near(0.97, seed=7), **more)


def test_a_recipe_that_is_worse_is_so_many_points_below_within_an_interval() -> None:
    best, worse = verdicts(beside("xavier"), build.recipe("standard", build.near(0.92, seed=1)))
    assert best == "best here"
    assert worse.startswith("5.0 points below the best (xavier; interval ")
    low, high = (float(words.rstrip(")")) for words in worse.split("interval ")[1].split(" to "))
    assert 2 < low < 5 < high < 8


def test_recipes_that_chance_may_have_set_apart_cannot_be_told() -> None:
    best, other = verdicts(beside("xavier"), build.recipe("he", build.near(0.966, spread=0.008, seed=1)))
    assert best == "highest here"
    assert other.startswith("cannot tell it from xavier (0.4 points apart): about ")
    assert other.endswith(" more seeds would")


def test_no_difference_is_the_answer_of_an_equivalence_test_alone() -> None:
    close = build.recipe("he", build.near(0.969, spread=0.002, seed=1))
    assert verdicts(build.recipe("xavier", build.near(0.97, spread=0.002)), close)[1] == (
        "no difference from xavier: they end within 1 point of each other"
    )
    narrow = verdicts(build.recipe("xavier", build.near(0.97, spread=0.002)), close, margin=0.001)[1]
    assert narrow.startswith("cannot tell it from xavier (0.1 points apart)")
    wide = verdicts(beside("xavier"), build.recipe("he", build.near(0.966, spread=0.008, seed=1)), margin=0.05)[1]
    assert wide == "no difference from xavier: they end within 5 points of each other"


def test_a_verdict_that_no_number_of_seeds_would_give_promises_none() -> None:
    same = build.recipe("he", build.near(0.97, seed=7))
    words = verdicts(beside("xavier"), same, margin=1e-6)[1]
    assert words == "cannot tell it from xavier (0.0 points apart)"


def test_dead_recipes_name_what_is_ill() -> None:
    zero = build.layers(second_moment=0.0, gradient_std=0.0, std=0.0, std_across=0.0)
    cases = {
        "zeros": (zero, "zero weights pass no signal and no gradient"),
        "constant(0.1)": (build.layers(distinct=1), "each layer has one distinct unit"),
        "random(0.01)": (build.layers(gradient_std=0.0), "no gradient reaches the hidden layers"),
        "random(0.02)": (
            build.layers(std_across=[0.4, 0.04, 0.001]),
            "the difference between examples dies on the way (×0.0025",
        ),
        "random(0.03)": (
            build.layers(gradient_std=[1e-4, 1e-2, 0.1]),
            "the gradient vanishes on the way back (×0.001)",
        ),
        "random(1)": (build.layers(std_across=[1.0, 30.0, 900.0]), "the signal explodes on the way (×900 from first"),
        "random(2)": (build.layers(saturated=0.8), "most units are saturated at the start (80 %)"),
        "random(3)": (build.layers(gradient_std=[90.0, 1.0, 0.1]), "the gradient explodes on the way back (×900)"),
        "he": (build.layers(), "no figure of the start says why; try another learning rate"),
    }
    for name, (start, cause) in cases.items():
        (words,) = verdicts(build.recipe(name, [0.1, 0.1, 0.1], start=start))
        assert words.startswith(f"does not learn: {cause}"), name


def test_a_recipe_that_diverges_gets_its_cause() -> None:
    exploding = build.layers(std_across=[1.0, 30.0, 900.0])
    (ill,) = verdicts(build.lost("random(1)", start=exploding))
    assert ill == (
        "diverges: the signal explodes on the way (×900 from first to last layer); the loss is no number from epoch 2 on "
        "(3 of 3 seeds)"
    )
    (sound,) = verdicts(build.lost("xavier"))
    assert sound.startswith("diverges: its start is sound, so the learning rate is too large for it; the loss is no")


def test_a_recipe_that_learns_from_some_seeds_is_judged_apart() -> None:
    best, some = verdicts(beside("xavier"), build.recipe("he", [0.97, 0.97, 0.1, 0.97, 0.1]))
    assert best == "best here"
    assert some == "learns from 3 of 5 seeds only"


def test_with_one_seed_nothing_is_told_but_what_was_seen() -> None:
    told = verdicts(build.recipe("xavier", [0.97]), build.recipe("he", [0.5]), build.recipe("zeros", [0.1]))
    assert told[:2] == ["learns; one seed cannot tell which start is better"] * 2 or told[1].startswith(
        "learns; one seed"
    )
    assert told[2].startswith("does not learn from this seed: ")


def test_pace_and_the_gap_to_training_are_figures() -> None:
    fast = beside("xavier", reached=[2, 2, 3, 2, 2])
    slow = build.recipe("standard", build.near(0.95, seed=3), reached=[8, 9, 8, 8, 9], gap=0.03)
    never = build.recipe("random(1)", build.near(0.6, seed=4), gap=0.09)
    some = build.recipe("he", [0.91, 0.91, 0.85, 0.86, 0.84], reached=[9, 9, 9, 9, 9])
    _, late, none, few = (words.split("; ") for words in verdicts(fast, slow, never, some))
    assert "4.0 times the epochs to 90 %" in late
    assert "reaches 90 % in no seed" in none
    assert "9 points lower on the test set than in training" in none
    assert "reaches 90 % in 40 % of the seeds" in few
    assert not any("lower on the test set" in words for words in late)


def test_a_pace_within_chance_is_not_spoken_of() -> None:
    one = beside("xavier", reached=[1, 2, 4, 2, 1])
    other = build.recipe("he", build.near(0.968, seed=1), reached=[4, 2, 2, 4, 5])
    assert not any("times the epochs" in words for words in verdicts(one, other))


def test_without_classes_it_is_the_loss() -> None:
    better, worse, same = (
        build.without_classes(build.recipe(name, [0.1] * 4), ends)
        for name, ends in (
            ("xavier", [0.2, 0.21, 0.19, 0.2]), ("standard", [0.8, 0.85, 0.75, 0.8]), ("he", [0.2, 0.2, 0.2, 0.2]),
        )
    )  # fmt: skip
    told = verdicts(better, worse, same, classifies=False, chance=math.nan, margin=0.2)
    assert told[1].startswith("test loss 4 times that of the best (xavier; interval 3.")
    assert told[2] == "no difference from xavier: their losses end within 20 % of each other"
    unknown = verdicts(better, worse, same, classifies=False, chance=math.nan)[2]
    assert unknown == "cannot tell it from xavier (its test loss 0.1 % higher)"


def fates(comparison: Comparison) -> list[Fate]:
    return [fate(result, comparison) for result in comparison.results]


def test_learning_is_more_than_luck_on_the_test_set() -> None:
    few = build.comparison(build.recipe("xavier", [0.18, 0.18]), test_examples=50)
    assert fates(few) == [Fate.DIES]  # three standard deviations of 50 guesses are 13 points
    many = build.comparison(build.recipe("xavier", [0.18, 0.18]), test_examples=5000)
    assert fates(many) == [Fate.LIVES]


def test_a_constant_answer_is_no_learning_either() -> None:
    """From a large loss at its start every net falls; the best constant answer is what must be beaten."""
    still = build.without_classes(build.recipe("zeros", [0.1] * 2), [0.98, 0.97])
    fields = {"classifies": False, "chance": math.nan}
    assert fates(build.comparison(still, baseline=1.0, **fields)) == [Fate.DIES]
    assert fates(build.comparison(still, **fields)) == [Fate.LIVES]  # all that is known is the loss at the start


@pytest.mark.parametrize(("seeds", "told"), [(1, False), (2, True), (4, True)])
def test_dead_is_told_from_living_by_two_seeds_where_the_start_says_why(seeds: int, told: bool) -> None:
    living = build.recipe("xavier", [0.97] * seeds)
    dead = build.recipe("zeros", [0.1] * seeds, start=build.layers(gradient_std=0.0))
    assert Standings(build.comparison(living, dead)).apart(living, dead) is told


@pytest.mark.parametrize(("seeds", "told", "among_mixed"), [(2, False, False), (3, True, False), (5, True, True)])
def test_where_both_start_alike_it_takes_more_to_rule_out_luck(seeds: int, told: bool, among_mixed: bool) -> None:
    living, dead = build.recipe("xavier", [0.97] * seeds), build.recipe("he", [0.1] * seeds)
    assert Standings(build.comparison(living, dead)).apart(living, dead) is told
    some = build.recipe("standard", [0.97, 0.1, 0.97, 0.97, 0.1][:seeds])
    assert Standings(build.comparison(living, dead, some)).apart(living, dead) is among_mixed
    slightly = build.layers(gradient_std=[2e-3, 0.1, 0.3])  # the same that is ill, if less so
    both = build.recipe("xavier", [0.97] * seeds, start=slightly)
    worse = build.recipe("he", [0.1] * seeds, start=build.layers(gradient_std=[1e-3, 0.1, 0.3]))
    assert Standings(build.comparison(both, worse, some)).apart(both, worse) is among_mixed


def test_an_activation_that_is_not_in_the_catalogue_costs_no_verdict() -> None:
    start = build.layers(saturated=0.8, phi="my_own")
    (words,) = verdicts(build.recipe("random(1)", [0.1, 0.1], start=start))
    assert words == "does not learn: most units are saturated at the start (80 %)"
