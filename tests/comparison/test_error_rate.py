"""The promises of a comparison, counted on pages resampled from stored runs: few false words, and enough true ones."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from glorot.comparison import Comparison

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"
PAGES = 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def resampling() -> ModuleType:
    spec = importlib.util.spec_from_file_location("resampling", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PAGES = PAGES
    return module


@pytest.fixture(scope="module")
def bank(resampling: ModuleType) -> Comparison:
    stored: Comparison = resampling.stored("tanh")
    return stored


def test_of_equal_recipes_one_is_seldom_told_from_another(resampling: ModuleType, bank: Comparison) -> None:
    false, uncorrected, count = 0, 0, 0
    for name in ("standard", "xavier_uniform", "he_normal"):
        pages = list(resampling.equal_pages(bank, bank[name], 3, np.random.default_rng(9)))
        false += sum(bool(resampling.wrong(page)) for page in pages)
        uncorrected += sum(map(resampling.uncorrected, pages))
        count += len(pages)
    assert count == 3 * PAGES
    assert false <= stats.binom.ppf(0.999, count, 0.05)
    assert uncorrected > 0.2 * count  # the pages are such that a test for each recipe alone is often wrong


@pytest.mark.parametrize(("seeds", "effect"), [(3, 3.3), (5, 2.0)])
def test_a_recipe_that_is_worse_is_called_so(
    resampling: ModuleType, bank: Comparison, seeds: int, effect: float
) -> None:
    share = resampling.called_worse(bank, bank["xavier_uniform"], seeds, effect)
    assert share >= 0.8


def test_dead_recipes_are_told_and_intervals_cover(resampling: ModuleType, bank: Comparison) -> None:
    single, whole, dead = resampling.covered(bank, 2)
    assert (single, dead) == (pytest.approx(1, abs=0.03), 1.0)
    assert whole >= stats.binom.ppf(0.001, PAGES, 0.95) / PAGES
