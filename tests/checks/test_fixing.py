"""What drawing again mends: check, fix, apply, check, on the example of each such check and on the museum."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from examples_of_checks import example_of
from museum import BUGS, arguments
from torch import nn

import glorot
from glorot.checks import Check, Report
from glorot.checks.fixing import fix_of
from glorot.checks.registry import all_checks
from glorot.plans import Plan

MENDED = [one for one in all_checks() if one.mended_by_drawing]


def plan_of(given: Mapping[str, Any]) -> Plan:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it overwrites what is unusual, which is what is wrong here
        return given.get("plan") or glorot.plan(given["model"], "auto", given.get("inputs"))


def mended(given: dict[str, Any], report: Report) -> dict[str, Any]:
    """Return the arguments after the plan that mends what the report found was applied."""
    fix = report.fix(plan_of(given))
    assert fix is not None
    glorot.apply(fix, given["model"], seed=given.get("seed") or 0, inputs=given.get("inputs"))
    if "ranks" not in given:
        return given
    return {**given, "ranks": shared_out(given["model"].state_dict(), given["ranks"])}


def shared_out(whole: Mapping[str, torch.Tensor], ranks: Sequence[Mapping[str, torch.Tensor]]) -> list[Any]:
    """Give each rank its part of the whole, of the shape that it holds now."""
    shared: list[dict[str, torch.Tensor]] = []
    for number, held in enumerate(ranks):
        shared.append({})
        for path, part in held.items():
            axis = next((n for n, size in enumerate(whole[path].shape) if size != part.shape[n]), None)
            tensor = whole[path]
            shared[-1][path] = tensor if axis is None else tensor.split(part.shape[axis], axis)[number]
    return shared


@pytest.mark.parametrize("check", MENDED, ids=lambda one: one.code)
def test_drawing_again_mends_the_example(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    given = example_of(check.code, monkeypatch) | {"select": check.code}
    report = glorot.check(**given)
    assert {one.code for one in report.findings} == {check.code}
    assert not glorot.check(**mended(given, report)).findings


NOT_MENDED = {
    1: "no recipe knows what a parameter without a layer, or a buffer, should hold",
    6: "the ends of branches are to be drawn beside kernels that stay, at a scale that auto does not know",
    7: "an audit has no model of which a plan could be made",
    12: "no recipe draws time steps",
    15: "an optimizer lacks parameters",
    16: "shares of classes are no law",
    17: "a frozen table is computed",
    18: "an optimizer has parameters that are another's",
    20: "a checkpoint is to be loaded",
}
"""The bugs of the museum that drawing again can't mend, and why."""


@pytest.mark.parametrize("number", [number for number in BUGS if number not in NOT_MENDED])
def test_a_bug_of_the_museum_is_mended(number: int) -> None:
    given = arguments(number, wrong=True)
    report = glorot.check(**given)
    first = report.findings[0].code
    assert first not in {one.code for one in glorot.check(**mended(given, report)).findings}


def test_eleven_of_the_twenty_bugs_are_mended_and_nothing_is_promised_of_the_others() -> None:
    assert len(BUGS) - len(NOT_MENDED) == 11
    for number in NOT_MENDED.keys() - {7, 17}:
        given = arguments(number, wrong=True)
        report = glorot.check(**given)
        assert report.fix(plan_of(given)) is None, number


def large_and_unwritten() -> nn.Module:
    """A kernel that is far too large, a buffer that holds NaN, and nothing else that is wrong."""
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.Tanh(), nn.Linear(64, 8))
    nn.init.normal_(model[0].weight)
    model.register_buffer("table", torch.full((4,), torch.nan))
    return model


def test_what_is_not_blamed_is_left_alone() -> None:
    model = large_and_unwritten()
    before = {path: tensor.clone() for path, tensor in model.state_dict().items()}
    fix = glorot.check(model).fix(glorot.plan(model))
    assert fix is not None
    assert {one.why for one in fix if one.distribution is None} == {
        "left alone: not blamed by a finding that drawing mends"
    }
    glorot.apply(fix, model, seed=0)
    changed = [path for path, tensor in model.state_dict().items() if not torch.equal(tensor, before[path])]
    assert changed == ["table", "0.weight"]  # NaN equals nothing


def test_what_drawing_does_not_mend_is_left_over() -> None:
    model = large_and_unwritten()
    report = glorot.check(model)
    assert [one.path for one in fix_of(report.findings, glorot.plan(model)).left] == ["table"]


def test_nothing_to_mend() -> None:
    model = glorot.initialize(nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8)), "auto", seed=0)
    assert glorot.check(model).fix(glorot.plan(model)) is None
