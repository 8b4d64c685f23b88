"""What is shown while a comparison runs, in a terminal and elsewhere."""

import io
import math
import threading
from collections.abc import Sequence

import pytest
from rich.console import Console

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
