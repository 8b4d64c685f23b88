"""Findings: sentences that change with the figures."""

import pytest
import report_builders as builders

from glorot.report import findings


def test_pace_groups_the_fast_and_the_slow() -> None:
    fast, other = builders.result("a", (0.1, 0.95, 0.95, 0.95)), builders.result("b", (0.1, 0.92, 0.93, 0.94))
    slow, never = builders.result("c", (0.1, 0.2, 0.3, 0.91)), builders.result("d", (0.1, 0.1, 0.1, 0.1))
    told = findings.pace(builders.comparison(fast, other, slow, never))
    assert told == "A and b reach 90 % on the test set after 1 epoch, c after 3, d never"
    assert (
        findings.pace(builders.comparison(never))
        == "No recipe reaches 90 % on the test set; the highest, d, ends at 10.2 %"
    )


def test_overfitting_names_the_widest_gap() -> None:
    result = builders.result("a")
    tame = builders.comparison(result)
    assert findings.overfitting(tame) == "No recipe ends lower on the test set than in training"
    wild = [builders.Epoch(0.1, 0.99, 0.5, 0.7)] * 3
    runs = tuple(builders.replace(run, epochs=tuple(wild)) for run in result.runs)
    told = findings.overfitting(builders.comparison(builders.replace(result, runs=runs)))
    assert told == "A: 99.0 % in training, 70.0 % on the test set"


@pytest.mark.parametrize(
    ("gradients", "told"),
    [
        ((0.1, 0.11, 0.12), "Every recipe keeps the gradient within a factor of 2 on its way back"),
        ((1e-5, 1e-3, 1e-1), "The gradient of a falls ×0.0001 on its way back"),
        ((9.0, 1.0, 0.1), "The gradient of a grows ×90 on its way back"),
        ((0.0, 0.0, 0.0), "No gradient passes through more than one hidden layer"),
    ],
)
def test_propagation_tells_fall_and_growth(gradients: tuple[float, ...], told: str) -> None:
    comparison = builders.comparison(builders.result("a", gradients=gradients))
    assert findings.propagation(comparison, "gradient_std") == told


def test_saturation_names_the_full_and_the_best() -> None:
    full, free = builders.result("full", saturated=0.84, accuracies=(0.1, 0.2, 0.5)), builders.result("free")
    told = findings.saturation(builders.comparison(full, free))
    assert told == "Full starts with 84 % of its units saturated in the fullest layer; free with 0 %"
    assert findings.saturation(builders.comparison(free)).startswith("No recipe starts with more than 0.0 %")


def test_a_relu_net_is_not_called_saturated() -> None:
    usual = builders.comparison(builders.result("he", saturated=0.52, phi="relu"))
    assert findings.saturation(usual) == (
        "Near 50 % of the units start where the activation is flat, as is usual for it (He most, 52 %)"
    )
    dead = builders.comparison(builders.result("he", saturated=0.9, phi="relu"))
    assert findings.saturation(dead) == "Every recipe starts with 90 % of its units saturated in the fullest layer"
    tanh = builders.comparison(builders.result("he", saturated=0.3))
    assert findings.saturation(tanh) == "No recipe starts with more than 30.0 % of its units saturated (He)"


def test_large_figures_are_plain_numbers() -> None:
    told = findings.losses(builders.comparison(builders.result("a", losses=(2.0, 163.0, 163.0))), "train")
    assert told == "Training loss ends at 160 (a)"
    grown = builders.comparison(builders.result("a", gradients=(29.0, 1.0, 0.1)))
    assert findings.propagation(grown, "gradient_std") == "The gradient of a grows ×290 on its way back"


def test_copies_counts_rows() -> None:
    assert findings.copies({"zeros": (1, 32), "one": (1, 32), "xavier": (32, 32)}) == (
        "Zeros and one end with 1 of 32 units distinct in the first layer; with xavier all units differ"
    )
    assert findings.copies({"xavier": (32, 32)}) == "No recipe ends with copied units in the first layer"


def test_depth_names_who_stands_and_who_falls() -> None:
    told = findings.over_depth(builders.usual())
    assert told == "At 20 hidden layers Xavier still reaches 95 %; random(0.01) falls from 97 % at 1 to 50 % at 3"


def test_percent_keeps_100_for_the_whole() -> None:
    assert findings.percent(1.0) == "100 %"
    assert findings.percent(0.9996) == "100.0 %"
    assert findings.percent(0.953) == "95 %"
