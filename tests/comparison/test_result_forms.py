"""A result in hand: saved in three forms, short at a prompt, a page in a notebook, a frame of epochs."""

import importlib
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_results import diverged, usual

from glorot import Comparison
from glorot.comparison.comparison import FORMS
from glorot.errors import GlorotError
from glorot.report import page


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("page.html", b"<!doctype html>"),
        ("Page.HTML", b"<!doctype html>"),
        ("result.json", b'{"format":"glorot-comparison/2","task":"your task"'),
        ("picture.PNG", b"\x89png\r\n\x1a\n"),
    ],
)
def test_the_suffix_says_what_is_saved(name: str, start: bytes, tmp_path: Path) -> None:
    path = usual().save(str(tmp_path / name))
    assert path == tmp_path / name
    assert path.read_bytes().lower().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["result", "result.pdf", "json", "result.json.gz"])
def test_another_suffix_is_refused_with_those_that_there_are(name: str, tmp_path: Path) -> None:
    words = "expected a file name that ends in .html for the page, .json for the figures, or .png for the picture"
    with pytest.raises(GlorotError, match=f"^{re.escape(f'{tmp_path / name}: {words}')}$"):
        usual().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GlorotError, match=r"^cannot write .*x\.json: No such file .*; give a path in a folder you may"):
        usual().save(tmp_path / "nowhere" / "x.json")


@pytest.mark.parametrize("name", ["page.html", "picture.png"])
def test_without_the_package_of_charts_nothing_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(GlorotError, match=re.escape("pip install 'glorot[report]'")):
        usual().save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert usual().save(tmp_path / "result.json").exists()  # figures need no charts


@pytest.mark.parametrize(("module", "name"), FORMS.values(), ids=FORMS)
def test_what_makes_each_form_is_there(module: str, name: str) -> None:
    assert callable(getattr(importlib.import_module(module), name))


def test_a_result_at_a_prompt_is_some_ten_lines() -> None:
    lines = repr(usual()).splitlines()
    assert lines[0] == "your task: 2 seeds, 2 epochs"
    assert [line.split()[0] for line in lines[1:4]] == ["zeros", "xavier", "random(1)"]
    assert usual()["zeros"].verdict[:20] in lines[1]
    assert lines[4:] == ['print(result) shows the figures, result.save("page.html") the charts']


@pytest.mark.parametrize("count", [12, 13, 40])
def test_a_large_result_is_short_too(count: int) -> None:
    one = replace(usual().results[0], verdict="does not learn: " + "a long reason " * 40)
    many = replace(usual(), task="a task " * 90, results=tuple(replace(one, recipe=f"r{n}") for n in range(count)))
    lines = repr(many).splitlines()
    assert len(lines) <= 16
    assert len(repr(many)) <= 2000
    assert lines[1].endswith("…")
    assert ("  … and 28 more" in lines) == (count == 40)


def test_a_notebook_shows_the_first_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        page, "first_screen_html", lambda comparison: f"<p>{len(comparison.results)}</p>", raising=False
    )
    assert usual()._repr_html_() == "<p>3</p>"


def fails(_: Comparison) -> str:
    raise RuntimeError("no charts")


@pytest.mark.parametrize("make", [usual, diverged])
def test_a_notebook_without_the_first_screen_shows_a_table(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "first_screen_html", fails, raising=False)
    shown = make()._repr_html_()
    assert '<td data-head="recipe">zeros</td><td data-head="verdict">' in shown
    assert shown.count("<tr>") == 1 + len(make().results)


COLUMNS = ["recipe", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_has_a_row_for_each_epoch_of_each_run(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pytest.importorskip(library)
    other = {"pandas": "polars", "polars": "pandas"}[library]
    monkeypatch.setitem(sys.modules, other, None)
    frame = usual().to_frame()
    assert isinstance(frame, found.DataFrame)
    assert list(frame.columns) == COLUMNS
    assert frame.shape == (3 * 2 * 3, 7)  # recipes, seeds, the start and two epochs
    assert list(frame["recipe"])[::6] == ["zeros", "xavier", "random(1)"]
    assert list(frame["seed"])[:6] == [0, 0, 0, 1, 1, 1]
    assert list(frame["epoch"])[:6] == [0, 1, 2, 0, 1, 2]
    assert list(frame["test_loss"])[11] == usual()["xavier"].runs[1].epochs[2].test_loss


def test_a_frame_of_pandas_comes_first() -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("polars")
    assert isinstance(usual().to_frame(), pandas.DataFrame)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_keeps_what_is_no_number(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(library)
    monkeypatch.setitem(sys.modules, {"pandas": "polars", "polars": "pandas"}[library], None)
    assert all(math.isnan(value) for value in diverged().to_frame()["test_accuracy"])


def test_without_both_libraries_either_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, library, None)
    words = "to_frame needs pandas or polars: pip install pandas, or pip install polars"
    with pytest.raises(GlorotError, match=f"^{re.escape(words)}$"):
        usual().to_frame()


def test_no_name_steers_the_terminal() -> None:
    comparison = replace(usual(), task="digits\x1b[2J")
    for text in (repr(comparison), str(comparison)):
        assert "\x1b" not in text
        assert r"digits\x1b[2J" in text
