"""Paired differences: exact quantiles, simulated critical values, and error rates counted on drawn comparisons."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from glorot.comparison.judging.inference import Blocks, critical_value, seeds_needed, student_quantile
from glorot.comparison.judging.scales import Logarithm, LogOdds


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 10, 29])
@pytest.mark.parametrize("share", [0.6, 0.95, 0.975, 0.9995])
def test_the_quantiles_are_those_of_student(share: float, freedom: int) -> None:
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9)


@pytest.mark.parametrize(("recipes", "seeds"), [(2, 3), (3, 3), (5, 4), (8, 3), (8, 5)])
def test_the_simulated_values_are_tukeys_but_for_the_pairs_own_spread(recipes: int, seeds: int) -> None:
    tukey = stats.studentized_range.ppf(0.95, recipes, (recipes - 1) * (seeds - 1)) / math.sqrt(2)
    ours = critical_value(recipes, seeds, 0.05)
    if recipes == 2:  # there the pair's own spread is the pooled one
        assert ours == pytest.approx(tukey, rel=0.03)
    else:
        assert 0.9 * tukey < ours < tukey  # the larger of two spreads is divided by, so less is needed


def test_a_pair_chosen_beforehand_needs_less() -> None:
    assert critical_value(8, 5, 0.02, planned=True) < critical_value(8, 5, 0.02) - 0.8
    assert critical_value(2, 5, 0.01, planned=True) == critical_value(2, 5, 0.01)


def told_apart(draw: Callable[[np.random.Generator], np.ndarray], trials: int, level: float) -> float:
    """Return the share of drawn comparisons in which any pair is told apart."""
    rng, found = np.random.default_rng(1), 0
    for _ in range(trials):
        values = draw(rng)
        blocks = Blocks(values, np.zeros(len(values)))
        top, bottom = int(values.mean(1).argmax()), int(values.mean(1).argmin())
        found += blocks.difference(top, bottom, level).told
    return found / trials


def test_equal_recipes_are_told_apart_as_often_as_the_level_says() -> None:
    """A seed that is good for all recipes, as one test set and one order of batches make it, changes nothing."""
    share = told_apart(lambda rng: rng.normal(size=(8, 5)) + 10 * rng.normal(size=(1, 5)), 3000, 0.05)
    assert share == pytest.approx(0.05, abs=3.5 * math.sqrt(0.05 * 0.95 / 3000))


def test_recipes_of_unequal_spread_are_told_apart_no_more_often() -> None:
    spreads = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 1.0, 1.0, 1.0])[:, None]
    assert told_apart(lambda rng: spreads * rng.normal(size=(8, 5)), 1500, 0.05) < 0.09


def test_a_difference_is_paired_and_its_interval_never_narrower_than_the_rounding() -> None:
    shift = np.array([0.0, 3.0, -2.0, 5.0])
    blocks = Blocks(np.stack([shift, shift + 1.0]), np.zeros(2))
    assert (blocks.difference(1, 0, 0.05).mean, blocks.difference(1, 0, 0.05).told) == (1.0, True)
    fine, coarse = (
        Blocks(np.stack([shift, shift + 1.0]), np.array(step)).difference(1, 0, 0.05)
        for step in ([0.4, 0.5], [0.4, 0.7])
    )
    assert (fine.low, fine.told) == (pytest.approx(0.1), True)
    assert (coarse.high, coarse.told) == (pytest.approx(2.1), False)


def test_one_seed_tells_nothing() -> None:
    difference = Blocks(np.array([[0.0], [9.0]]), np.zeros(2)).difference(1, 0, 0.05)
    assert math.isinf(difference.reach)
    assert not difference.told


def test_log_odds_make_spreads_alike() -> None:
    """Binomial counts near 60 % and near 97 % spread alike there, though sevenfold apart in points."""
    rng = np.random.default_rng(0)
    shares = np.stack([rng.binomial(450, p, size=4000) / 450 for p in (0.6, 0.97)])
    low, high = LogOdds(450).scaled(shares).std(1) * np.sqrt(450 * np.array([0.6 * 0.4, 0.97 * 0.03]))
    assert low == pytest.approx(1, rel=0.05)
    assert high == pytest.approx(1, rel=0.1)


def test_scales_read_back_in_their_own_units() -> None:
    scale = LogOdds(450)
    values = np.array([[0.9, 0.9], [0.95, 0.95]])
    difference = float(scale.scaled(values)[0, 0] - scale.scaled(values)[1, 0])
    assert scale.gap(difference, 0.95) == pytest.approx(0.05, abs=0.002)
    assert math.isfinite(LogOdds(0).gap(-3.0, 1.0))
    assert Logarithm().gap(math.log(3), 0.2) == pytest.approx(3)
    assert Logarithm(step=1).rounding(np.array([[2.0, 2.0], [20.0, 20.0]])).tolist() == [0.25, 0.025]


def test_the_seeds_that_would_tell() -> None:
    assert seeds_needed(5, reach=2.0, distance=1.0) == 15
    assert seeds_needed(5, reach=1.05, distance=1.0) == 1
    assert seeds_needed(5, reach=0.5, distance=1.0) == 1  # at least one, where it is asked for
    assert math.isinf(seeds_needed(5, reach=1.0, distance=0.0))
    assert math.isinf(seeds_needed(1, reach=math.inf, distance=1.0))
