"""How an init function is called by an audit, what that leaves as it was, and how the report is shown."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import init

import glorot
from glorot.checks.audited import Audit


def linear() -> nn.Linear:
    return nn.Linear(4, 3)


def states(report: Audit) -> dict[str, str]:
    return {one.path: one.state for one in report.tensors}


def codes(report: Audit) -> set[str]:
    return {one.code for one in report.findings}


# ---- how it is called ------------------------------------------------------------------------------------------------


class WithMethod(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 2))])

    def init_weights(self, buffer_device: Any = None) -> None:
        for one in self.parameters():
            init.normal_(one, std=0.02)


class WithHook(nn.Sequential):
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            init.normal_(module.weight)
            init.zeros_(module.bias)


def test_the_method_of_a_model_is_called():
    report = glorot.audit(WithMethod)
    assert report.call == "model.init_weights()"
    assert set(states(report)) == {"inner.0.weight", "inner.0.bias", "inner.1.0.weight", "inner.1.0.bias"}
    assert report.ok


def test_a_method_for_one_module_is_applied_to_each():
    report = glorot.audit(lambda: WithHook(nn.Linear(3, 3), nn.LayerNorm(3)))
    assert report.call == "model.apply(model._init_weights)"
    assert states(report) == {"0.weight": "once", "0.bias": "once", "1.weight": "never", "1.bias": "never"}
    assert report.findings[0].where == "LayerNorm"


def test_the_method_of_each_module_is_called():
    report = glorot.audit(lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), method="reset_parameters")
    assert report.call == "module.reset_parameters() of 2 modules"
    assert report.ok
    assert len(report.tensors) == 7


def test_a_constructor_that_needs_numbers_is_run_with_memory():
    def build() -> nn.Module:
        return nn.Linear(int(torch.tensor(3).item()), 2)

    report = glorot.audit(build, lambda model: init.zeros_(model.bias))
    assert states(report) == {"weight": "never", "bias": "once"}
    assert str(report.findings[0]).startswith(
        "GL192 error: weight: is never written by init(model): it keeps what its constructor gave it (kaiming_uniform_ "
    )


def test_equal_causes_are_one_finding():
    report = glorot.audit(lambda: nn.Sequential(*(nn.LayerNorm(3, bias=False) for _ in range(24))), lambda model: None)
    assert [(one.code, one.path) for one in report.findings] == [("GL192", "0.weight, 1.weight … 23.weight (24)")]


# ---- what is left as it was ------------------------------------------------------------------------------------------


def test_the_process_is_left_as_it_was_also_by_an_init_that_fails():
    def start(model: nn.Module) -> None:
        torch.manual_seed(3)
        torch.rand(2), random.random(), np.random.rand()  # noqa: NPY002
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        raise RuntimeError("no such table")

    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with pytest.raises(glorot.GlorotError, match=r"^start\(model\) raised RuntimeError: no such table; an audit needs"):
        glorot.audit(linear, start)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]  # noqa: NPY002
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert torch.empty(1).device.type == "cpu"


def test_arrays_that_a_constructor_takes_are_left_as_they_are():
    array = np.ones(3, np.float32)
    report = glorot.audit(
        lambda: nn.ParameterList([nn.Parameter(torch.from_numpy(array))]), lambda model: init.zeros_(model[0])
    )
    assert report.ok
    assert array.tolist() == [1, 1, 1]


def test_a_model_that_was_there_before_is_refused_and_left_as_it_was():
    model = linear()
    before = model.weight.detach().clone()
    with pytest.raises(
        glorot.GlorotError,
        match=r"^build must make a new model each time, and returned one that was there before \(weight is the same",
    ):
        glorot.audit(lambda: model, lambda model: None)
    assert torch.equal(model.weight, before)


# ---- the report ------------------------------------------------------------------------------------------------------


def test_a_green_verdict_on_nothing_is_not_given():
    report = glorot.audit(lambda: nn.LazyLinear(3), lambda model: None)
    assert not report.ok
    assert str(report).startswith("the model has no tensors that can be looked at, so nothing can be said")
    assert "not looked at: weight, which has no shape until the model has run on a batch" in str(report)
