"""The sentences of the textbooks: each holds, does not hold, and cannot be told, on figures put together for it."""

from collections.abc import Callable
from typing import Any

import comparing_builders as build
import pytest

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.textbook import SENTENCES
from glorot.comparison.results import Claim, RecipeResult, Spread, SweepPoint

Make = Callable[..., RecipeResult]


def judged(sentence: str, *results: RecipeResult, **fields: Any) -> Claim:
    (claim,) = (c for c in build.comparison(*results, **fields).claims if c.sentence.startswith(sentence))
    return claim


def start(**figures: Any) -> dict[str, Any]:
    return {"start": [build.layers(**figures, phi=figures.pop("phi", "tanh"))] * 5}


GOOD, DEAD = [0.97, 0.972, 0.968, 0.97, 0.971], [0.1] * 5
MIXED = [0.97, 0.1, 0.97, 0.1, 0.97]
SATURATED = start(saturated=0.84)

SINGLE: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    # (sentence, recipe, figures with which it holds, figures with which it does not, activation)
    ("A net of zero weights learns nothing", "zeros", {"ends": DEAD}, {"ends": GOOD}, "tanh"),
    ("A layer of equal weights", "constant(0.1)", start(distinct=1), start(), "tanh"),
    ("A net of equal weights", "constant(0.1)", {"ends": DEAD}, {"ends": GOOD}, "tanh"),
    ("Small random weights make", "random(0.01)", start(gradient_std=[1e-9, 1e-7, 1e-5]), start(), "tanh"),
    ("With small random weights", "random(0.01)", {"ends": DEAD}, {"ends": GOOD}, "tanh"),
    ("Large random weights make the signal", "random(1)", start(std=[1.0, 30.0, 900.0]), start(), "relu"),
    ("Large random weights saturate", "random(1)", SATURATED, start(saturated=0.2), "tanh"),
    ("At saturated units", "random(1)", start(saturated_gradient=0.01), start(saturated_gradient=0.7), "tanh"),
    ("Units that start saturated", "random(1)", SATURATED, {**SATURATED, "after": build.layers(saturated=0.1)}, "tanh"),
    ("Large random weights leave dead", "random(1)", start(dead=0.4), {"after": build.layers(dead=-0.1)}, "relu"),
    ("A net of large random weights", "random(1)", {"gap": [0.1, 0.11, 0.09, 0.1, 0.1]}, {"gap": 0.01}, "tanh"),
    ("Xavier keeps the variance", "xavier", start(), start(preactivation_std=0.3), "tanh"),
    ("Xavier serves sigmoid", "xavier", {"ends": GOOD}, {"ends": DEAD}, "sigmoid"),
    ("Under a sigmoid four times", "xavier_uniform(gain=4)", {"ends": GOOD}, {"ends": DEAD}, "sigmoid"),
]


@pytest.mark.parametrize(("sentence", "name", "holds", "fails", "phi"), SINGLE, ids=[row[0] for row in SINGLE])
def test_sentences_on_one_recipe(
    sentence: str, name: str, holds: dict[str, Any], fails: dict[str, Any], phi: str
) -> None:
    def made(ends: list[float] = GOOD, count: int = 5, **figures: Any) -> RecipeResult:
        cut = {k: v[:count] if isinstance(v, list) else v for k, v in figures.items()}
        return build.recipe(name, ends[:count], **cut)

    assert judged(sentence, made(**holds), activation=phi).holds is True
    assert judged(sentence, made(**fails), activation=phi).holds is False
    if "equal weights (" not in judged(sentence, made(**holds), activation=phi).sentence or "ends" in holds:
        assert judged(sentence, made(**holds, count=1), activation=phi).holds is None  # of one seed


PAIRS: list[tuple[str, Make, Make, Make, str]] = [
    # (sentence, a recipe, a rival beside which it holds, one beside which it does not, activation)
    (
        "Xavier learns faster", lambda: build.recipe("xavier", GOOD, reached=[4] * 5),
        lambda: build.recipe("standard", GOOD, reached=[9, 8, 9, 9, 9]),
        lambda: build.recipe("standard", GOOD, reached=[1] * 5), "tanh",
    ),
    (
        "Xavier ends with a lower training loss", lambda: build.recipe("xavier", GOOD),
        lambda: build.recipe("standard", [0.9, 0.91, 0.9, 0.89, 0.9]), lambda: build.recipe("standard", [0.99] * 5), "tanh",
    ),
    (
        "Xavier is random too", lambda: build.recipe("xavier", GOOD),
        lambda: build.recipe("random(0.01)", DEAD), lambda: build.recipe("random(0.01)", [0.99] * 5), "tanh",
    ),
    (
        "Xavier is better than He", lambda: build.recipe("xavier", GOOD),
        lambda: build.recipe("he", DEAD), lambda: build.recipe("he", [0.99] * 5), "tanh",
    ),
    (
        "He is better than Xavier", lambda: build.recipe("he", GOOD),
        lambda: build.recipe("xavier", [0.8, 0.81, 0.8, 0.79, 0.8]), lambda: build.recipe("xavier", GOOD), "relu",
    ),
    (
        "Uniform or normal", lambda: build.recipe("xavier_normal", GOOD),
        lambda: build.recipe("xavier_uniform", GOOD[::-1]), lambda: build.recipe("xavier_uniform", DEAD), "tanh",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "one", "holds", "fails", "phi"), PAIRS, ids=[row[0] for row in PAIRS])
def test_sentences_on_two_recipes(sentence: str, one: Make, holds: Make, fails: Make, phi: str) -> None:
    assert judged(sentence, one(), holds(), activation=phi).holds is True
    assert judged(sentence, one(), fails(), activation=phi).holds is False
    first = [build.recipe(made.recipe, [made.runs[0].epochs[-1].test_accuracy]) for made in (one(), holds())]
    of_one_seed = judged(sentence, *first, activation=phi)
    assert of_one_seed.holds is None
    assert "from one seed, " in of_one_seed.seen
    unsteady = build.recipe(holds().recipe, MIXED)
    assert judged(sentence, one(), unsteady, activation=phi).holds is not False


def test_every_sentence_is_tried() -> None:
    tried = [row[0] for row in (*SINGLE, *PAIRS)] + ["A net that stands still", "Three or four hidden layers"]
    assert [s.text for s in SENTENCES if not s.text.startswith(tuple(tried))] == []
    assert len(tried) == len(SENTENCES)


def test_a_plateau_that_ends_and_one_that_does_not() -> None:
    ends = [2.3, 2.3, 2.3, 2.29, 1.0, 0.5]
    slow = {"losses": [ends] * 5, "epochs": 5, "reached": [5] * 5}
    claim = judged("A net that stands still", build.recipe("standard", GOOD, **slow))
    assert claim.holds is True
    assert claim.seen == "the training loss stands still for 3 epochs; at the end 97.0 ± 0.1 %"
    stuck = {"losses": [[2.3] * 6] * 5, "epochs": 5}
    assert judged("A net that stands still", build.recipe("standard", DEAD, **stuck)).holds is None
    falling = build.comparison(build.recipe("standard", GOOD, losses=[[2.3, 1.0, 0.5, 0.4, 0.3, 0.2]] * 5, epochs=5))
    assert not any("stands still" in claim.sentence for claim in falling.claims)


def test_depth_makes_a_marked_difference_or_not() -> None:
    def swept(small: float, std: float = 0.01, count: int = 5) -> Comparison:
        points = tuple(
            SweepPoint(depth, name, Spread(mean, std, count))
            for depth in (1, 3)
            for name, mean in (("xavier", 0.97), ("random(0.01)", small if depth == 3 else 0.97))
        )
        return build.comparison(build.recipe("xavier", GOOD), build.recipe("random(0.01)", DEAD), sweep=points)

    sentence = "Three or four hidden layers make a marked difference."
    answers = [
        {c.sentence: c for c in swept(*case).claims}[sentence] for case in ((0.1,), (0.96,), (0.9, 0.05), (0.1, 0, 1))
    ]
    assert [claim.holds for claim in answers] == [True, False, None, None]
    assert answers[0].seen == "3 layers: xavier 97.0 ± 1.0 %, random(0.01) 10.0 ± 1.0 %"
    shallow = build.comparison(build.recipe("xavier", GOOD), build.recipe("random(0.01)", DEAD))
    assert not any(claim.sentence == sentence for claim in shallow.claims)


def test_saturation_stops_the_gradient_where_it_is_and_the_rest_passes() -> None:
    large = build.layers(saturated=0.84, saturated_gradient=0.01, gradient_std=[9.0, 1.0, 0.2])
    claim = judged("At saturated units", build.recipe("random(1)", GOOD, start=large))
    assert claim.seen == (
        "it is ×0.01 there, beside that at the other units; through the layers it goes ×45 all the same, by way of the "
        "units that are not saturated"
    )
    full = build.layers(saturated=1.0)
    blind = judged("At saturated units", build.recipe("random(1)", GOOD, start=full))
    assert (blind.holds, blind.seen) == (None, "no layer has saturated pairs and others to set beside them")


def test_what_bends_the_variance_is_named_and_the_table_has_the_same_quantity() -> None:
    bent = build.layers(std=[0.5, 0.4, 0.275], gradient_std=[0.046, 0.07, 0.1])
    claim = judged("Xavier keeps the variance", build.recipe("xavier", GOOD, start=bent))
    assert claim.holds is True
    assert claim.seen == (
        "each matrix between hidden layers hands on ×1.00 of it; tanh bends beyond its linear range, so the std of the "
        "signal goes ×0.55 and that of the gradient ×0.46 in all"
    )
    table = build.comparison(build.recipe("xavier", GOOD, start=bent)).rows()[0]
    assert (table[1], table[3]) == ("0.5 → 0.28", "0.1 → 0.046")


def test_what_is_vanished_altogether_has_vanished() -> None:
    claim = judged("Small random", build.recipe("random(0.01)", DEAD, **start(gradient_std=[0.0, 1e-30, 1e-5])))
    assert claim.holds is True


def test_nothing_is_judged_on_a_run_that_diverged() -> None:
    comparison = build.comparison(build.lost("random(1)", after=None), activation="relu")
    blind = [claim for claim in comparison.claims if claim.sentence.startswith("A net of large")]
    assert [claim.holds for claim in blind] == [None]
    assert blind[0].seen == "a run diverged, and what it ends with is not a number"


def test_one_epoch_more_or_less_is_no_pace_however_often_it_is_seen() -> None:
    one, two = (build.recipe(name, GOOD, reached=[n] * 5) for name, n in (("xavier", 1), ("standard", 2)))
    claim = judged("Xavier learns faster", one, two)
    assert (claim.holds, claim.seen) == (None, "epochs to 90 %: xavier 1, standard 2")


def test_a_rival_that_never_arrives_is_slower_unless_it_may_still_have_come() -> None:
    def of(reached: int, epochs: int = 10) -> Claim:
        xavier = build.recipe("xavier", GOOD, reached=[reached] * 5)
        return judged(
            "Xavier learns faster", xavier, build.recipe("standard", [0.6, 0.61, 0.6, 0.59, 0.6]), epochs=epochs
        )

    assert (of(3).holds, of(3).seen) == (True, "epochs to 90 %: xavier 3, standard never")
    assert of(9).holds is None  # in an epoch more the other might have come too
    some = build.recipe("standard", [0.91, 0.91, 0.6, 0.6, 0.6], reached=[9] * 5)
    censored = judged("Xavier learns faster", build.recipe("xavier", GOOD, reached=[2] * 5), some)
    assert (censored.holds, censored.seen) == (True, "epochs to 90 %: xavier 2, standard 9 in 40 % of the seeds")
