"""A sentence of the textbooks holds, does not hold, or cannot be told; nothing is judged on what is not a number."""

import math
import re
from typing import Any

import numpy as np
import pytest
from torch import nn

import glorot
from glorot.comparison import Comparison
from glorot.comparison.results import Claim
from glorot.report.page import comparison_html


def data(examples: int = 64, features: int = 6, classes: int = 3, seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    labels = np.arange(examples) % classes
    x = (2 * rng.normal(size=(classes, features))[labels] + rng.normal(size=(examples, features))).astype(np.float32)
    return x, labels, x, labels


def chain(phi: type[nn.Module], depth: int, width: int, inputs: int = 6, outputs: int = 3) -> nn.Sequential:
    sizes = [inputs, *[width] * depth]
    hidden = [layer for n in range(depth) for layer in (nn.Linear(sizes[n], width), phi())]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def claims(comparison: Comparison, start: str) -> list[Claim]:
    return [claim for claim in comparison.claims if claim.sentence.startswith(start)]


def judged_on_nothing(comparison: Comparison) -> list[Claim]:
    blank = re.compile(r"(?<![\w.])(–|nan)(?![\w.])")
    return [claim for claim in comparison.claims if claim.holds is not None and blank.search(claim.seen)]


def test_a_net_too_shallow_for_a_sentence() -> None:
    comparison = glorot.compare(lambda: chain(nn.Tanh, 1, 16), data(), ["random(1)", "xavier"], 2, epochs=1)
    assert not judged_on_nothing(comparison)
    (told,) = claims(comparison, "Xavier keeps the variance")
    assert told.holds is None
    assert told.seen.startswith("there is no way from a first to a last")
    assert f"\n  ? {told.sentence}" in str(comparison)


def test_runs_that_diverged() -> None:
    comparison = glorot.compare(lambda: chain(nn.ReLU, 6, 64), data(), ["random(1)"], 2, epochs=2)
    assert comparison["random(1)"].diverged
    assert not judged_on_nothing(comparison)
    (overfits,) = claims(comparison, "A net of large random weights overfits")
    assert overfits == Claim(overfits.sentence, None, "a run diverged, and what it ends with is not a number")


def test_a_recipe_that_learns_beside_one_that_does_not_is_a_difference() -> None:
    task = data(240, 12, 4, seed=2)
    comparison = glorot.compare(lambda: chain(nn.ReLU, 30, 32, 12, 4), task, ["xavier", "he"], 2, epochs=8)
    assert comparison["xavier"].final("test_accuracy").mean == pytest.approx(0.25)  # the signal has died: it guesses
    assert comparison["he"].final("test_accuracy").mean > 0.5
    (better,) = claims(comparison, "He is better than Xavier")
    assert better.holds is True
    assert "no difference" not in better.seen


def test_two_dead_recipes_are_not_alike() -> None:
    build = lambda: chain(nn.Sigmoid, 6, 16)  # noqa: E731
    comparison = glorot.compare(build, data(), ["xavier_uniform", "xavier_normal", "standard"], 3, epochs=2)
    assert max(result.final("test_accuracy").mean for result in comparison.results) < 0.45
    (alike,) = claims(comparison, "Uniform or normal")
    assert (alike.holds, alike.seen.split(":")[0]) == (None, "neither learns")
    faster = claims(comparison, "Xavier learns faster")
    assert [claim.holds for claim in faster] == [None]
    assert faster[0].seen == "epochs to 90 %: xavier_uniform never, standard never"


def test_the_page_names_the_seeds_that_were_asked_for() -> None:
    named = glorot.compare(lambda: chain(nn.Tanh, 1, 4), data(), ["xavier"], [5, 7], epochs=1)
    assert "seeds=[5, 7], epochs=1" in comparison_html(named)
    assert "<dd>5, 7</dd>" in comparison_html(named)
    counted = glorot.compare(lambda: chain(nn.Tanh, 1, 4), data(), ["xavier"], 2, epochs=1)
    assert "seeds=2, epochs=1" in comparison_html(counted)
    assert not math.isnan(counted.chance)
