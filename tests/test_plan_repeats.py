"""Entries that differ by whole numbers alone are one row of a plan file, and are read as they were."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glorot
from glorot.errors import GlorotError
from glorot.plans import Plan
from glorot.plans.repeats import fold_rows, unfold_row


class Block(nn.Module):
    """Experts within a layer, so that names grow along two variables."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)) for _ in range(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.stack([expert(x) for expert in self.experts]).sum(0)


def deep() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), *(Block() for _ in range(5)), nn.Linear(4, 2))


def rows_of(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(file.read_text())["entries"]
    return rows


def test_repeated_layers_are_one_row_each_and_read_in_their_order(tmp_path: Path) -> None:
    plan = glorot.plan(deep(), inputs=torch.ones(2, 4))
    file = plan.save(tmp_path / "plan.json")
    folded = [row for row in rows_of(file) if "for" in row]
    assert len(plan.entries) == 124
    assert {row["name"] for row in folded} >= {"{i}.experts.{j}.2.weight", "{i}.experts.{j}.2.bias"}
    assert len(rows_of(file)) <= 16
    assert Plan.load(file) == plan
    assert [entry.name for entry in Plan.load(file)] == [entry.name for entry in plan]


def test_a_plan_of_layers_that_do_not_repeat_has_a_row_for_each_part(tmp_path: Path) -> None:
    plan = glorot.plan(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    assert [row["name"] for row in rows_of(plan.save(tmp_path / "plan.json"))] == [entry.name for entry in plan]


def test_names_with_braces_are_kept_as_they_are(tmp_path: Path) -> None:
    plan = glorot.plan(deep())
    odd = replace(plan, entries=tuple(replace(one, name="{i}" + one.name) for one in plan))
    file = odd.save(tmp_path / "plan.json")
    assert not any("for" in row for row in rows_of(file))
    assert Plan.load(file) == odd


def _named(row: dict[str, Any]) -> dict[str, Any]:
    form, *numbers = row["name"]
    return row | {"name": form.format(*numbers)}


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.tuples(st.sampled_from(["a.{}", "b.{}.c.{}", "{}", "d.0{}"]), st.integers(0, 4), st.integers(0, 4)),
            "depth": st.integers(0, 3),
            "way": st.lists(st.integers(0, 2), min_size=2, max_size=2),
            "source": st.sampled_from([{"of": "a.1.b"}, {"of": "a.2.b", "squares": [1, 2]}]),
            "role": st.sampled_from(["kernel", "bias"]),
        }
    ).map(_named),
    max_size=30,
)  # fmt: skip


@given(ROWS)
def test_rows_that_were_folded_unfold_to_the_same(rows: list[dict[str, Any]]) -> None:
    found: dict[int, dict[str, Any]] = {}
    singles = []
    for row in fold_rows(rows):
        if "for" not in row:
            singles.append(row)
            continue
        for grown in unfold_row(row):
            at = grown.pop("at")
            found[at] = {key: value for key, value in row.items() if key not in ("for", "at")} | grown
    rest = iter(singles)
    assert [found[n] if n in found else next(rest) for n in range(len(rows))] == rows
    assert next(rest, None) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"for": {"j": [0, 3]}}, r"for must give each of its variables i, j, k a pair \[start, stop\], got {'j': \[0, 3\]}"),
        ({"for": {"i": [0, 10**9]}}, r"for must give each of its variables i, j, k a pair .*, got {'i': \[0, 1000000000\]}"),
        ({"for": {"i": [3, 3]}}, "for must give each of its variables"),
        ({"name": "h.{2i}"}, r"braces must hold a sum of i such as 2\*i\+1, got '2i'"),
        ({"name": "h.{i+j}"}, r"braces must hold a sum of i such as 2\*i\+1, got 'i\+j'"),
        ({"name": "h.{}"}, "braces must hold a sum of i such as .*, got ''"),
        ({"at": "{i-1}"}, "at must be a place that no other entry has, got -1"),
        ({"at": 0}, "at must be a place that no other entry has, got 0"),
        ({"at": "{2*i}"}, "its entries leave places between them empty"),
        ({"depth": "{i}x"}, "depth must be a number from 0 on, got '0x'"),
        ({"depth": "{1-i}"}, "depth must be a number from 0 on, got -1"),
    ],
)  # fmt: skip
def test_a_row_that_is_written_otherwise_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    plan = glorot.plan(nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(6))), inputs=False)
    file = plan.save(tmp_path / "plan.json")
    data = json.loads(file.read_text())
    (row,) = data["entries"]
    assert (row["for"], row["depth"]) == ({"i": [0, 6]}, "{i+1}")
    data["entries"] = [row | change]
    file.write_text(json.dumps(data))
    with pytest.raises(GlorotError, match=rf"plan\.json is damaged.*{words}"):
        Plan.load(file)
