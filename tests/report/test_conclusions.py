"""What a comparison found, in sentences: each wording, from figures put together by hand."""

import math

import pytest
import report_builders as builders

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import RecipeResult
from glorot.report.conclusions import conclusions

GOOD, AS_GOOD, MIDDLING, IDLE = (0.1, 0.8, 0.95), (0.1, 0.8, 0.952), (0.1, 0.4, 0.6), (0.1, 0.1, 0.1)


def recipe(name: str, accuracies: tuple[float, ...] = GOOD, seeds: int = 2) -> RecipeResult:
    return builders.result(name, accuracies, seeds=seeds)


def lost(name: str) -> RecipeResult:
    return builders.result(name, (0.1, 0.2, math.nan), losses=(9.0, 40.0, math.nan), diverged_at=2)


CASES = [
    ([recipe("xavier"), recipe("zeros", IDLE)], ["xavier does best: 95.2 ± 0.3 % on the test set.", "zeros does not learn."]),
    (
        [recipe("xavier"), recipe("he", AS_GOOD), recipe("standard", MIDDLING)],
        ["he does best: 95.4 ± 0.3 % on the test set; xavier shows no difference from it.", "Every recipe learns."],
    ),
    (
        [recipe("a"), recipe("b"), recipe("c", AS_GOOD), recipe("zeros", IDLE), recipe("ones", IDLE), lost("random(9)")],
        [
            "c does best: 95.4 ± 0.3 % on the test set; a and b show no difference from it.",
            "zeros and ones do not learn; random(9) diverges.",
        ],
    ),
    (
        [recipe("xavier", seeds=1), recipe("he", AS_GOOD, 1)],
        ["he does best: 95.2 % on the test set, on one seed.", "Every recipe learns."],
    ),
    ([recipe("xavier")], ["xavier learns: 95.2 ± 0.3 % on the test set."]),
    ([recipe("zeros", IDLE)], ["zeros does not learn."]),
    ([recipe("zeros", IDLE), recipe("ones", IDLE)], ["No recipe learns."]),
    ([lost("a"), lost("b")], ["a and b diverge."]),
    ([recipe("zeros", IDLE), lost("b")], ["zeros does not learn; b diverges."]),
]  # fmt: skip


@pytest.mark.parametrize(("results", "sentences"), CASES)
def test_what_was_found(results: list[RecipeResult], sentences: list[str]) -> None:
    assert conclusions(builders.comparison(*results)) == sentences


def test_without_classes_it_is_the_loss_that_counts() -> None:
    better, worse = builders.regression()["xavier"], builders.regression()["standard"]
    comparison: Comparison = builders.comparison(better, worse, classifies=False, chance=math.nan)
    assert conclusions(comparison) == [
        "xavier does best: test loss 0.22 ± 0.",
        "Every recipe learns.",
    ]


def test_long_lists_are_cut() -> None:
    idle = [recipe(f"r{number}", IDLE) for number in range(9)]
    assert (
        conclusions(builders.comparison(recipe("xavier"), *idle))[1] == "r0, r1, r2, r3, r4 and 4 others do not learn."
    )
