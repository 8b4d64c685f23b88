"""`glorot check`: what it prints, in each form, and its exit codes."""

import gzip
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

import glorot
from glorot.cli.check import command
from glorot.cli.explain import command as explain_command
from glorot.cli.places import place_of
from glorot.errors import GlorotError
from glorot.report.sarif import Place, annotations

SCHEMA = Path(__file__).parents[1] / "data" / "sarif-2.1.0-rtm.5.json.gz"
NETS = """
import torch
from torch import nn

def healthy():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))

def broken():
    model = healthy()
    nn.init.constant_(model[0].bias, float("nan"))
    return model

def batched():
    torch.manual_seed(0)
    return healthy(), torch.randn(16, 64), torch.randint(3, (16,))

def everything():
    model, inputs, targets = batched()
    return {"model": model, "inputs": inputs, "targets": targets, "select": "GL1"}

def misspelt():
    return {"model": healthy(), "input": torch.ones(2, 64)}
"""
TOLD = "0.bias: holds NaN in all of its 64 elements"
REMEDY = "write it before training: glorot.apply writes every parameter once"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def check(name: str, *words: str) -> Result:
    return CliRunner(catch_exceptions=True).invoke(command, [f"nets.py:{name}", "--select", "GL101", *words])


def test_a_healthy_model() -> None:
    result = check("healthy")
    assert (result.exit_code, result.stdout) == (0, "nothing found in 4 tensors by 1 check\n")


def test_the_culprit_comes_first() -> None:
    result = check("broken")
    assert result.exit_code == 1
    assert result.stdout == f"GL101 error: {TOLD}\n      {REMEDY}\n1 error in 4 tensors by 1 check\n"


@pytest.mark.parametrize("name", ["batched", "everything"])
def test_a_target_may_bring_a_batch_and_targets(name: str) -> None:
    result = check(name, "--format", "json")
    report = json.loads(result.stdout)
    assert report["ok"]
    assert [step["name"] for step in report["signal"]["steps"]] == ["0", "0 → relu", "2"]


def test_an_argument_that_there_is_not() -> None:
    result = check("misspelt")
    assert isinstance(result.exception, GlorotError)
    assert "glorot.check has no argument 'input' (did you mean 'inputs'?)" in str(result.exception)


def test_sarif_fits_its_schema() -> None:
    log = json.loads(check("broken", "--format", "sarif").stdout)
    jsonschema.validate(log, json.loads(gzip.decompress(SCHEMA.read_bytes())))
    (result,) = log["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("GL101", "error")
    assert result["message"]["text"] == f"{TOLD}. {REMEDY}"
    (location,) = result["locations"]
    assert location["physicalLocation"] == {"artifactLocation": {"uri": "nets.py"}, "region": {"startLine": 8}}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "0.bias"


def test_a_plan_is_no_weights_and_the_error_says_what_to_type() -> None:
    nets: dict[str, object] = {}
    exec(NETS, nets)
    glorot.plan(nets["healthy"](), "auto").save("plan.json")  # type: ignore[operator]
    for words in (["plan.json"], ["plan.json", "--plan", "plan.json"]):
        error = CliRunner(catch_exceptions=True).invoke(command, words).exception
        assert isinstance(error, GlorotError)
        assert str(error) == (
            "plan.json is a plan, which holds no weights; to check weights against it, give those, or the model, and "
            "the plan beside them: glorot check MODEL --plan plan.json, or glorot.check(model, plan=Plan.load(…))"
        )


def test_one_tensor_is_not_called_tensors() -> None:
    np.savez("one.npz", w=np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32))
    result = CliRunner().invoke(command, ["one.npz"])
    assert "nothing found in 1 tensor by 1 check\n" in result.stdout
    assert "one.npz: 1 tensor: 1 drawn\n" in result.stdout


def test_annotations_of_github() -> None:
    line = f"::error file=nets.py,line=8,title=GL101 not-finite::{TOLD}. {REMEDY}\n"
    assert check("broken", "--format", "github").stdout == line


def test_explain_adds_the_page_of_each_code_that_is_found() -> None:
    plain, explained = check("broken"), check("broken", "--explain")
    assert explained.stdout.startswith(plain.stdout)
    assert glorot.explain("GL101") in explained.stdout
    assert check("healthy", "--explain").stdout == check("healthy").stdout


def test_checks_are_explained_as_json() -> None:
    (one,) = [row for row in json.loads(explain("checks").stdout) if row["code"] == "GL301"]
    assert json.loads(explain("wrong-fan").stdout) == one
    assert one["severity"] == "warning"
    assert one["threshold"] == 0.05
    assert list(one["sections"]) == ["What it does", "Why it matters", "Example that fails", "What to do"]
    assert json.loads(explain("xavier").stdout)["kind"] == "recipe"


def explain(name: str) -> Result:
    return CliRunner().invoke(explain_command, [name, "--format", "json"], catch_exceptions=False)


def test_a_saved_report_is_a_baseline() -> None:
    assert check("broken", "-o", "report.json").exit_code == 1
    again = check("broken", "--baseline", "report.json")
    assert again.exit_code == 0
    assert again.stdout.splitlines()[-1] == "1 more are in the baseline"


def test_a_page(tmp_path: Path) -> None:
    assert "saved page.html" in check("broken", "-o", "page.html").stderr
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "This model will not start well" in page
    assert TOLD in page
    assert "src=" not in page


def test_waivers_have_reasons() -> None:
    result = check("broken", "--waive", "GL101 0.*=loaded later")
    assert result.exit_code == 0
    assert "waived: GL101 0.bias: loaded later" in result.stdout
    without = check("broken", "--waive", "GL101")
    assert isinstance(without.exception, GlorotError)
    assert "--waive 'GL101' has no reason" in str(without.exception)


def test_where_a_target_lies() -> None:
    assert place_of("nets.py:broken") == Place("nets.py", 8)
    assert place_of("nets.py:nothing") == Place("nets.py", 1)
    assert place_of("weights.safetensors") == Place("weights.safetensors", 1)


def test_what_would_end_an_annotation_is_escaped() -> None:
    from glorot.checks import Finding, Report

    finding = Finding("GL101", "not-finite", "note", ("a",), 1.0, "", "is 5 %\nof it", "mend it")
    told = annotations(Report((finding,), looked_at=1), Place("a,b:c.py", 1))
    assert told == r"::notice file=a%2Cb%3Ac.py,line=1,title=GL101 not-finite::a: is 5 %25\nof it. mend it"


def test_a_file_of_weights_is_looked_at_by_itself(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    held = {"fc.weight": generator.normal(0, 0.02, (64, 64)), "fc.scale": np.full((64, 64), 3e29)}
    np.savez("model.npz", **{name: values.astype(np.float32) for name, values in held.items()})
    result = CliRunner(catch_exceptions=True).invoke(command, ["model.npz"])
    first, *rest = result.stdout.splitlines()
    assert result.exit_code == 1
    assert first == "GL113 error: fc.scale: was never written: it holds values up to 3e+29"
    assert "1 error in 2 tensors by 1 check" in rest
    assert "model.npz: 2 tensors: 1 drawn, 1 unwritten" in rest


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of weights")
    result = CliRunner(catch_exceptions=True).invoke(command, ["notes.txt"])
    assert isinstance(result.exception, GlorotError)
    assert "notes.txt: " in str(result.exception)
    np.savez("model.npz", w=np.ones((2, 2), np.float32))
    with pytest.raises(
        GlorotError, match="model.npz is a file of weights, which is checked without a model; inputs= needs"
    ):
        glorot.check("model.npz", np.ones((2, 2)))
