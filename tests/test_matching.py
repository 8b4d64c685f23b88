"""Matching: one plan starts one network in every framework from the same weights, and nobody writes names by hand."""

from itertools import permutations

import numpy as np
import pytest

import glorot
import matching_nets as nets
from effort import slow_after

pytestmark = pytest.mark.usefixtures("keys_that_compile_quickly")

PAIRS = [(net, *pair) for net, frameworks in nets.NETS.items() for pair in permutations(frameworks, 2)]
FIRST = [pair for pair in PAIRS if pair[1] == "torch"]


def planned(net: str, framework: str) -> glorot.Plan:
    """Return a plan by which no two parameters start alike."""
    model, batch = nets.built(net, framework)
    rules = [("*", "normal(std=0.4)"), *([("*var*", "uniform(0.5, 1.5)")] if net == "residual" else [])]
    return glorot.plan(model, "xavier", inputs=batch, rules=rules)


def names_in(plan: glorot.Plan, net: str, framework: str) -> dict[str, str]:
    model, batch = nets.built(net, framework)
    return glorot.match(plan, model, inputs=batch)


@pytest.mark.parametrize(
    ("net", "one", "other"), slow_after(len(FIRST), [*FIRST, *(pair for pair in PAIRS if pair not in FIRST)])
)
def test_a_net_answers_alike_in_another_framework(net: str, one: str, other: str):
    plan = planned(net, one)
    names = names_in(plan, net, other)
    found = nets.answer(net, other, plan, names)
    np.testing.assert_allclose(found, nets.answer(net, one, plan), rtol=0, atol=2e-5)


def test_parts_that_are_taken_for_each_other_would_be_noticed():
    plan = planned("mlp", "torch")
    names = names_in(plan, "mlp", "keras")
    assert names["layers.1.kernel"] == "2.weight"
    names |= {"layers.1.kernel": "4.weight", "layers.2.kernel": "2.weight"}
    difference = nets.answer("mlp", "keras", plan, names) - nets.answer("mlp", "torch", plan)
    assert abs(difference).max() > 0.01
