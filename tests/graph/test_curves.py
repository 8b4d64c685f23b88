"""Curves: what a graph computes element by element is told by its values."""

import math

import numpy as np
import pytest
from graph_builders import Builder, between

from glorot.activations import ACTIVATIONS, activation
from glorot.graph import Folded
from glorot.graph.curves import recognised

Z = np.linspace(-6, 6, 101)


def name_of(function, tolerance: float = 1e-4) -> str | None:
    builder = Builder(tolerance)
    before = builder.dense("a", builder.graph.input((2, 8)), 8)
    after = function(builder, before)
    match = recognised(Folded(builder.graph).curve(after, before))
    return None if match is None else match.text


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_each_activation_of_the_catalogue_is_known_by_its_values(name: str):
    found = name_of(lambda b, z: b.map("add", b.map(activation(name).name, z), 0.0))
    assert found is not None
    assert found.partition("(")[0] == name or np.allclose(activation(found).function(Z), activation(name).function(Z))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda b, z: b.map("maximum", z, 0.0), "relu"),
        (lambda b, z: b.map("leaky", z, 0.0), "relu"),  # not leaky_relu(0)
        (lambda b, z: b.map("leaky", z, 0.25), "leaky_relu(negative_slope=0.25)"),
        (lambda b, z: b.map("mul", b.map("maximum", z, 0.0), 0.5), "0.5·relu"),
        (lambda b, z: b.map("neg", b.map("tanh", z)), "-1·tanh"),
        (lambda b, z: b.map("mul", z, 3.0), "3·identity"),
        (lambda b, z: b.map("mul", z, 1.0), "identity"),
        (lambda b, z: b.map("tanh", b.map("mul", z, 0.5)), None),
        (lambda b, z: b.map("add", b.map("tanh", z), 1.0), None),
        (lambda b, z: b.map("div", 1.0, z), None),  # it is infinite at 0
        (lambda b, z: b.map("mul", z, 0.0), None),
    ],
    ids=["max", "leaky_0", "leaky", "half", "minus", "thrice", "once", "inner", "shifted", "pole", "nothing"],
)
def test_a_curve_is_named_up_to_a_factor(function, expected: str | None):
    assert name_of(function) == expected


def test_half_precision_may_be_further_off():
    def rough(b: Builder, z: int) -> int:
        return b.map("mul", b.map("maximum", z, 0.0), b.map("add", 1.0, b.map("mul", 0.004, b.map("cos", z))))

    assert name_of(rough, 1e-4) is None
    assert name_of(rough, 2e-2) == "relu"


def test_subexpressions_that_are_shared_are_evaluated_once():
    """Forty squares of sums: 2 to the 40 evaluations, were each use made again."""

    def deep(b: Builder, z: int) -> int:
        for _ in range(40):
            z = b.map("mul", 0.5, b.map("add", z, z))
        return z

    folded, before, after = between(deep)
    curve = folded.curve(after, before)
    assert len(curve.applications) == 80
    np.testing.assert_allclose(curve(Z), Z)


def test_a_deep_curve_needs_no_stack():
    def deep(b: Builder, z: int) -> int:
        for n in range(3000):
            z = b.map("add", z, float(n % 2) - 0.5)
        return z

    folded, before, after = between(deep)
    np.testing.assert_allclose(folded.curve(after, before)(Z), Z, atol=1e-9)


def test_numbers_are_folded_before_they_meet_a_signal():
    def function(b: Builder, z: int) -> int:
        return b.map("mul", z, b.map("sqrt", b.map("div", 2.0, float(math.pi))))

    folded, before, after = between(function)
    np.testing.assert_allclose(folded.curve(after, before)(Z), Z * math.sqrt(2 / math.pi))


def test_what_is_no_function_of_a_value_is_refused():
    folded, before, after = between(lambda b, z: b.mean(z))
    with pytest.raises(ValueError, match=rf"^value {after} is not a function of value {before}$"):
        folded.curve(after, before)
