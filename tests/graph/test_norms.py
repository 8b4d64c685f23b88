"""Norms, softmax and centring: told by what they do to numbers, and nothing else is taken for one."""

import pytest
from graph_builders import Builder, between

from glorot.graph.operations import Reduce


def rms(b: Builder, z: int) -> int:
    return b.map("mul", z, b.map("rsqrt", b.map("add", b.mean(b.map("square", z)), 1e-6)))


def centred(b: Builder, z: int) -> int:
    return b.map("sub", z, b.mean(z))


def standardized(b: Builder, z: int) -> int:
    away = centred(b, z)
    return b.map("div", away, b.map("sqrt", b.map("add", b.mean(b.map("square", away)), 1e-5)))


def by_squares(b: Builder, z: int) -> int:
    variance = b.map("sub", b.mean(b.map("square", z)), b.map("square", b.mean(z)))
    return b.map("mul", centred(b, z), b.map("rsqrt", b.map("add", variance, 1e-5)))


def total(b: Builder, z: int, statistic: str = "sum") -> int:
    return b.graph.step(Reduce(statistic, (1,), True), [z], (2, 1))


def length(b: Builder, z: int) -> int:
    return b.map("div", z, b.map("maximum", b.map("sqrt", total(b, b.map("square", z))), 1e-12))


def softmax(b: Builder, z: int) -> int:
    made = b.map("exp", b.map("sub", z, total(b, z, "max")))
    return b.map("div", made, total(b, made))


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (rms, "normalised"),
        (standardized, "normalised"),
        (by_squares, "normalised"),
        (length, "normalised"),
        (softmax, "softmax"),
        (centred, "centred"),
        (lambda b, z: b.map("maximum", rms(b, z), 0.0), "normalised"),
        (lambda b, z: b.map("mul", z, b.mean(z)), "product"),
        (lambda b, z: b.map("mul", z, b.map("sigmoid", b.mean(z))), "product"),
        (lambda b, z: b.map("add", z, b.mean(z)), "sum"),
        (lambda b, z: b.map("div", z, b.map("add", b.map("square", b.mean(z)), 1.0)), "affine"),  # only made smaller
    ],
    ids=[
        *("rms", "standardized", "by_squares", "length", "softmax", "centred", "relu_of_norm"),
        *("times_mean", "gated_by_mean", "plus_mean", "damped"),
    ],
)
def test_what_a_value_and_its_statistics_make(function, kind: str):
    folded, _, after = between(function)
    assert folded.kind[folded.source[after]] == kind


@pytest.mark.parametrize(("function", "second"), [(rms, 1.0), (standardized, 1.0), (length, 1 / 8)])
def test_the_mean_square_of_a_norm_is_measured(function, second: float):
    folded, _, after = between(function)
    assert folded.second[folded.source[after]] == pytest.approx(second, rel=1e-4)


def test_scale_and_shift_after_a_norm_pass_it_on():
    def function(b: Builder, z: int) -> int:
        scaled = b.map("mul", standardized(b, z), b.graph.parameter("scale", (8,)))
        return b.map("add", scaled, b.graph.parameter("shift", (8,)))

    folded, _, after = between(function)
    assert folded.kind[folded.source[after]] == "affine"
    assert folded.kind[folded.back(after)] == "normalised"
    assert [use.role for path in ("scale", "shift") for use in folded.uses[path]] == ["scale", "shift"]


def test_the_statistics_of_a_norm_are_no_end_of_their_own():
    folded, _, _ = between(rms)
    statistics = [step.result for step in folded.graph.steps if isinstance(step.operation, Reduce)]
    assert all(folded.is_statistic(value) for value in statistics)
    folded, _, _ = between(lambda b, z: b.map("mul", z, b.mean(z)))
    assert not any(folded.is_statistic(step.result) for step in folded.graph.steps)
