"""Plans as data: saved, loaded, damaged, compared and printed."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from zoo import LAYERS, assert_same, net, weights

import glorot
from glorot.errors import GlorotError
from glorot.plans import Plan

LAYER_NAMES = sorted(LAYERS)


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from(LAYER_NAMES), min_size=1, max_size=4),
    st.sampled_from(
        ["auto", "xavier", "he(distribution='uniform')", "pytorch", "truncated_normal(std=0.3)", "current"]
    ),
    st.integers(0, 2**64 - 1),
)
def test_plans_survive_the_disk(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], recipe: str, seed: int
) -> None:
    model = nn.ModuleList(LAYERS[name]() for name in names)
    plan = glorot.plan(model, recipe)
    path = plan.save(tmp_path_factory.mktemp("plans") / "plan.json")
    loaded = Plan.load(path)
    assert loaded == plan
    assert not plan.diff(loaded)
    assert str(plan.diff(loaded)) == "no differences"
    assert path.read_text(encoding="utf-8") == loaded.save(path).read_text(encoding="utf-8")
    one, other = (weights(glorot.apply(p, model, seed=seed)) for p in (plan, loaded))
    assert_same(one, other)


def test_diff_names_what_changed_and_what_came_and_went() -> None:
    small = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2))
    grown = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False), nn.Linear(2, 2, bias=False))
    diff = glorot.plan(small, "xavier").diff(glorot.plan(grown, "xavier", rules=[("0.weight", "normal(0.02)")]))
    assert [entry.name for entry in diff.removed] == ["1.bias"]
    assert [entry.name for entry in diff.added] == ["2.weight"]
    assert [(old.name, new.scheme) for old, new in diff.changed] == [("0.weight", "normal(std=0.02)")]
    lines = str(diff).splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["-", "1.bias"], ["+", "2.weight"], ["~", "0.weight"]]
    assert "xavier_uniform 0.5345 4×3 (oi)" in lines[4]
    assert "normal(std=0.02) 0.02 4×3 (oi)" in lines[4]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return glorot.plan(net(), "xavier").save(tmp_path / "plan.json")


def damage(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    changed_data = change(data)
    path.write_text(json.dumps(data if changed_data is None else changed_data), encoding="utf-8")


def put(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["entries"][2][field] = value

    return change


def law(**numbers: Any) -> Callable[[dict[str, Any]], None]:
    return put("distribution", numbers)


VIEW: dict[str, Any] = {"box": [[0, 4], [0, 5]], "unfold": None, "order": None, "flip": []}
CUT = VIEW | {"box": None, "unfold": [2, 3, 5], "cut": [[0, 2], [1, 3], [0, 5]]}

BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a list": (lambda data: [data], "is not a plan: it has no list of entries"),
    "no entries": (lambda data: data.pop("entries") and None, "is not a plan: it has no list of entries"),
    "version": (
        lambda data: data.update(version=4),
        r"is a plan of version 4 for 'glorot-stream/1'; this glorot reads versions 1, 2 and 3 for 'glorot-stream/1': "
        "make the plan again, or use the glorot that wrote it$",
    ),
    "stream": (lambda data: data.update(stream="other/9"), "is a plan of version 3 for 'other/9'; this glorot reads"),
    "fingerprint": (
        lambda data: data.update(fingerprint="0" * 16),
        "is damaged: names, axes or shapes do not match its fingerprint '0000000000000000'",
    ),
    "name": (put("name", "2.other"), "is damaged: names, axes or shapes do not match its fingerprint"),
    "axes": (put("axes", "io"), "is damaged: names, axes or shapes do not match its fingerprint"),
    "shape": (put("shape", [4, 6]), "is damaged: names, axes or shapes do not match its fingerprint"),
    "an entry twice": (
        lambda data: data["entries"].append(data["entries"][0]),
        "is damaged: .*",
    ),
    "an entry less": (
        lambda data: data["entries"].pop() and None,
        "is damaged: names, axes or shapes do not match its fingerprint",
    ),
    "name of another kind": (put("name", 3), "is damaged at entry 2.*: name must be text, got 3"),
    "role of another kind": (put("role", None), "is damaged at entry 2.*: role must be text, got None"),
    "why of another kind": (put("why", ["x"]), "is damaged at entry 2.*: why must be text"),
    "shape of another kind": (put("shape", "four"), "is damaged at entry 2"),
    "no shape": (put("shape", None), "is damaged at entry 2"),
    "fans of another kind": (put("fans", [5]), "is damaged at entry 2"),
    "fans as text": (
        put("fans", ["a", "b"]),
        "is damaged at entry 2.*: fans must be two positive numbers or null, got .'a', 'b'.",
    ),
    "fans below zero": (put("fans", [-1, 5]), "is damaged at entry 2.*: fans must be two positive numbers or null"),
    "fans that are no number": (put("fans", [float("nan"), 5]), "is damaged at entry 2.*: fans must be two positive"),
    "depth": (put("depth", "7"), "is damaged at entry 2.*: depth must be a number from 0 on, got '7'"),
    "a broken size": (put("shape", [4.7, 3]), "is damaged at entry 2.*: shape must be a list of sizes, got"),
    "no recipe": (lambda data: data.pop("recipe") and None, "is damaged: recipe must be text, got None"),
    "a version that is true": (lambda data: data.update(version=True), "is a plan of version True"),
    "a field less": (
        lambda data: data["entries"][2].pop("why") and None,
        "is damaged at entry 2.*: expected the fields",
    ),
    "left alone without a reason": (
        lambda data: data["entries"][2].update(distribution=None, why=""),
        "is damaged at entry 2.*: why must be the reason why the part is left alone, got ''",
    ),
    "a view of another kind": (
        put("view", [0, 4]),
        r"is damaged at entry 2.*: view must be null or the fields \['box'",
    ),
    "half a view": (put("view", {"box": None}), "is damaged at entry 2.*: view must be null or the fields"),
    "a view of one side": (put("view", VIEW | {"box": [[0], [0, 5]]}), "view's box must be a list of pairs"),
    "a view of another size": (
        put("view", VIEW | {"box": [[0, 4], [0, 6]]}),
        r"is damaged at entry 2.*: view's box must be a place of as many elements as the part, 20, got \[\[0, 4\], \[0, 6",
    ),
    "a view turned inside out": (
        put("view", VIEW | {"box": [[4, 0], [5, 0]]}),
        "view's box must be a place of as many",
    ),
    "an unfolding of another size": (put("view", VIEW | {"unfold": [7]}), "view's unfold must be a place of as many"),
    "a cut of one side": (put("view", CUT | {"cut": [[0], [1, 3], [0, 5]]}), "view's cut must be a list of pairs"),
    "a cut beyond its axis": (
        put("view", CUT | {"cut": [[0, 2], [2, 4], [0, 5]]}),
        r"view's cut must be a pair \(start, stop\) within each axis of 2×3×5, got \[\[0, 2\], \[2, 4\], \[0, 5\]\]",
    ),
    "a cut of fewer axes": (
        put("view", CUT | {"cut": [[0, 4], [0, 5]]}),
        "view's cut must be a pair .* within each axis of 2×3×5",
    ),
    "a cut of a box beyond it": (
        put("view", VIEW | {"box": [[0, 8], [2, 7]], "cut": [[0, 4], [1, 6]]}),
        "view's cut must be a pair .* within each axis of 8×5",
    ),
    "a cut of another size": (
        put("view", CUT | {"cut": [[0, 2], [0, 1], [0, 5]]}),
        r"view's cut must be a place of as many elements as the part, 20, got \[\[0, 2\], \[0, 1\]",
    ),
    "a cut turned inside out": (
        put("view", CUT | {"cut": [[2, 0], [3, 1], [0, 5]]}),
        "view's cut must be a place of as many elements as the part, 20",
    ),
    "a box of another size than its unfolding": (
        put("view", CUT | {"box": [[0, 5], [0, 5]]}),
        "view's box must be a place of as many elements as its unfold, 30, got",
    ),
    "an order that is no order": (put("view", VIEW | {"order": [0, 0]}), "view's order must be a permutation"),
    "a flip of text": (put("view", VIEW | {"flip": "0"}), "view's flip must be a list of whole numbers from 0 on"),
    "no object": (lambda data: data["entries"].__setitem__(2, None), "is damaged at entry 2"),
    "unknown law": (law(law="cauchy", scale=1), "is damaged at entry 2.*: unknown law 'cauchy'; known: constant"),
    "no law": (law(std=1.0), "is damaged at entry 2.*: unknown law None"),
    "numbers missing": (law(law="normal", mean=0.0), "is damaged at entry 2.*: law 'normal' takes .*'std'"),
    "a number as text": (
        law(law="normal", mean=0, std="1"),
        "is damaged at entry 2.*: Normal: std must be a finite number, got '1'",
    ),
    "a number out of range": (
        law(law="normal", mean=0, std=-1),
        "is damaged at entry 2.*: Normal: std must lie between",
    ),
    "no number": (
        law(law="constant", value=float("nan")),
        "is damaged at entry 2.*: Constant: value must be a finite number, got nan",
    ),
    "bounds crossed": (law(law="uniform", low=1, high=-1), "is damaged at entry 2.*: Uniform: low must be below high"),
    "a law of another kind": (put("distribution", 5), "is damaged at entry 2"),
    "a huge number": (
        law(law="normal", mean=0, std=10**400),
        r"is damaged at entry 2 .*: Normal: std must be a finite number, got 10+\.\.\.0+$",
    ),
    "huge fans": (put("fans", [10**400, 5]), "is damaged at entry 2 .*: a number is too large for a float"),
    "orthogonal bias": (
        lambda data: data["entries"][1].update(distribution={"law": "orthogonal", "gain": 1}),
        "is damaged at entry 1 .*: law 'orthogonal' fills a whole matrix: it needs two axes or more, .* got axes 'o'",
    ),
    "identity bias": (
        lambda data: data["entries"][1].update(distribution={"law": "identity", "gain": 1}),
        "is damaged at entry 1 .*: law 'identity' fills a whole matrix",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damaged_plans_name_file_and_entry(saved: Path, name: str) -> None:
    change, message = BROKEN[name]
    damage(saved, change)
    with pytest.raises(GlorotError, match=message) as caught:
        Plan.load(saved)
    assert str(caught.value).startswith(str(saved))


def test_files_that_are_no_plans(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(
        GlorotError, match=r"^cannot read .*none\.json: No such file or directory; give the path of a plan file$"
    ):
        Plan.load(tmp_path / "none.json")
    with pytest.raises(GlorotError, match=r"^cannot read .*: this is a folder; give the path of a plan file$"):
        Plan.load(tmp_path)
    saved.write_text(saved.read_text(encoding="utf-8")[:100], encoding="utf-8")
    with pytest.raises(GlorotError, match=r"plan\.json is not a plan: it is not valid JSON \("):
        Plan.load(saved)
    saved.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GlorotError, match=r"plan\.json is not a plan: it is not valid JSON \("):
        Plan.load(saved)


def test_plans_nested_too_deeply_or_of_endless_digits(saved: Path) -> None:
    saved.write_text('{"entries": ' + "[" * 200_000 + "]" * 200_000 + "}", encoding="utf-8")
    with pytest.raises(GlorotError, match=r"plan\.json is not a plan: its JSON is nested too deeply"):
        Plan.load(saved)
    saved.write_text('{"version": ' + "9" * 5000 + "}", encoding="utf-8")
    with pytest.raises(GlorotError, match=r"plan\.json is not a plan: it is not valid JSON \("):
        Plan.load(saved)


def test_a_distribution_may_be_changed_by_hand(saved: Path) -> None:
    damage(saved, law(law="constant", value=0.25))
    model = glorot.apply(Plan.load(saved), net(), seed=0)
    assert model[2].weight.unique().tolist() == [0.25]


def test_a_plan_is_saved_whole_or_not_at_all(saved: Path, tmp_path: Path) -> None:
    plan = glorot.plan(net(), "he")
    with pytest.raises(
        GlorotError, match=r"^cannot write .*plan\.json: No such file or directory; give a path in a folder"
    ):
        plan.save(tmp_path / "missing" / "plan.json")
    with pytest.raises(GlorotError, match=r"^cannot write "):
        plan.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [saved.name]
    assert Plan.load(saved).recipe == "xavier"


def test_a_plan_prints_as_a_table() -> None:
    plan = glorot.plan(net(), "auto", rules=[("4.bias", "skip")])
    lines = str(plan).splitlines()
    assert lines[0] == f"plan: auto · 6 parts · fingerprint {plan.fingerprint}"
    assert lines[2].split("  ")[0] == "path"
    rows = {line.split()[0]: line.split()[1:] for line in lines[4:]}
    std = f"{math.sqrt(2 / (5 / 2 + 4 / 2)):.4g}"  # fed by relu: both fans over its gain of 2
    assert rows["2.weight"] == ["4×5", "5", "→", "4", "relu", plan["2.weight"].scheme, std, "gain", "for", "relu"]
    assert " ".join(rows["4.bias"]) == "2 4 → 2 tanh – – left alone: rule '4.bias', skip"


def test_a_plan_is_a_row_of_entries_and_knows_their_names():
    plan = glorot.plan(nn.Linear(3, 2), "xavier")
    assert [entry.name for entry in plan] == ["weight", "bias"]
    assert ("weight" in plan, "wait" in plan) == (True, False)
