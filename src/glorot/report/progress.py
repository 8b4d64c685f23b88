"""How far a comparison has got: live in a terminal, line by line elsewhere."""

import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from glorot.comparison.results import spread
from glorot.text import brief


class LiveProgress:
    """Shows on stderr how far a comparison has got.

    A terminal has the current loss of every recipe and a bar; elsewhere there is a line for each round of seeds and
    for each finished recipe. Call it with (recipe, seed, epoch, loss) after every epoch, from any thread.

    Args:
        recipes: the recipes, in the order of their training.
        seeds: how many seeds.
        epochs: how many epochs.
        depths: of the comparisons that follow one another, if this is a sweep over depths.
        console: where to draw; stderr by default.
    """

    def __init__(
        self,
        recipes: Sequence[str],
        seeds: int,
        epochs: int,
        depths: Sequence[int] = (),
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(stderr=True)
        self.seeds = seeds
        self.epochs = epochs
        self.losses: dict[str, float | None] = dict.fromkeys(recipes)
        self._lines = _Lines(recipes, seeds, depths)
        self._lock = threading.Lock()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
            TimeRemainingColumn(), console=self.console,
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=max(1, len(recipes) * seeds * epochs * max(1, len(depths))))
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(self._view(), console=self.console, transient=True, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, recipe: str, seed: int, epoch: int, loss: float) -> None:
        """Record the loss after an epoch, and show it."""
        left = 0 if math.isfinite(loss) else self.epochs - epoch  # a run that diverged ends there
        with self._lock:
            self.losses[recipe] = loss
            if self._live is not None:
                self._bar.update(self._task, advance=1 + left, description=f"seed {seed}, {recipe}")
                self._live.update(self._view())
            elif epoch + left == self.epochs:
                self._print(self._lines.ended(recipe, loss))

    def _print(self, line: str | None) -> None:
        if line is not None:
            with suppress(OSError):  # nobody reads it
                print(line, file=self.console.file, flush=True)

    def _view(self) -> Group:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for recipe, loss in self.losses.items():
            style, value = ("dim", "…") if loss is None else ("", f"loss {loss:.4g}")
            grid.add_row(Text(recipe, style=style), Text(value, style=style))
        return Group(grid, self._bar)


class _Lines:
    """Counts the runs that have ended, and has a line where one completes a recipe or a round of seeds."""

    def __init__(self, recipes: Sequence[str], seeds: int, depths: Sequence[int]) -> None:
        self.seeds = seeds
        self.prefixes = iter([f"depth {depth}, " for depth in depths] if len(depths) > 1 else [""])
        self.ends: dict[str, list[float]] = {recipe: [] for recipe in recipes}
        self.prefix = ""

    def ended(self, recipe: str, loss: float) -> str | None:
        """Count a run, and return the line to print."""
        if not any(self.ends.values()):
            self.prefix = next(self.prefixes, "")
        rounds, recipes = self._rounds(), len(self.ends)
        self.ends[recipe].append(loss)
        if len(self.ends[recipe]) == self.seeds:
            done = sum(len(losses) == self.seeds for losses in self.ends.values())
            seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
            line = f"{self.prefix}{recipe}: {seeds}, {self._loss(recipe)}, {done} of {recipes} recipes done"
            if done == recipes:
                self.ends = {recipe: [] for recipe in self.ends}
            return line
        if self._rounds() > rounds:
            return f"{self.prefix}every recipe: {rounds + 1} of {self.seeds} seeds done"
        return None

    def _rounds(self) -> int:
        return min(map(len, self.ends.values()))

    def _loss(self, recipe: str) -> str:
        end = spread(self.ends[recipe])
        lost = self.seeds - end.count
        words = [f"training loss {brief(end.mean)}"] if end.count else []
        words += [f"{'all' if lost == self.seeds else lost} diverged"] if lost else []
        return ", ".join(words)
