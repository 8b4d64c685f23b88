"""Comparisons: the demonstration's findings at small size, and what becomes of runs that fail."""

import _thread
import math
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.comparison import Comparison, Task, sweep
from glorot.comparison import run as comparing
from glorot.comparison.digits import default_recipes, digits_task
from glorot.comparison.results import Run
from glorot.comparison.run import run_comparison
from glorot.comparison.sweep import run_sweep
from glorot.errors import GlorotError
from glorot.plans import Plan


@pytest.fixture(scope="module")
def digits() -> Comparison:
    """The demonstration with fewer seeds and epochs: enough for all that it shows but the slow recipe's end."""
    return run_comparison(digits_task(), default_recipes("tanh"), seeds=2, epochs=8)


def accuracy(comparison: Comparison, recipe: str) -> float:
    return comparison[recipe].final("test_accuracy").mean


def test_the_textbook_starts_end_where_they_should(digits):
    assert accuracy(digits, "zeros") <= 0.12
    assert accuracy(digits, "constant(0.1)") <= 0.20
    assert accuracy(digits, "random(0.01)") <= 0.12
    assert accuracy(digits, "random(1)") <= 0.75
    assert accuracy(digits, "standard") <= 0.90  # it needs some 15 epochs
    for recipe in ("xavier_uniform", "xavier_normal", "he_normal"):
        assert accuracy(digits, recipe) >= 0.95
        assert digits[recipe].epochs_to_goal[1] <= 4


@pytest.mark.slow
def test_at_full_length_the_standard_rule_gets_there_late():
    recipes = ("standard", "xavier_uniform", "random(1)")
    comparison = run_comparison(digits_task(), recipes, seeds=2, epochs=30)
    assert accuracy(comparison, "xavier_uniform") >= 0.97
    assert accuracy(comparison, "standard") >= 0.94
    assert comparison["standard"].median_to_goal >= 4 * comparison["xavier_uniform"].median_to_goal
    large = comparison["random(1)"]
    assert large.final("train_accuracy").mean > large.final("test_accuracy").mean + 0.04


def test_signal_and_gradient_say_why(digits):
    gradient = {r.recipe: [s.mean for s in r.by_layer("gradient_std")] for r in digits.results}
    assert gradient["zeros"] == [0.0] * 5
    assert 3e-6 < gradient["random(0.01)"][-1] < 3e-4
    assert gradient["random(0.01)"][0] < 1e-3 * gradient["random(0.01)"][-1]
    assert gradient["random(1)"][0] > 10 * gradient["random(1)"][-1]
    assert 0.3 < gradient["xavier_uniform"][0] / gradient["xavier_uniform"][-1] < 1
    assert digits["constant(0.1)"].distinct_at_end == 1
    assert digits["xavier_uniform"].distinct_at_end == 128
    assert digits["random(1)"].by_layer("saturated")[0].mean > 0.7


def test_verdicts_are_computed_from_the_figures(digits):
    verdicts = {result.recipe: result.verdict for result in digits.results}
    assert verdicts["zeros"] == "does not learn: zero weights pass no signal and no gradient"
    assert verdicts["constant(0.1)"] == "does not learn: each layer has one distinct unit"
    assert verdicts["random(0.01)"].startswith(
        "does not learn: the difference between examples dies on the way (×0.0001"
    )
    assert "points below the best" in verdicts["random(1)"]
    assert "most units are saturated at the start (8" in verdicts["random(1)"]
    assert "points below the best" in verdicts["standard"]
    best = [recipe for recipe, words in verdicts.items() if words.startswith("highest here")]
    assert len(best) == 1
    assert best[0] in ("xavier_uniform", "xavier_normal", "he_normal")
    others = {"xavier_uniform", "xavier_normal", "he_normal"} - set(best)
    assert all(verdicts[recipe].startswith(f"cannot tell it from {best[0]} (") for recipe in others)


def test_textbook_sentences_are_held_against_the_figures(digits):
    claims = {claim.sentence: claim for claim in digits.claims}
    assert claims["A net of zero weights learns nothing."].holds
    assert claims["Small random weights make the gradient vanish in a deep net."].holds
    stops = claims["At saturated units the gradient stops."]
    assert stops.holds
    assert "through the layers it goes ×" in stops.seen
    assert claims["Xavier is random too: it is the scale that counts."].holds
    assert claims["Xavier ends with a lower training loss than the standard rule."].holds
    assert claims["Xavier is better than He under tanh."].holds is None
    assert claims["Uniform or normal makes no difference to Xavier."].answer.startswith("cannot tell: xavier_normal ")
    assert (
        "distinct unit " in claims["A layer of equal weights (constant(0.1)) stays one unit, however wide it is."].seen
    )


def test_theory_stands_beside_the_probe(digits):
    result = digits["xavier_uniform"]
    predicted = [p.activation_std for p in result.prediction][:-1]
    measured = [s.mean for s in result.by_layer("std")]
    np.testing.assert_allclose(predicted, measured, rtol=0.1)  # two draws of a finite width
    backward = [p.gradient_std for p in result.prediction][:-1]
    np.testing.assert_allclose(backward, [s.mean for s in result.by_layer("gradient_std")], rtol=0.2)
    assert digits["constant(0.1)"].prediction is None
    assert digits["zeros"].prediction is None


def test_every_run_starts_from_the_plan_and_sees_the_same_batches(digits):
    again = run_comparison(digits_task(), ("xavier_uniform",), seeds=1, epochs=2)
    assert again["xavier_uniform"].runs[0].epochs == digits["xavier_uniform"].runs[0].epochs[:3]
    assert "xavier_uniform" in again["xavier_uniform"].plan.recipe


def test_the_table_tells_all(digits):
    text = str(digits)
    for words in ("gradient last→first", "epochs to 90 %", "what textbooks say", "xavier_normal", "  ✓ ", "  ? "):
        assert words in text


@pytest.mark.slow
def test_a_sigmoid_needs_four_times_xavier():
    recipes = ("xavier_uniform", "xavier_uniform(gain=4)")
    comparison = run_comparison(digits_task("sigmoid"), recipes, seeds=2, epochs=14)
    assert accuracy(comparison, "xavier_uniform") < 0.3
    assert accuracy(comparison, "xavier_uniform(gain=4)") > 0.9
    claims = {claim.sentence: claim.holds for claim in comparison.claims}
    assert claims["Xavier serves sigmoid and tanh alike."] is False
    assert claims["Under a sigmoid four times Xavier, which restores its unit slope, trains."] is True


def test_the_sweep_shows_where_small_starts_fail():
    comparison = run_sweep(
        lambda depth: digits_task(depth=depth, width=128), [1, 3], ["random(0.01)", "xavier_uniform"], 1, 14
    )
    ends = {(point.depth, point.recipe): point.test_accuracy.mean for point in comparison.sweep}
    assert ends[1, "random(0.01)"] > 0.8
    assert ends[3, "random(0.01)"] < 0.2
    assert ends[3, "xavier_uniform"] > 0.9
    assert "3 hidden layers" in comparison.task
    (depth,) = (claim for claim in comparison.claims if claim.sentence.startswith("Three or four hidden layers"))
    assert depth.seen.startswith("from one seed, 3 layers: xavier_uniform 9")
    with pytest.raises(GlorotError, match=r"each named once, got \[2, 2\]"):
        run_sweep(lambda depth: digits_task(depth=depth), [2, 2], ["zeros"], 1, 1)


RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def test_a_run_that_turns_nan_stays_a_row():
    explode = lambda parameters: torch.optim.SGD(parameters, lr=1e30)  # noqa: E731
    comparison = glorot.compare(net, (X, LABELS, X, LABELS), ["xavier"], seeds=2, epochs=5, optimizer=explode)
    (result,) = comparison.results
    assert all(run.end is None and run.diverged_at is not None for run in result.runs)
    assert result.verdict.startswith(
        "diverges: its start is sound, so the learning rate is too large for it; the loss is no"
    )
    assert "(2 of 2 seeds)" in result.verdict


def test_values_are_learned_as_well_as_classes():
    targets = X[:, :1] * 2 - X[:, 1:2]
    comparison = glorot.compare(lambda: nn.Linear(4, 1), (X, targets, X, targets), ["zeros", "xavier"], 2, epochs=20)
    assert not comparison.classifies
    assert comparison["xavier"].final("test_loss").mean < 0.2
    assert math.isnan(comparison["xavier"].final("test_accuracy").mean)
    lines = str(comparison).splitlines()
    assert lines[2].split() == ["recipe", "verdict"]  # what was found comes before the figures
    assert [line.split()[0] for line in lines[4 : 4 + len(comparison.results)]] == [
        r.recipe for r in comparison.results
    ]
    head = next(line for line in lines[5:] if line.startswith("recipe"))
    assert "test loss" in head
    assert "verdict" not in head
    assert comparison.claims == ()


def test_a_loss_and_an_optimiser_of_ones_own_are_used():
    calls = []

    def loss(outputs: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        calls.append(len(goal))
        return nn.functional.cross_entropy(outputs, goal)

    optimizer = lambda parameters: torch.optim.Adam(parameters, lr=0.05)  # noqa: E731
    data = (X, LABELS, X, LABELS)
    comparison = glorot.compare(net, data, ["he"], 1, epochs=10, loss=loss, optimizer=optimizer)
    assert calls
    assert accuracy(comparison, "he") > 0.9


def test_dropout_gives_the_same_figures_twice():
    def noisy() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))

    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = glorot.compare(noisy, (X, LABELS, X, LABELS), ["he", "xavier"], seeds=2, epochs=3)
    torch.set_rng_state(state)
    second = glorot.compare(noisy, (X, LABELS, X, LABELS), ["he", "xavier"], seeds=2, epochs=3)
    assert [run.epochs for r in first.results for run in r.runs] == [
        run.epochs for r in second.results for run in r.runs
    ]


def test_current_keeps_the_models_own_start():
    comparison = glorot.compare(net, (X, LABELS, X, LABELS), ["current", "pytorch"], seeds=1, epochs=1)
    start = comparison["current"].runs[0].start.layers[0]
    expected = comparison["pytorch"].runs[0].start.layers[0]
    assert start.preactivation_std == pytest.approx(expected.preactivation_std, rel=0.5)
    assert start.preactivation_std != expected.preactivation_std


def test_threads_are_as_before():
    threads = torch.get_num_threads()
    glorot.compare(net, (X, LABELS, X, LABELS), ["zeros"], seeds=1, epochs=1)
    assert torch.get_num_threads() == threads


def interrupt_after(runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Ctrl-C come once so many runs are complete; those of further seeds train until they are stopped."""
    complete, enough, asked, train = [], threading.Event(), threading.Lock(), comparing.train

    def train_or_wait(task: Task, plan: Plan, seed: int, epochs: int, tell: object, check: Callable[[], None]) -> Run:
        if seed > 0 or not runs:
            assert enough.wait(60)
            if asked.acquire(blocking=False):
                _thread.interrupt_main()
            while True:
                check()
        run = train(task, plan, seed, epochs, tell, check)
        complete.append(run)
        if len(complete) == runs:
            enough.set()
        return run

    if not runs:
        enough.set()
    monkeypatch.setattr(comparing, "train", train_or_wait)


def test_control_c_shows_the_runs_that_are_complete(monkeypatch):
    interrupt_after(2, monkeypatch)
    comparison = run_comparison(digits_task(depth=1, width=8), ["zeros", "xavier"], seeds=40, epochs=1)
    assert comparison.interrupted
    assert [len(comparison[recipe].runs) for recipe in ("zeros", "xavier")] == [1, 1]
    assert "interrupted: only complete runs are shown" in str(comparison)


def test_control_c_before_any_run_is_complete_is_raised(monkeypatch):
    interrupt_after(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt, match="before the first run was complete"):
        run_comparison(digits_task(depth=1, width=8), ["zeros"], seeds=1, epochs=3)


def test_control_c_in_a_sweep_keeps_the_depths_that_are_complete(monkeypatch):
    compare = sweep.run_comparison

    def impatient(task: Task, *more: object, **settings: float) -> Comparison:
        if task is tasks[2]:
            raise KeyboardInterrupt
        return compare(task, *more, **settings)

    tasks = {depth: digits_task(depth=depth, width=8) for depth in (1, 2, 3)}
    monkeypatch.setattr(sweep, "run_comparison", impatient)
    comparison = run_sweep(tasks.__getitem__, [3, 2, 1], ["zeros"], seeds=1, epochs=1)
    assert comparison.interrupted
    assert [point.depth for point in comparison.sweep] == [1]
    with pytest.raises(KeyboardInterrupt):
        run_sweep(tasks.__getitem__, [2, 3], ["zeros"], seeds=1, epochs=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"recipes": ["xavir"]}, "unknown recipe 'xavir'"),
        ({"recipes": []}, "compare needs at least one recipe"),
        ({"recipes": ["he", "he"]}, "recipe 'he' is named twice"),
        ({"seeds": 0}, "seeds must be a positive integer, or different seeds from 0 on .*, got 0"),
        ({"epochs": 1.5}, "epochs must be a positive integer, got 1.5"),
        ({"margin": 1}, "margin must be a share between 0 and 1, such as 0.01 for one point, got 1"),
        ({"build": lambda: 3}, "build must return a torch.nn.Module, got int"),
        ({"data": (X[:, :3], LABELS, X[:, :3], LABELS)}, "the batch does not fit the model: layer '0' refused it"),
        ({"data": (X, LABELS + 5, X, LABELS)}, "targets hold class number"),
    ],
)  # fmt: skip
def test_refusals(settings, words):
    build = settings.pop("build", net)
    data = settings.pop("data", (X, LABELS, X, LABELS))
    with pytest.raises(GlorotError, match=words):
        glorot.compare(build, data, **{"recipes": ["he"], "seeds": 1, "epochs": 1, **settings})


def test_one_seed_tells_no_difference():
    data = (X, LABELS, X, LABELS)
    comparison = glorot.compare(net, data, ["xavier_uniform", "xavier_normal", "standard"], seeds=1, epochs=3)
    assert [claim.holds for claim in comparison.claims] == [None] * len(comparison.claims)
    (alike,) = (claim for claim in comparison.claims if "makes no difference" in claim.sentence)
    assert alike.seen.startswith("from one seed, xavier_normal ")
    verdicts = [result.verdict for result in comparison.results]
    told = ("learns; one seed cannot tell which start is better", "does not learn from this seed: ")
    assert all(words.startswith(told) for words in verdicts)


def test_every_constant_is_judged():
    comparison = run_comparison(digits_task(depth=2, width=16), ["constant(0.1)", "constant(0.01)"], seeds=1, epochs=2)
    sentences = [claim.sentence for claim in comparison.claims]
    assert "A net of equal weights (constant(0.01)) learns nothing." in sentences
    assert "A net of equal weights (constant(0.1)) learns nothing." in sentences


def test_rules_go_with_every_recipe():
    rules = [("2.weight", "zeros")]
    comparison = glorot.compare(net, (X, LABELS, X, LABELS), "he", seeds=1, epochs=1, rules=rules)
    assert comparison["he"].plan["2.weight"].scheme == "zeros"


@pytest.mark.parametrize("noise", ["torch", "numpy", "python"])
def test_random_numbers_of_a_model_depend_on_its_seed_alone(noise):
    import random

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 2)

        def forward(self, value: torch.Tensor) -> torch.Tensor:
            draw = {"torch": lambda: torch.rand(()).item(), "numpy": np.random.random, "python": random.random}[noise]
            return self.dense(value * (1 + draw()))

    data = (X, LABELS, X, LABELS)
    before = (torch.get_rng_state().tolist(), random.getstate())
    alone = glorot.compare(Noisy, data, ["xavier"], seeds=2, epochs=2)
    beside = glorot.compare(Noisy, data, ["zeros", "xavier"], seeds=2, epochs=2)
    assert [run.epochs for run in alone["xavier"].runs] == [run.epochs for run in beside["xavier"].runs]
    assert (torch.get_rng_state().tolist(), random.getstate()) == before


def test_a_last_batch_of_one_example_does_not_stop_batch_norm():
    normed = lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))  # noqa: E731
    comparison = glorot.compare(normed, (X[:65], LABELS[:65], X, LABELS), ["he"], seeds=1, epochs=1)
    assert comparison["he"].diverged == []


def test_what_a_user_wrote_fails_with_its_place():
    def loss(outputs: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        raise KeyError("weights")

    def build() -> nn.Module:
        raise ZeroDivisionError("no layers")

    same = net()
    data = (X, LABELS, X, LABELS)
    for settings, words in (
        ({"build": build}, "build failed with ZeroDivisionError: no layers"),
        ({"build": lambda: same}, "build returned the same model twice; it must make a fresh one each time"),
        ({"loss": loss}, "the loss failed on targets of shape .* with KeyError: 'weights'"),
        ({"optimizer": lambda p: None}, "optimizer must return a torch.optim.Optimizer, got NoneType"),
        ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
    ):
        build_it = settings.pop("build", net)
        with pytest.raises(GlorotError, match=words):
            glorot.compare(build_it, data, ["he"], seeds=1, epochs=1, **settings)
    with pytest.raises(GlorotError, match="number the classes from 0"):
        glorot.compare(net, (X, np.array(["a"] * 96), X, LABELS), ["he"], seeds=1, epochs=1)
