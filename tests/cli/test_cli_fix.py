"""`glorot check --fix`: a plan that mends, a list of what it does not, and nothing applied."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import glorot
from glorot.cli.commands import group
from glorot.errors import GlorotError
from glorot.plans import Plan

NETS = """
import torch
from torch import nn

def large():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8))
    nn.init.normal_(model[0].weight)
    model.register_buffer("table", torch.full((4,), torch.nan))
    return model

def rare():
    model = nn.Linear(8, 2)
    model.register_buffer("table", torch.full((4,), torch.nan))
    return model

def healthy():
    torch.manual_seed(0)
    return nn.Linear(64, 64)

def mended():
    model = large()
    model.table.zero_()
    model.load_state_dict(torch.load("mended.pt", weights_only=True) | {"table": model.table})
    return model
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def glorot_(*words: str) -> Result:
    return CliRunner(catch_exceptions=True).invoke(group, words)


def test_a_plan_mends_what_was_found_and_the_rest_is_listed() -> None:
    result = glorot_("check", "nets.py:large", "--fix", "fix.json")
    assert result.exit_code == 1
    assert "GL302 warning: 0.weight: multiplies the signal by far too much" in result.stdout
    assert result.stderr.splitlines() == [
        "by hand: GL101 table: write it before training: glorot.apply writes every parameter once",
        "saved fix.json, which draws 1 of 4 parts again: glorot apply fix.json nets.py:large --seed 0 -o weights.npz",
    ]
    assert [one.name for one in Plan.load("fix.json") if one.distribution is not None] == ["0.weight"]
    assert glorot_("apply", "fix.json", "nets.py:large", "--seed", "0", "-o", "mended.pt").exit_code == 0
    assert glorot_("check", "nets.py:mended").exit_code == 0


def test_a_plan_that_is_given_says_how() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 8))
    glorot.plan(model, "lecun_normal").save("plan.json")
    result = glorot_("check", "nets.py:large", "--select", "GL302", "--plan", "plan.json", "--fix", "fix.json")
    assert result.stderr.startswith("saved fix.json, which draws 1 of 4 parts again: ")
    assert Plan.load("fix.json")["0.weight"].scheme == Plan.load("plan.json")["0.weight"].scheme == "lecun_normal"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("healthy", "there is nothing to mend, so fix.json is not written"),
        ("rare", "drawing again mends none of this, so fix.json is not written"),
    ],
)
def test_nothing_is_written_where_nothing_can_be_mended(target: str, told: str) -> None:
    result = glorot_("check", f"nets.py:{target}", "--fix", "fix.json")
    assert result.stderr.splitlines()[-1] == told
    assert not Path("fix.json").exists()


def test_a_file_that_is_no_plan() -> None:
    result = glorot_("check", "nets.py:healthy", "--fix", "fix.txt")
    assert isinstance(result.exception, GlorotError)
    assert str(result.exception) == "--fix fix.txt: expected a file name that ends in .json, for a plan"


def test_weights_alone_have_no_plan() -> None:
    torch.save({"weight": torch.ones(8, 8)}, "w.pt")
    result = glorot_("check", "w.pt", "--fix", "fix.json")
    assert isinstance(result.exception, GlorotError)
    assert str(result.exception) == "--fix makes a plan for a model, and w.pt has only weights; give --plan"


def test_a_fix_that_has_no_place_is_refused_before_anything_is_checked() -> None:
    Path("folder.json").mkdir()
    for path, why in (("gone/fix.json", "the folder gone is not there"), ("folder.json", "it is a folder")):
        result = glorot_("check", "nets.py:large", "--fix", path)
        assert str(result.exception) == f"--fix {path} cannot be written: {why}"
        assert result.stdout == ""
