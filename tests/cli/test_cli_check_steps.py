"""`glorot check --steps`: a copy is trained, and the report says what the loss did."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glorot.cli.check import command
from glorot.errors import GlorotError

NETS = """
import torch
from torch import nn

def batched():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    return model, torch.randn(16, 64), torch.randint(3, (16,))

def too_fast():
    model, inputs, targets = batched()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e3)
    return {"model": model, "inputs": inputs, "targets": targets, "optimizer": optimizer, "steps": 5}

def without_targets():
    return batched()[:2]
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def check(name: str, *words: str) -> Result:
    return CliRunner().invoke(command, [f"nets.py:{name}", "--select", "GL507,GL508", *words])


def test_the_loss_is_told_in_one_line_and_in_json() -> None:
    result = check("batched", "--steps", "5")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "nothing found in 4 tensors by 2 checks"
    assert result.stdout.splitlines()[1].startswith("loss over 5 steps: 1.")
    steps = json.loads(check("batched", "--steps", "5", "--format", "json").stdout)["steps"]
    assert len(steps) == 6
    assert steps[-1] < steps[0]
    assert "loss over 5 steps: " in check("batched", "--steps", "5", "--format", "html").stdout


def test_without_steps_the_checks_wait_for_them() -> None:
    result = check("batched")
    assert "not asked: GL507, GL508: needs steps of training, as steps=5" in result.stdout.splitlines()
    assert "loss over" not in result.stdout


def test_a_target_gives_the_steps_and_an_option_moves_them() -> None:
    result = check("too_fast")
    assert result.stdout.startswith("GL508 warning: loss: grows in the first steps of training (")
    assert check("too_fast", "--strict").exit_code == 1
    assert "loss over 1 step: " in check("too_fast", "--steps", "1").stdout


def test_steps_need_targets() -> None:
    result = check("without_targets", "--steps", "5")
    assert isinstance(result.exception, GlorotError)
    assert str(result.exception) == "steps= needs a loss that can fall, and there is none; pass targets=, or loss="
    assert check("batched", "--steps", "-1").exit_code == 2
