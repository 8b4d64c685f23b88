"""What a comparison found, in one sentence: each wording, from figures put together by hand."""

import comparing_builders as build
import pytest

from glorot.comparison.comparison import Comparison
from glorot.comparison.nicknames import nicknames
from glorot.comparison.results import RecipeResult
from glorot.distributions import Constant, Normal
from glorot.report.conclusions import finding

DEAD = [0.1] * 5
SLOW, FAST = [9, 8, 9, 9, 9], [2] * 5


def good(name: str, seed: int = 0, mean: float = 0.97, **more: object) -> RecipeResult:
    return build.recipe(name, build.near(mean, seed=seed, spread=0.002), **more)  # type: ignore[arg-type]


def dead(*names: str) -> list[RecipeResult]:
    return [build.recipe(name, DEAD, law=Normal(0, 0.01)) for name in names]


CASES = {
    "Xavier learns in 2 epochs what the old rule needs 9 for; four starts never learn": [
        good("xavier", reached=FAST), good("standard", 1, 0.95, reached=SLOW),
        *dead("zeros", "constant(0.1)", "random(0.01)", "random(0.02)"),
    ],
    "Xavier learns in 2 epochs what the old rule needs 9 for; too large a start ends at 60.0 %": [
        good("xavier", reached=FAST), good("standard", 1, 0.95, reached=SLOW),
        build.recipe("random(1)", build.near(0.6, seed=2), law=Normal(0, 1)),
    ],
    "Xavier ends at 97.0 % on the test set, the old rule at 92.0 %; He diverges": [
        good("xavier"), good("standard", 1, 0.92), build.lost("he", seeds=5),
    ],
    "Xavier and He both learn alike: 97.0 to 97.1 % on the test set": [good("xavier"), good("he", 0, 0.971)],
    "Xavier, He and the old rule all learn and cannot be told apart: 96.8 to 97.0 % on the test set": [
        good("xavier"), build.recipe("he", build.near(0.969, 5, 0.01, 3)),
        build.recipe("standard", build.near(0.968, 5, 0.01, 4)),
    ],
    "Only Xavier learns: 97.0 % on the test set; a start of all zeros never learns": [good("xavier"), *dead("zeros")],
    "Only Xavier learns: 97.0 % on the test set; He learns from some seeds only": [
        good("xavier"), build.recipe("he", [0.97, 0.1, 0.97, 0.97, 0.1]),
    ],
    "Xavier learns: 97.0 % on the test set": [good("xavier")],
    "A start of all zeros never learns": dead("zeros"),
    "No start learns": dead("zeros", "random(0.01)"),
    "No start learns; Xavier and He diverge": [build.lost("xavier"), build.lost("he")],
    "No start learns; a start of all zeros never learns; He diverges": [*dead("zeros"), build.lost("he", seeds=5)],
    "One seed cannot tell which start is better: 92.0 to 97.0 % on the test set; a start of all zeros never learns": [
        build.recipe("xavier", [0.97]), build.recipe("he", [0.92]), build.recipe("zeros", [0.1]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("sentence", CASES)
def test_what_was_found(sentence: str) -> None:
    assert finding(build.comparison(*CASES[sentence])) == sentence


def test_xavier_is_the_subject_where_it_is_as_good_as_the_best() -> None:
    results = [
        good("he", 0, 0.9702, reached=FAST),
        good("xavier", reached=FAST),
        good("standard", 1, 0.9, reached=SLOW),
    ]
    assert finding(build.comparison(*results)).startswith("Xavier learns in 2 epochs what the old rule needs 9 for")
    results[1] = good("xavier", 1, 0.95, reached=FAST)
    assert finding(build.comparison(*results)).startswith("He learns in 2 epochs what the old rule needs 9 for")


def test_without_classes_it_is_the_loss_that_counts() -> None:
    better, worse = (
        build.without_classes(build.recipe(name, DEAD), [loss, 1.02 * loss, 0.98 * loss, loss, loss])
        for name, loss in (("xavier", 0.2), ("standard", 0.8))
    )
    comparison: Comparison = build.comparison(better, worse, classifies=False, chance=build.NAN)
    assert finding(comparison) == "Xavier ends at a test loss of 0.2, the old rule at a test loss of 0.8"


def test_nicknames_are_what_a_beginner_calls_them() -> None:
    laws = {
        "zeros": Constant(0), "constant(0.1)": Constant(0.1), "random(0.01)": Normal(0, 0.01), "random(1)": Normal(0, 1),
        "standard": Normal(0, 0.07), "xavier_uniform": Normal(0, 0.125), "xavier_normal": Normal(0, 0.125),
        "he_normal": Normal(0, 0.18), "xavier_uniform(gain=4)": Normal(0, 0.5), "auto": Normal(0, 0.1), "random(0.1)": Normal(0, 0.1),
    }  # fmt: skip
    results = [build.recipe(name, DEAD, law=law) for name, law in laws.items()]
    assert list(nicknames(build.comparison(*results)).values()) == [
        "all zero", "all equal", "too small", "too large", "old rule", "Xavier", "Xavier normal", "He", "4 × Xavier", "auto",
        "random(0.1)",
    ]  # fmt: skip


def test_recipes_that_would_share_a_nickname_keep_their_code() -> None:
    both = build.comparison(*dead("random(0.01)", "random(0.001)", "zeros"))
    assert nicknames(both) == {"random(0.01)": "random(0.01)", "random(0.001)": "random(0.001)", "zeros": "all zero"}
