"""`glorot compare` off a terminal: what it says while it trains, what it saves, and how it ends where it is stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from glorot import Comparison
from glorot.cli import main

OWN = """
import threading
import numpy as np
import torch
from glorot.comparison import Task

RUN, WAITS = 4, threading.Event()
begun = []  # an optimizer each: of the one step that is tried first, and of every run

def build():
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))

def optimizer(parameters):
    begun.append(1)
    if len(begun) == RUN:
        print("here", flush=True)
    return torch.optim.SGD(parameters, 0.1)

def stuck(outputs, targets):
    if len(begun) >= RUN:
        WAITS.wait()
    return torch.nn.functional.cross_entropy(outputs, targets)

def task(**more):
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    return Task(build, (x, y), (x, y), name="signs", optimizer=optimizer, **more)

def hangs():
    return task(loss=stuck)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def begin(place: Path, target: str, *words: str) -> subprocess.Popen[str]:
    """Start a comparison of two recipes, with SIGINT as a shell in the foreground leaves it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "glorot", "compare", f"own.py:{target}", "--recipe", "xavier", "--recipe", "zeros"]
    return subprocess.Popen(
        [*command, *words], cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # one run after the other
    )  # fmt: skip


def reaches(process: subprocess.Popen[str]) -> None:
    """Wait until the third run begins, when two are complete."""
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n", process.communicate()[1]


Call = Callable[[str], tuple[int, str, str]]
TRAIN = "own.py:task --recipe xavier --recipe zeros --seeds 2 --epochs 1"


@pytest.fixture
def compare(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return what runs `glorot compare` and returns its exit code, stdout and stderr."""
    monkeypatch.chdir(place)

    def call(words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["glorot", "compare", *words.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        return (int(ended.value.code or 0), *capsys.readouterr())

    return call


def test_a_line_for_each_finished_recipe(compare: Call) -> None:
    code, out, err = compare(TRAIN)
    assert code == 0
    assert out.startswith("here\n")
    assert {"signs", "xavier", "zeros"} <= set(out.split())
    *lines, last = err.splitlines()
    recipes = [line for line in lines if not line.startswith("every recipe")]
    assert len(lines) - len(recipes) == 1
    assert "every recipe: 1 of 2 seeds done" in lines
    assert {line.split(",")[0] for line in recipes} == {"xavier: 2 seeds", "zeros: 2 seeds"}
    assert [line.split(", ")[2] for line in recipes] == ["1 of 2 recipes done", "2 of 2 recipes done"]
    assert last == "saved glorot-report.html"


@pytest.mark.parametrize(
    ("name", "start"), [("x.json", b'{"format":"glorot-comparison/'), ("x.HTML", b"<!doctype"), ("x.png", b"\x89png")]
)
def test_the_suffix_says_what_is_saved(name: str, start: bytes, compare: Call, place: Path) -> None:
    code, out, err = compare(f"{TRAIN} -o {name}")
    assert (code, err.splitlines()[-1]) == (0, f"saved {name}")
    assert "xavier" in out  # the table
    assert (place / name).read_bytes().lower().startswith(start)
    assert [file.name for file in place.iterdir() if file.name.startswith(("x.", "glorot"))] == [name]


def test_what_is_printed_is_not_what_is_saved(compare: Call, place: Path) -> None:
    code, out, _ = compare(f"{TRAIN} --format json -o x.html")
    assert code == 0
    assert json.loads(out.removeprefix("here\n"))["task"] == "signs"
    assert (place / "x.html").exists()
    code, out, _ = compare(f"{TRAIN} --format json -o x.json")
    assert (code, out) == (0, "here\n")
    assert Comparison.load(place / "x.json").command == f"glorot compare {TRAIN} --format json -o x.json"
    code, out, err = compare(f"{TRAIN} --format html")
    assert (code, "saved" in err, out.removeprefix("here\n").lower()[:15]) == (0, False, "<!doctype html>")


NO_CHARTS = "error: charts need vl_convert: pip install 'glorot[report]'"
SUFFIXES = "expected a file name that ends in .html for the page, .json for the figures, or .png for the picture"


@pytest.mark.parametrize(
    ("words", "charts", "error"),
    [
        ("-o page.pdf", True, f"error: page.pdf: {SUFFIXES}"),
        ("-o page", True, f"error: page: {SUFFIXES}"),
        (
            "-o nowhere/page.html",
            True,
            "error: cannot write nowhere/page.html; give a path in a folder you may write to",
        ),
        ("", False, NO_CHARTS),
        ("-o picture.png", False, NO_CHARTS),
        ("--format html", False, NO_CHARTS),
    ],
)
def test_what_cannot_be_saved_is_refused_before_training(
    words: str, charts: bool, error: str, compare: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not charts:
        monkeypatch.setitem(sys.modules, "vl_convert", None)
    (place / "own.py").write_text("raise RuntimeError('training began')")
    assert compare(f"{TRAIN} {words}") == (2, "", f"{error}\n")


def test_figures_need_no_charts(compare: Call, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    code, out, _ = compare(f"{TRAIN} -o x.json")
    assert code == 0
    assert "xavier" in out
    assert Comparison.load(place / "x.json").task == "signs"


def test_a_saved_comparison_is_shown_again_without_training(compare: Call, place: Path) -> None:
    _, trained, _ = compare(f"{TRAIN} -o x.json")
    assert compare("x.json") == (0, trained.removeprefix("here\n"), "saved glorot-report.html\n")
    page = Comparison.load(place / "x.json").save(place / "again.html")
    assert (place / "glorot-report.html").read_bytes() == page.read_bytes()
    assert compare("x.json --format json") == (0, (place / "x.json").read_text(encoding="utf-8"), "")


def test_a_saved_comparison_that_was_interrupted_is_shown_to_its_end(compare: Call, place: Path) -> None:
    compare(f"{TRAIN} -o x.json")
    replace(Comparison.load(place / "x.json"), interrupted=True).save(place / "x.json")
    code, out, err = compare("x.json")
    assert (code, err) == (0, "saved glorot-report.html\n")
    assert "interrupted" in out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("x.json --seeds 3", "error: --seeds belongs to the training; x.json is a comparison that was saved"),
        ("x.json --quick", "error: --quick belongs to the training; x.json is a comparison that was saved"),
        ("x.json --recipe he", "error: --recipe belongs to the training; x.json is a comparison that was saved"),
        ("x.json", "error: cannot read x.json: No such file or directory; give the path of a comparison file"),
    ],
)
def test_options_of_training_do_not_belong_to_what_was_saved(words: str, error: str, compare: Call) -> None:
    assert compare(words) == (2, "", f"{error}\n")


def test_a_damaged_comparison_is_one_error(compare: Call, place: Path) -> None:
    (place / "x.json").write_text('{"format": "glorot-comparison/2", "task": ', encoding="utf-8")
    code, out, err = compare("x.json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: x.json is not a comparison: it is not valid JSON (Expecting value: line 1")


@pytest.mark.slow
def test_ctrl_c_shows_the_runs_that_are_complete(place: Path) -> None:
    process = begin(place, "task", "--seeds", "100000", "--epochs", "1", "--format", "json")
    reaches(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    data = json.loads(out)
    assert data["interrupted"]
    assert [len(row["runs"]) > 0 for row in data["results"]] == [True, True]
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert process.returncode == 130


def test_ctrl_c_before_any_run_is_complete_leaves_nothing(place: Path) -> None:
    (place / "own.py").write_text(OWN.replace("RUN, WAITS = 4", "RUN, WAITS = 2"))
    process = begin(place, "task", "--seeds", "1", "--epochs", "100000")
    reaches(process)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=120) == ("", "interrupted\n")
    assert process.returncode == 130
    assert not list(place.glob("*.html"))


def test_sigterm_does_not_wait_for_a_batch(place: Path) -> None:
    process = begin(place, "hangs", "--seeds", "2", "--epochs", "1")
    reaches(process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert (out, err.splitlines()[-1], process.returncode) == ("", "terminated", 143)


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_batch(place: Path) -> None:
    process = begin(place, "hangs", "--seeds", "2", "--epochs", "1")
    reaches(process)
    for _ in presses(process):
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (out, err.splitlines()[-1], process.returncode) == ("", "interrupted", 130)
    assert not list(place.glob("*.html"))


def presses(process: subprocess.Popen[str]) -> Iterator[None]:
    """Yield until a process has ended: two signals that come at once count as one."""
    while process.poll() is None:
        yield
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
