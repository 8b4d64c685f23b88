"""What is shown while a comparison runs: in a terminal, in a notebook, and elsewhere."""

import builtins
import io
import math
import re
import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from torch import nn

import glorot
from glorot.errors import GlorotError
from glorot.report import progress as showing
from glorot.report.progress import LiveProgress

Told = tuple[str, int, int, float]


def lines(
    told: Sequence[Told], recipes: Sequence[str], seeds: int, epochs: int, depths: Sequence[int] = ()
) -> list[str]:
    """Return what is printed where there is no terminal."""
    file = io.StringIO()
    with LiveProgress(recipes, seeds, epochs, depths, console=Console(file=file)) as progress:
        for arguments in told:
            progress(*arguments)
    return file.getvalue().splitlines()


def test_each_finished_recipe_and_each_round_of_seeds_has_a_line() -> None:
    told = [
        (recipe, seed, epoch, 1.0 / epoch + seed) for seed in (0, 1, 2) for recipe in ("a", "[b]") for epoch in (1, 2)
    ]
    assert lines(told, ["a", "[b]"], 3, 2) == [
        "every recipe: 1 of 3 seeds done",
        "every recipe: 2 of 3 seeds done",
        "a: 3 seeds, training loss 1.5, 1 of 2 recipes done",
        "[b]: 3 seeds, training loss 1.5, 2 of 2 recipes done",
    ]


def test_one_seed_needs_no_rounds() -> None:
    assert lines([("a", 0, 1, 2.0), ("a", 0, 2, 0.125), ("b", 0, 1, 1.0)], ["a", "b"], 1, 2) == [
        "a: 1 seed, training loss 0.12, 1 of 2 recipes done"
    ]


def test_a_sweep_names_its_depths() -> None:
    told = [("a", seed, 1, 0.5) for _ in (3, 20) for seed in (0, 1)]
    assert lines(told, ["a"], 2, 1, [3, 20]) == [
        "depth 3, every recipe: 1 of 2 seeds done",
        "depth 3, a: 2 seeds, training loss 0.5, 1 of 1 recipes done",
        "depth 20, every recipe: 1 of 2 seeds done",
        "depth 20, a: 2 seeds, training loss 0.5, 1 of 1 recipes done",
    ]


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ((math.nan, 0.5), "a: 2 seeds, training loss 0.5, 1 diverged, 1 of 1 recipes done"),
        ((math.nan, math.inf), "a: 2 seeds, all diverged, 1 of 1 recipes done"),
    ],
)
def test_a_run_that_diverged_has_ended(losses: tuple[float, float], words: str) -> None:
    told = [("a", 0, 3, losses[0]), ("a", 1, 9, losses[1])]
    assert lines(told, ["a"], 2, 9) == ["every recipe: 1 of 2 seeds done", words]


def test_lines_are_whole_whatever_thread_they_come_from() -> None:
    recipes = [f"r{number}" for number in range(8)]
    file = io.StringIO()
    with LiveProgress(recipes, 3, 5, console=Console(file=file)) as progress:
        threads = [
            threading.Thread(target=lambda r=recipe: [progress(r, s, e, 1.0) for s in range(3) for e in range(1, 6)])
            for recipe in recipes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    done = [line for line in file.getvalue().splitlines() if not line.startswith("every recipe")]
    assert sorted(line.split(":")[0] for line in done) == recipes
    assert [line.split(", ")[2] for line in done] == [f"{number} of 8 recipes done" for number in range(1, 9)]


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_has_gone_does_not_end_the_training() -> None:
    with LiveProgress(["a"], 1, 1, console=Console(file=Gone())) as progress:
        progress("a", 0, 1, 1.0)
    assert progress.losses == {"a": 1.0}


def test_progress_shows_losses_and_counts_runs_that_ended_early() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with LiveProgress(["a", "[b]"], 2, 3, console=console) as progress:
        for epoch in (1, 2, 3):
            progress("a", 0, epoch, 1.25)
        progress("[b]", 0, 1, math.nan)
        progress("a", 1, 1, 0.5)
    text = file.getvalue()
    assert "loss 0.5" in text
    assert "loss nan" in text
    assert "[b]" in text
    assert "7/12 epochs" in text


def test_progress_ends_cleanly_when_interrupted() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with pytest.raises(KeyboardInterrupt), LiveProgress(["a"], 1, 2, console=console):
        raise KeyboardInterrupt
    with LiveProgress(["a"], 1, 2, console=console) as progress:  # the console is free again
        progress("a", 0, 1, 1.0)


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pretend to run in a notebook, and return the states of the one output that its cell has."""
    states: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            states.append(html)

    def display(html: str, *, display_id: bool) -> Handle:
        assert display_id
        assert not states, "one output of the cell is enough"
        states.append(html)
        return Handle()

    module: Any = ModuleType("IPython.display")
    module.HTML, module.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setattr(showing, "PAUSE", 0)
    return states


def compare(progress: Any = None, **more: Any) -> None:
    x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    settings: dict[str, Any] = {"recipes": ["zeros", "xavier"], "seeds": 2, "epochs": 1} | more
    glorot.compare(nn.Linear(4, 2), (x, y, x, y), **settings, progress=progress)


def test_nothing_is_shown_where_nobody_looks(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in the logs of a workflow
    compare()
    assert capfd.readouterr() == ("", "")


def test_a_log_has_plain_lines_if_it_asks_for_them(capfd: pytest.CaptureFixture[str]) -> None:
    compare(progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    rounds = [line for line in err.splitlines() if line.startswith("every recipe")]
    ended = [line for line in err.splitlines() if line not in rounds]
    assert rounds == ["every recipe: 1 of 2 seeds done"]
    assert [line.split(", ")[-1] for line in ended] == ["1 of 2 recipes done", "2 of 2 recipes done"]


@pytest.mark.parametrize(("progress", "shown"), [(None, True), (True, True), (False, False)])
def test_a_terminal_shows_it_unless_told_not_to(
    progress: bool | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    compare(progress)
    written = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert ("4/4" in written) == shown
    assert bool(written) == shown


def test_a_notebook_updates_one_output_and_leaves_it_empty(cell: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    compare()
    assert capfd.readouterr() == ("", "")
    first, *between, last = cell
    assert "training, 0 of 4 epochs" in first
    assert [re.search(r"\d of 4 epochs", state)[0] for state in between] == [f"{n} of 4 epochs" for n in (1, 2, 3, 4)]  # type: ignore[index]
    assert "loss 0." in between[-1]
    assert '<progress value="4" max="4">' in between[-1]
    assert last == ""


def test_a_notebook_is_not_flooded(cell: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "PAUSE", 1e9)
    compare(epochs=20)
    assert len(cell) == 2
    assert cell[-1] == ""


def test_a_notebook_can_be_silent(cell: list[str]) -> None:
    compare(progress=False)
    assert cell == []


def test_names_are_text_in_a_notebook(cell: list[str]) -> None:
    with LiveProgress(["<b>"], 1, 2) as progress:
        progress("<b>", 0, 1, 0.5)
    assert "&lt;b&gt;" in cell[1]
    assert "<b>" not in "".join(cell)


def test_a_function_receives_every_epoch(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[Told] = []
    compare(progress=lambda *arguments: told.append(arguments), seeds=[7], epochs=2)
    assert sorted((recipe, seed, epoch) for recipe, seed, epoch, _ in told) == [
        ("xavier", 7, 1), ("xavier", 7, 2), ("zeros", 7, 1), ("zeros", 7, 2),
    ]  # fmt: skip
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_told_is_refused() -> None:
    words = "progress must be True, False, None, or a function of (recipe, seed, epoch, loss), got 'yes'"
    with pytest.raises(GlorotError, match=f"^{re.escape(words)}$"):
        compare(progress="yes")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"epochs": "3"}, "epochs must be a positive integer, got '3'"),
        ({"seeds": 0}, "seeds must be a positive integer"),
        ({"recipes": [["xavier"]]}, "xavier"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_the_comparison(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(GlorotError, match=words):
        compare(progress=True, **wrong)
