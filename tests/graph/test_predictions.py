"""Predicted signal and gradient: exact values, the mean over seeds beside them, grades, and what cannot be predicted."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import glorot
from glorot import GlorotError
from glorot.graph.propagation.curves import Expansion, slope_of
from glorot.graph.propagation.state import ERRORS

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
QUICK = ("residual", "convolutions, zero padding", "batch norm and relu, in training")


@pytest.fixture(scope="module")
def script() -> Any:
    sys.path.insert(0, BENCHMARKS)
    try:
        import predictions
    finally:
        sys.path.remove(BENCHMARKS)
    return predictions


def nets() -> list[str]:
    sys.path.insert(0, BENCHMARKS)
    try:
        from predictions_nets import NETS
    finally:
        sys.path.remove(BENCHMARKS)
    return list(NETS)


# ---- beside what is measured -----------------------------------------------------------------------------------------

EXACT = {"signal": 0.03, "gradient": 0.03, "correlation": 0.03}
"""How far an exact prediction may be off the mean over the seeds, beyond two standard errors of it."""


def wrong(script: Any, name: str) -> list[tuple[str, str, float, str]]:
    """Return the figures of a net that are further off than their grade says."""
    gaps, _ = script.gaps_of(script.NETS[name])
    known = [gap for gap in gaps if not math.isnan(gap.off)]
    assert bool(known) is (name != "two pieces that start differently")  # of which nothing is said
    return [
        (gap.step, gap.figure, round(gap.off, 3), str(gap.grade))
        for gap in known
        if gap.beyond > (EXACT[gap.figure] if gap.grade.kind == "exact" else gap.grade.error)
    ]


@pytest.mark.parametrize("name", QUICK)
def test_a_prediction_is_as_good_as_its_grade(script: Any, name: str) -> None:
    assert wrong(script, name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in nets() if name not in QUICK])
def test_the_prediction_of_any_net_is_as_good_as_its_grade(script: Any, name: str) -> None:
    assert wrong(script, name) == []


# ---- exact values ----------------------------------------------------------------------------------------------------


def squares(model: nn.Module, batch: Tensor, recipe: str = "he") -> dict[str, float]:
    signal = glorot.predict(glorot.plan(model, recipe, inputs=batch))
    return {step.name: step.second_moment for step in signal.steps}


def test_a_chain_is_predicted_as_its_theory_says() -> None:
    model = nn.Sequential(*(layer for _ in range(4) for layer in (nn.Linear(300, 300), nn.Tanh())), nn.Linear(300, 300))
    x = torch.randn(8, 300)
    found = squares(model, x, "xavier")
    layers = [glorot.theory.Layer(f"{2 * n}", 300, 300, 1 / 300, "tanh") for n in range(5)]
    expected = glorot.theory.predict(layers, (x**2).mean(1).numpy())
    for n, layer in enumerate(expected[:-1]):
        assert found[f"{2 * n}"] == pytest.approx(layer.preactivation_variance, rel=1e-4)
        assert found[f"{2 * n} → tanh"] == pytest.approx(layer.activation_second_moment, rel=1e-4)


def test_padding_with_zeros_takes_away_what_it_hides() -> None:
    """At 5×5 a 3×3 window sees 13·13 of 15·15 places: (3·5 − 2)² of 9·25."""
    model = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    plan = glorot.plan(model, rules=[("weight", "normal(std=0.1)")], inputs=torch.ones(2, 64, 5, 5))
    (step,) = glorot.predict(plan).steps
    assert step.second_moment == pytest.approx(0.01 * 64 * 169 / 25)
    assert step.correlation == pytest.approx(1)


def test_what_padding_hides_differs_from_place_to_place() -> None:
    """Two layers of ones: the second sums the first's profile 4, 6, 6, 4 (of 9) at 4×4, once more hidden at the border."""
    model = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.Conv2d(32, 32, 3, padding=1, bias=False))
    law = f"normal(std={1 / math.sqrt(288)})"
    plan = glorot.plan(model, rules=[("*", law)], inputs=torch.ones(1, 32, 4, 4))
    seen = np.ones((4, 4))
    for _ in range(2):
        padded = np.pad(seen, 1)
        seen = sum(padded[a : a + 4, b : b + 4] for a in range(3) for b in range(3)) / 9
    assert glorot.predict(plan).steps[-1].second_moment == pytest.approx(seen.mean())


def test_the_mean_over_a_map_keeps_what_its_places_share() -> None:
    """Of independent places the mean of N has 1/N of their mean square; of places that are alike, all of it."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Conv2d(64, 64, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.kernel(x).mean((2, 3))
            return y

    alike, apart = (squares(Head(), x) for x in (torch.ones(1, 64, 4, 4), torch.randn(1, 64, 4, 4)))
    assert alike["mean 1"] == pytest.approx(alike["kernel"])
    assert apart["mean 1"] == pytest.approx(apart["kernel"] / 16, rel=0.5)


def test_a_norm_of_one_feature_takes_the_mean_over_the_batch_away() -> None:
    model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64)).train()
    plan = glorot.plan(model, "he", inputs=torch.ones(6, 64) + 0.01 * torch.randn(6, 64))
    kernel, norm = glorot.predict(plan).steps
    assert kernel.correlation > 0.99
    assert norm.second_moment == pytest.approx(1)
    assert norm.correlation == pytest.approx(-1 / 5, abs=0.05)  # six vectors of sum 0


@pytest.mark.parametrize("correlation", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_pairs_of_a_curve_are_those_of_its_closed_form(correlation: float) -> None:
    """relu: (√(1 − c²) + c(π − arccos c))/2π (Cho & Saul 2009); its slope: (π − arccos c)/2π."""
    angle = math.acos(correlation)
    row = np.zeros(2), np.ones(2)
    pairs = np.array([[1.0, correlation], [correlation, 1.0]])
    relu = Expansion(lambda z: np.maximum(z, 0), *row).pairs(pairs)[0, 1]
    closed = (math.sqrt(1 - correlation**2) + correlation * (math.pi - angle)) / (2 * math.pi)
    assert relu == pytest.approx(closed, abs=2e-4)
    slope = Expansion(slope_of(lambda z: np.maximum(z, 0)), *row).pairs(pairs)[0, 1]
    assert slope == pytest.approx((math.pi - angle) / (2 * math.pi), abs=0.01 if abs(correlation) < 1 else 0.04)


# ---- grades ----------------------------------------------------------------------------------------------------------


class Sorted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(torch.fft.rfft(self.first(x)).abs()[:, :1] * x)
        return y


def test_what_is_not_understood_has_no_figure_but_a_reason() -> None:
    signal = glorot.predict(glorot.plan(Sorted(), "he", inputs=torch.randn(4, 16)))
    first, *_, last = signal.steps
    assert (first.grade.kind, first.gradient_grade.kind) == ("exact", "none")
    assert math.isnan(first.gradient_std)
    assert last.grade.kind == "none"
    assert last.grade.why.endswith("is not understood")
    assert math.isnan(last.second_moment)


def test_a_common_mean_of_the_weights_is_not_predicted() -> None:
    signal = glorot.predict(glorot.plan(nn.Linear(8, 8), "constant(0.1)", inputs=torch.randn(4, 8)))
    (step,) = signal.steps
    assert str(step.grade) == "none: its weights have a common mean of 0.1, so that all its units move together"


def test_an_approximate_figure_says_what_makes_it_so_and_how_far_it_may_be_off() -> None:
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 32, 3))
    *_, last = glorot.predict(glorot.plan(model, "he", inputs=torch.randn(2, 3, 12, 12))).steps
    assert last.grade.kind == "approximate"
    assert last.grade.error == ERRORS[last.grade.why]
    assert "the largest of several positions (±5 %)" in str(last.grade)


def test_a_prediction_is_shown_with_its_grades_in_a_notebook_too() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))
    signal = glorot.predict(glorot.plan(model, "he", inputs=torch.randn(2, 3, 12, 12)))
    page = signal._repr_html_()
    assert '<td data-head="grade">approximate [1], exact</td>' in page
    assert "<p>[1] approximate: the largest of several positions (±5 %)</p>" in page
    assert str(signal).splitlines()[-1] == "[1] approximate: the largest of several positions (±5 %)"


# ---- what is asked ---------------------------------------------------------------------------------------------------


def test_a_loaded_plan_asks_for_its_model(tmp_path: Path) -> None:
    model, x = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4)), torch.randn(4, 16)
    plan = glorot.plan(model, "xavier", inputs=x)
    loaded = glorot.Plan.load(plan.save(tmp_path / "plan.json"))
    with pytest.raises(GlorotError, match=r"after it was loaded, .*pass the model, glorot\.predict\(plan, inputs, mo"):
        glorot.predict(loaded)
    assert str(glorot.predict(loaded, x, model=model)) == str(glorot.predict(plan))


def test_another_batch_is_taken_if_it_has_the_shapes_of_the_plan() -> None:
    plan = glorot.plan(nn.Linear(16, 16), "he", inputs=torch.ones(4, 16))
    (step,) = glorot.predict(plan, 3 * torch.ones(4, 16)).steps
    assert step.second_moment == pytest.approx(9 * glorot.predict(plan).steps[0].second_moment)
    with pytest.raises(GlorotError, match=r"made on a batch of 4×16, got 8×16; pass the model as well"):
        glorot.predict(plan, torch.ones(8, 16))


def test_a_model_is_predicted_from_the_weights_that_it_holds() -> None:
    model, x = nn.Linear(64, 64), torch.randn(8, 64)
    with torch.no_grad():
        model.weight.mul_(3)
    (step,) = glorot.predict(model, x).steps
    expected = 64 * float(model.weight.detach().square().mean()) * float(x.square().mean())
    assert step.second_moment == pytest.approx(expected + float(model.bias.detach().square().mean()), rel=0.05)


def test_a_model_on_meta_asks_for_a_plan() -> None:
    with torch.device("meta"):
        model = nn.Linear(8, 8)
    with pytest.raises(GlorotError, match=r"holds no weights .* on the meta device; predict a plan of it, glorot"):
        glorot.predict(model, torch.ones(2, 8))
    (step,) = glorot.predict(glorot.plan(model, "he"), model=None).steps
    assert step.grade.kind == "exact"


def test_predicting_leaves_a_plan_and_its_model_as_they_were() -> None:
    model, x = nn.Sequential(nn.Linear(16, 16), nn.Tanh()), torch.randn(4, 16)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    plan = glorot.plan(model, "xavier", inputs=x)
    text = str(plan)
    glorot.predict(plan)
    glorot.predict(model, x)
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert str(plan) == text
