"""One function, one law: each is written once, and planned alike in PyTorch, Flax NNX and Keras."""

import math
from typing import Any

import numpy as np
import pytest
from functions_everywhere import FUNCTIONS, WIDTH, Row
from nets_everywhere import NETS
from one_net_everywhere import FRAMEWORKS, Net, planned, rows_of

from effort import slow_after

BATCH = np.random.default_rng(0).standard_normal((4, WIDTH)).astype(np.float32)


def between(row: Row, **more: Any) -> Net:
    """Return a net with a function between the first two of its three layers."""
    layers = {"a": (WIDTH, WIDTH * row.widen), "b": (WIDTH, WIDTH), "c": (WIDTH, 4)}
    return Net(lambda o, m, x: m.c(o.tanh(m.b(row.written(o, m.a(x))))), layers, batch=BATCH, **more)


def assert_alike(plans: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Assert that plans say the same of every part, and give laws of one std."""
    reference = plans["torch"]
    for framework, plan in plans.items():
        assert plan.keys() == reference.keys(), framework
        for name, part in plan.items():
            expected = dict(reference[name])
            assert part == {**expected, "std": pytest.approx(expected["std"], rel=1e-9)}, (framework, name)


@pytest.mark.parametrize("name", slow_after(16, list(FUNCTIONS)))
def test_one_function_has_one_law(name: str):
    row = FUNCTIONS[name]
    plans = {framework: rows_of(planned(between(row), framework)) for framework in FRAMEWORKS}
    assert_alike(plans)
    part = plans["torch"]["b.weight"]
    value, slope = row.right
    assert part["std"] == pytest.approx(math.sqrt(2 / (WIDTH * value + WIDTH * slope)), rel=row.within), part["fed by"]
    assert part["fed by"] == row.fed_by or row.fed_by is None
    assert (part["role"], part["fans"], part["seen"]) == ("kernel", (WIDTH, WIDTH), True)


@pytest.mark.parametrize("name", slow_after(8, list(NETS)))
def test_one_net_has_one_plan(name: str):
    case = NETS[name]
    plans = {framework: rows_of(planned(case.net, framework)) for framework in FRAMEWORKS}
    assert_alike(plans)
    for part, right in case.right.items():
        found = plans["torch"].get(part)
        assert found is not None, (part, list(plans["torch"]))
        assert (found["role"], found["seen"]) == (right.role, True), part
        assert found["fans"] == right.fans or right.fans is None, part
        assert found["fed by"] == right.fed_by or right.fed_by is None, part
        assert found["value"] == right.value, part
        if right.std is not None:
            assert found["std"] == pytest.approx(right.std, rel=1e-3), part


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_dropout_changes_no_plan(framework: str):
    net = NETS["dropout"].net
    trained, asked = (rows_of(planned(net, framework, is_trained=mode)) for mode in (True, False))
    assert trained == asked
    assert asked["b.weight"]["fed by"] == "relu"
