"""How checks are run: chosen, tested together, merged, waived, and told."""

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

import glorot
from glorot.checks import Check, Evidence, Finding, Report, Tested
from glorot.checks.base import SECTIONS, SEVERITIES
from glorot.checks.file import read_findings
from glorot.checks.registry import FAMILIES, all_checks, check_named
from glorot.checks.running import merge, run, significant
from glorot.errors import GlorotError
from glorot.inventory import Inventory


def finding(path: str = "w", **changes: object) -> Finding:
    fields = {"code": "GL101", "name": "not-finite", "severity": "error", "figure": math.nan, "expected": ""}
    return Finding(**{**fields, "paths": (path,), "why": "holds NaN", "remedy": "write it", **changes})


def broken(*paths: str) -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    for path in paths:
        nn.init.constant_(model.get_parameter(path), math.nan)
    return model


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)
def test_every_check_is_a_page(check: Check) -> None:
    assert check.code[:2] == "GL"
    assert check.code[2] in FAMILIES
    assert type(check).__module__.split(".")[-2] == FAMILIES[check.code[2]]
    assert type(check).__module__.split(".")[-1].startswith(f"{check.code.lower()}_")
    assert check.severity in SEVERITIES
    assert list(check.sections()) == list(SECTIONS)
    assert all(len(text.split()) >= 3 for text in check.sections().values())
    assert ">>>" in check.sections()["Example that fails"]
    assert check.summary().endswith(".")


def test_no_code_and_no_name_has_two_meanings() -> None:
    assert len({check.code for check in all_checks()}) == len(all_checks())
    assert len({check.name for check in all_checks()}) == len(all_checks())


def test_checks_are_known_by_code_and_by_name() -> None:
    assert check_named("GL101") is check_named("not-finite") is check_named("gl101")
    with pytest.raises(GlorotError, match=r"there is no check 'GL10l'; the nearest are GL\d+"):
        check_named("GL10l")


def test_findings_of_one_cause_are_one() -> None:
    model = broken("0.bias", "0.weight", "2.bias")
    found = glorot.check(model, select="GL101").findings
    assert [one.paths for one in found] == [("0.weight",), ("0.bias",), ("2.bias",)]  # of 16, 4 and 3 elements
    same = [finding("a"), finding("b"), finding("c", why="holds infinity"), finding("a")]
    assert [one.paths for one in merge(same)] == [("a", "b"), ("c",)]


def test_tests_share_one_error_rate() -> None:
    """Of uniform p-values hardly a run finds anything; without the correction one in 20 tests would at 5 %."""
    generator = np.random.default_rng(0)
    runs = [[Tested(p, finding()) for p in generator.random(50)] for _ in range(4000)]
    rate = sum(bool(significant(tests, alpha=0.05)) for tests in runs) / len(runs)
    assert 0.04 < rate < 0.06
    assert significant([Tested(1e-9, None), Tested(0.5, finding())]) == []


def test_the_worst_comes_first() -> None:
    report = Report(tuple(finding(severity=one) for one in ("error", "warning", "note")), looked_at=3, asked=("GL101",))
    assert str(report).splitlines()[0] == "GL101 error: w: holds NaN"
    assert report.verdict == "1 error, 1 warning, 1 note in 3 tensors by 1 check"
    assert not report.ok


def test_a_verdict_on_nothing_is_not_ok() -> None:
    report = run(Evidence(Inventory("torch", ()), {}))
    assert not report.ok
    assert report.verdict == "nothing was looked at, so nothing can be said"


def test_a_check_that_did_not_run_says_why() -> None:
    told = str(glorot.check(broken()))
    assert "not asked: " in told
    assert "needs" in told.partition("not asked: ")[2]


def test_choosing() -> None:
    model = broken("0.bias")
    assert [one.code for one in glorot.check(model, select="GL101").findings] == ["GL101"]
    assert [one.code for one in glorot.check(model, select=["not-finite"]).findings] == ["GL101"]
    assert glorot.check(model, select="GL1").asked[0] == "GL101"
    assert "GL101" not in glorot.check(model, ignore="GL101").asked
    with pytest.raises(GlorotError, match="there is no check 'GL999'"):
        glorot.check(model, select="GL101,GL999")


def test_waiving() -> None:
    model = broken("0.bias", "2.bias")
    report = glorot.check(model, select="GL101", waive={"GL101 0.*": "loaded later"})
    assert [one.path for one in report.findings] == ["2.bias"]
    assert "waived: GL101 0.bias: loaded later" in str(report)
    with pytest.raises(GlorotError, match=r"the waiver 'GL101 head\.\*' matches no finding; take it out"):
        glorot.check(model, waive={"GL101 head.*": "meant"})
    with pytest.raises(GlorotError, match="the waiver 'GL101' has no reason"):
        glorot.check(model, waive={"GL101": ""})


def test_a_baseline_of_another_model_is_refused() -> None:
    other = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(3, 3)))
    other.load_state_dict({path: tensor * float("nan") for path, tensor in other.state_dict().items()})
    before = glorot.check(other, select="GL101")
    words = (
        r"^the baseline blames 0\.0\.bias, and nothing here has that name, nor any other that it blames: it is the rep"
    )
    with pytest.raises(GlorotError, match=words):
        glorot.check(broken("0.bias"), select="GL101", baseline=before)


def test_reference_and_ranks_may_be_files(tmp_path) -> None:
    model = broken()
    here, there = tmp_path / "here.pt", tmp_path / "there.pt"
    torch.save(model.state_dict(), here)
    torch.save({path: tensor + 1 for path, tensor in model.state_dict().items()}, there)
    assert not glorot.check(model, reference=here, ranks=[here, here], select="GL106,GL703,GL601").findings
    report = glorot.check(model, reference=there, ranks=[here, there], select="GL703,GL601")
    assert {one.code for one in report.findings} == {"GL703", "GL601"}
    with pytest.raises(GlorotError, match="gone.pt"):
        glorot.check(model, reference=tmp_path / "gone.pt")


def test_a_baseline_knows_the_findings_of_before(tmp_path) -> None:
    before = glorot.check(broken("0.bias"), select="GL101")
    after = glorot.check(broken("0.bias", "2.bias"), select="GL101", baseline=before)
    assert [one.path for one in after.findings] == ["2.bias"]
    assert "1 more are in the baseline" in str(after)
    saved = before.save(tmp_path / "report.json")
    assert [str(one) for one in read_findings(saved)] == [str(one) for one in before.findings]
    saved.write_text(json.dumps({"format": "glorot-plan/1"}))
    with pytest.raises(GlorotError, match="is not a report: its format is not glorot-report/1"):
        read_findings(saved)


def test_a_report_as_plain_data() -> None:
    plain = json.loads(json.dumps(glorot.check(broken("0.bias")).to_json(), allow_nan=False))
    assert plain["ok"] is False
    assert plain["findings"][0] == {
        "code": "GL101", "name": "not-finite", "severity": "error", "paths": ["0.bias"], "figure": None,
        "expected": "", "why": "holds NaN in all of its 4 elements", "where": "Linear",
        "remedy": "write it before training: glorot.apply writes every parameter once",
    }  # fmt: skip


def test_a_check_may_say_that_it_does_not_run_on_a_framework() -> None:
    class Elsewhere(Check):
        code, name, not_on = "GL999", "elsewhere", {"torch": "not on PyTorch: nothing to see"}

        def run(self, evidence: Evidence) -> Iterator[Finding | Tested]:
            raise AssertionError("it ran")

    from glorot.checks.running import _reason_against

    assert _reason_against(Elsewhere(), Evidence(Inventory("torch", ()), {})) == "not on PyTorch: nothing to see"


def test_what_bad_arguments_get() -> None:
    model = broken()
    with pytest.raises(GlorotError, match="plan must be a plan, as glorot.plan or Plan.load returns it, got a str"):
        glorot.check(model, plan="plan.json")
    with pytest.raises(
        GlorotError,
        match="reference must be a mapping of tensors by path, as a state dict, or a file of weights, got int",
    ):
        glorot.check(model, reference=3)
    with pytest.raises(GlorotError, match=r"optimizer must be a torch.optim.Optimizer or a list of them, got str"):
        glorot.check(model, optimizer="sgd")
    other = torch.optim.SGD(broken().parameters(), 0.1)
    with pytest.raises(GlorotError, match="the SGD trains none of the model's parameters"):
        glorot.check(model, optimizer=other)
    with pytest.raises(GlorotError, match="the batch does not fit the model"):
        glorot.check(model, torch.ones(2, 5))


def test_no_check_is_no_answer() -> None:
    report = glorot.check(broken(), ignore="GL")
    assert not report.ok
    assert str(report).splitlines()[0] == "no check ran, so nothing can be said"
    assert not glorot.check(broken(), select="GL701").ok


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
def test_a_scripted_model_is_refused_where_a_batch_should_run_through_it() -> None:
    scripted = torch.jit.script(broken())
    with pytest.raises(
        GlorotError, match="^a scripted model cannot be watched while it runs; pass the model that it wa"
    ):
        glorot.check(scripted, torch.randn(2, 4))
