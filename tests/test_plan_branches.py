"""Branches and purposes in plan files: written where there are any, read with a default, refused where damaged."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import glorot
from glorot.errors import GlorotError
from glorot.inventory import Branch
from glorot.plans import Plan


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.up, self.down, self.head = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head(x + self.down(torch.relu(self.up(x))))


@pytest.fixture
def plan() -> Plan:
    return glorot.plan(Net(), inputs=torch.ones(2, 8))


def changed(plan: Plan, path: Path, key: str, value: Any) -> Path:
    """Save a plan whose entry of `down.weight` has another value for a key."""
    data = plan.to_json()
    next(row for row in data["entries"] if row["name"] == "down.weight")[key] = value
    path.write_text(json.dumps(data))
    return path


def test_they_are_written_and_read(plan: Plan, tmp_path: Path):
    rows = {row["name"]: row for row in plan.to_json()["entries"]}
    assert rows["down.weight"]["branch"] == {"stream": 1, "index": 1, "count": 1}
    assert (rows["down.weight"]["purpose"], rows["head.bias"]["purpose"]) == ("down", "output bias")
    assert not {"branch", "purpose"} & rows["stem.weight"].keys()
    read = Plan.load(plan.save(tmp_path / "plan.json"))
    assert read == plan
    assert read["down.weight"].branch == Branch(1, 1, 1)


def test_plans_without_them_are_read(plan: Plan, tmp_path: Path):
    data = plan.to_json()
    for row in data["entries"]:
        row.pop("branch", None)
        row.pop("purpose", None)
    (tmp_path / "old.json").write_text(json.dumps(data))
    read = Plan.load(tmp_path / "old.json")
    assert {(entry.branch, entry.purpose) for entry in read} == {(None, "")}


@pytest.mark.parametrize("branch", [7, {}, {"stream": 1, "index": 1}, {"stream": 1, "index": 0, "count": 1}, [1, 1, 1]])
def test_a_damaged_branch_is_refused(plan: Plan, tmp_path: Path, branch: Any):
    path = changed(plan, tmp_path / "plan.json", "branch", branch)
    with pytest.raises(GlorotError, match=r"branch must be null or stream, index, count as numbers from 1 on, got "):
        Plan.load(path)


def test_a_damaged_purpose_is_refused(plan: Plan, tmp_path: Path):
    with pytest.raises(GlorotError, match="purpose must be text, got 3"):
        Plan.load(changed(plan, tmp_path / "plan.json", "purpose", 3))
