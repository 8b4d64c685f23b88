"""A saved comparison is the same comparison again; what is damaged or foreign is refused in one line."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_results import diverged, usual
from torch import nn

import glorot
from glorot import Comparison
from glorot.errors import GlorotError
from glorot.report.page import comparison_html

OLD = Path(__file__).parents[1] / "data" / "comparisons" / "version_1.json"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return usual().save(tmp_path / "result.json")


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    edit(data)
    file.write_text(json.dumps(data), encoding="utf-8")


def test_what_is_loaded_is_what_was_saved(saved: Path) -> None:
    again = Comparison.load(saved)
    assert again.to_json() == usual().to_json()
    assert again.results[1].runs[0].epochs == usual().results[1].runs[0].epochs
    assert again.results[1].plan == usual().results[1].plan
    assert repr(again) == repr(usual())
    assert str(again) == str(usual())


def test_letters_that_nobody_sees_are_escapes_in_the_file_and_names_stay(tmp_path: Path) -> None:
    name, first = "größe \u202e\x85", usual().results[0]
    hostile = replace(usual(), results=(replace(first, recipe=name), *usual().results[1:]))
    place = hostile.save(tmp_path / "result.json")
    assert r"größe \u202e\u0085" in place.read_text(encoding="utf-8")
    assert Comparison.load(place).results[0].recipe == name


def test_a_loaded_result_without_nan_is_equal(saved: Path) -> None:
    def without_nan(comparison: Comparison) -> Any:
        return [(run.epochs, run.first_weights, run.start.loss) for run in comparison["xavier"].runs]

    assert without_nan(Comparison.load(saved)) == without_nan(usual())


@pytest.mark.parametrize("make", [usual, diverged])
def test_the_page_of_a_loaded_result_is_that_of_the_original(make: Callable[[], Comparison], tmp_path: Path) -> None:
    again = Comparison.load(make().save(tmp_path / "result.json"))
    assert comparison_html(again) == comparison_html(make())


def test_what_is_no_number_comes_back_as_what_it_was(tmp_path: Path) -> None:
    data = diverged().to_json()
    losses = [epoch["train_loss"] for row in data["results"] for run in row["runs"] for epoch in run["epochs"]]
    assert "inf" in losses  # the test would show nothing otherwise
    assert data["chance"] is None
    again = Comparison.load(diverged().save(tmp_path / "result.json"))
    assert math.isnan(again.chance)
    assert again.to_json() == data


@pytest.mark.parametrize(
    ("value", "written"), [(math.nan, None), (math.inf, "inf"), (-math.inf, "-inf"), (1 / 3, 1 / 3)]
)
def test_every_float_is_kept(value: float, written: object, saved: Path) -> None:
    change(saved, lambda data: data.update(seconds=written))
    loaded = Comparison.load(saved)
    assert loaded.seconds == pytest.approx(value, rel=0, abs=0, nan_ok=True)
    assert loaded.to_json()["seconds"] == written


def test_the_file_is_strict_json(tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = diverged().save(tmp_path / "result.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse)["format"] == "glorot-comparison/2"
    assert text.endswith("}\n")


def test_each_recipe_has_a_summary_for_those_without_glorot(saved: Path) -> None:
    row = json.loads(saved.read_text(encoding="utf-8"))["results"][1]
    result = usual().results[1]
    assert row["final"]["test_loss"]["mean"] == result.final("test_loss").mean
    assert row["share_to_goal"] == result.share_to_goal
    change(saved, lambda data: [row.update(final={}, share_to_goal=9) for row in data["results"]])
    assert Comparison.load(saved).to_json() == usual().to_json()  # it is passed over


def test_version_1_is_read() -> None:
    loaded = Comparison.load(OLD)
    assert (loaded.task, loaded.seeds, loaded.seconds) == ("your task", 1, 0.333333)
    assert loaded.versions == (("glorot", "0.1.0"),)
    assert loaded["xavier"].runs[0].epochs[1].train_loss == 1.18859
    assert "xavier" in comparison_html(loaded)


def test_fields_with_a_default_may_be_missing(saved: Path) -> None:
    change(saved, lambda data: [data.pop(name) for name in ("claims", "sweep", "versions", "command")])
    loaded = Comparison.load(saved)
    assert (loaded.claims, loaded.sweep, loaded.versions, loaded.command) == ((), (), (), "")


def test_what_a_newer_glorot_wrote_is_left_out_and_reported(saved: Path) -> None:
    def write_newer(data: dict[str, Any]) -> None:
        data["mood"] = {"good": True}
        data["results"][0]["runs"][1]["start"]["layers"][0]["curvature"] = 1.5
        data["results"][1]["plan"]["entries"][0]["rate"] = 0.5

    change(saved, write_newer)
    words = "result.json was written by a newer glorot: fields 'curvature', 'mood', 'rate' are unknown to this one, and what they mean is left out"
    with pytest.warns(UserWarning, match=re.escape(words) + "$") as caught:
        loaded = Comparison.load(saved)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the warning names the line that read the file
    assert loaded.to_json()["results"][2] == usual().to_json()["results"][2]
    assert loaded["xavier"].plan.entries[0].more == {"rate": 0.5}


def test_another_version_is_refused(saved: Path) -> None:
    change(saved, lambda data: data.update(format="glorot-comparison/9"))
    words = (
        f"{saved} is a comparison of format 'glorot-comparison/9'; this glorot reads glorot-comparison/1 and "
        "glorot-comparison/2: compare again, or use the glorot that wrote it"
    )
    with pytest.raises(GlorotError, match=f"^{re.escape(words)}$"):
        Comparison.load(saved)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a comparison: it is not valid JSON (Expecting value: line 1 column 1 (char 0)); save one with"),
        ("<html>", "is not a comparison: it is not valid JSON"),
        ("[" * 100_000, "is not a comparison: its JSON is nested too deeply; save one with"),
        ("[1, 2]", "is not a comparison: its format is not glorot-comparison/2; save one with"),
        ('{"format": 2}', 'its format is not glorot-comparison/2; save one with result.save("result.json")'),
    ],
)
def test_what_is_not_a_comparison_is_refused(content: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(GlorotError, match=f"^{re.escape(str(file))} is not a comparison: ") as caught:
        Comparison.load(file)
    assert words in str(caught.value)


def test_a_truncated_file_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:5000])
    with pytest.raises(GlorotError, match=r"result\.json is not a comparison: it is not valid JSON .*; save one with"):
        Comparison.load(saved)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        GlorotError, match=r"^cannot read .*nowhere\.json: No such file or directory; give the path of a"
    ):
        Comparison.load(tmp_path / "nowhere.json")


def test_a_plan_given_by_mistake_is_told_apart(tmp_path: Path) -> None:
    file = glorot.plan(nn.Linear(3, 2)).save(tmp_path / "plan.json")
    with pytest.raises(GlorotError, match=r"plan\.json is a plan, not a comparison; read it with glorot\.Plan\.load$"):
        Comparison.load(file)


def edit_run(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda data: data["results"][1]["runs"][0].update({name: value})


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: data.pop("task"), " is damaged: expected the fields ['task'], got ["),
        (lambda data: data.update(task=3), " is damaged at task: expected text, got 3"),
        (lambda data: data.update(classifies="yes"), " is damaged at classifies: expected true or false, got 'yes'"),
        (lambda data: data.update(seconds="long"), """ is damaged at seconds: expected a number, null for NaN, "inf" or "-inf", got 'long'"""),
        (lambda data: data.update(seconds=10**400), " is damaged at seconds: a number is too large for a float"),
        (lambda data: data.update(chance=-1), " is damaged at chance: expected a share from 0 to 1, got -1.0"),
        (lambda data: data.update(test_examples=-1), " is damaged at test_examples: expected 0 or more, got -1"),
        (lambda data: data.update(versions=[["glorot"]]), " is damaged at versions[0]: expected a list of 2, got ['glorot']"),
        (lambda data: data.update(results=[]), " is damaged at results: expected one result or more, each of another recipe, got []"),
        (lambda data: data.update(results={}), " is damaged at results: expected a list, got {}"),
        (edit_run("seed", 1.5), " is damaged at results[1].runs[0].seed: expected a whole number below 2**64, got 1.5"),
        (edit_run("seed", 2**64), " is damaged at results[1].runs[0].seed: expected a whole number below 2**64, got 18446744073709551616"),
        (edit_run("epochs", []), " is damaged at results[1].runs[0].epochs: expected one epoch or more, got []"),
        (edit_run("first_weights", [[1.0], [1.0, 2.0]]), " is damaged at results[1].runs[0].first_weights: expected rows of one length"),
        (edit_run("start", 7), " is damaged at results[1].runs[0].start: expected an object of the fields ['chain', "),
        (lambda data: data["results"][1].update(runs=[]), " is damaged at results[1].runs: expected one run or more, got []"),
        (
            lambda data: data["results"][1]["runs"][0]["end"]["layers"].pop(),
            " is damaged at results[1].runs[0].end: expected as many layers as in the first run, each with a like histogram",
        ),
        (
            lambda data: data["results"][0]["plan"]["entries"][0].update(axes="io"),
            ", results[0].plan is damaged: names, axes or shapes do not match its fingerprint",
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_says_where_and_what_was_expected(
    edit: Callable[[dict[str, Any]], object], words: str, saved: Path
) -> None:
    change(saved, edit)
    with pytest.raises(GlorotError) as caught:
        Comparison.load(saved)
    assert str(caught.value).startswith(f"{saved}{words}")
    assert len(str(caught.value)) < len(str(saved)) + 350
