"""`glorot compare` off a terminal: what it says while it trains, and how it ends where it is stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glorot.cli import main

OWN = """
import threading
import numpy as np
import torch
from glorot.comparison import Task

RUN, WAITS = 3, threading.Event()
begun = []

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


def test_a_line_for_each_finished_recipe(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "compare own.py:task --recipe xavier --recipe zeros --seeds 2 --epochs 1"
    monkeypatch.chdir(place)
    monkeypatch.setattr("sys.argv", ["glorot", *words.split()])
    with pytest.raises(SystemExit, match="0"):
        main()
    out, err = capsys.readouterr()
    assert out.startswith("here\nsigns\nNo recipe learns.\n\nverdict\nxavier  does not learn: ")
    first, *recipes, last = err.splitlines()
    assert first == "every recipe: 1 of 2 seeds done"
    assert {line.split(",")[0] for line in recipes} == {"xavier: 2 seeds", "zeros: 2 seeds"}
    assert [line.split(", ")[2] for line in recipes] == ["1 of 2 recipes done", "2 of 2 recipes done"]
    assert last == "saved glorot-report.html"


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
    (place / "own.py").write_text(OWN.replace("RUN, WAITS = 3", "RUN, WAITS = 1"))
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
