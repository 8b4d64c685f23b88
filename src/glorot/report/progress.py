"""How far a comparison has got: live in a terminal and in a notebook, line by line elsewhere."""

import math
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from types import TracebackType
from typing import Any, Protocol, Self

from glorot.comparison.comparison import Progress
from glorot.comparison.results import spread
from glorot.errors import GlorotError
from glorot.markup import html_table, html_text
from glorot.preserving import draws_undone
from glorot.text import brief

with draws_undone():  # rich draws a number when it is first imported
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Table
    from rich.text import Text

PAUSE = 0.2
"""The least number of seconds from one picture in a notebook to the next."""


def watch(
    progress: Progress | bool | None, recipes: Sequence[str], seeds: int, epochs: int
) -> AbstractContextManager[Progress | None]:
    """Return what receives the progress of a comparison while it runs.

    Args:
        progress: None shows it in a terminal and in a notebook, and nothing elsewhere; True shows it everywhere, as
            plain lines in a log; False nowhere; a function receives (recipe, seed, epoch, training loss).
        recipes: the recipes, in the order of their training.
        seeds: how many seeds.
        epochs: how many epochs.

    Raises:
        GlorotError: if progress is something else.
    """
    if callable(progress):
        return nullcontext(progress)
    if progress is not None and not isinstance(progress, bool):
        raise GlorotError(
            f"progress must be True, False, None, or a function of (recipe, seed, epoch, loss), got {progress!r}"
        )
    console = Console(stderr=True)
    shows = console.is_jupyter or _is_terminal(console) if progress is None else progress
    can_be_trained = isinstance(epochs, int) and all(isinstance(recipe, str) for recipe in recipes)
    if shows and can_be_trained:  # the comparison itself refuses the rest
        return LiveProgress(recipes, seeds, epochs, console=console)
    return nullcontext()


def _is_terminal(console: Console) -> bool:
    """Tell whether somebody looks; rich also takes a log for a terminal if FORCE_COLOR asks for colours."""
    try:
        return console.file.isatty()
    except ValueError:  # it was closed
        return False


class LiveProgress:
    """Shows on stderr, or in the output of a notebook's cell, how far a comparison has got.

    A terminal and a notebook have the current loss of every recipe and a bar; elsewhere there is a line for each round
    of seeds and for each finished recipe. Call it with (recipe, seed, epoch, loss) after every epoch, from any thread.

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
        self.epochs = epochs
        self.losses: dict[str, float | None] = dict.fromkeys(recipes)
        self.done = 0
        self.total = max(1, len(recipes) * seeds * epochs * max(1, len(depths)))
        self.now = "training"
        self._lines = _Lines(recipes, seeds, depths)
        self._lock = threading.Lock()
        self._screen: _Screen | None = None

    def __enter__(self) -> Self:
        if self.console.is_jupyter:
            self._screen = _Notebook(self)
        elif self.console.is_terminal:
            self._screen = _Terminal(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def __call__(self, recipe: str, seed: int, epoch: int, loss: float) -> None:
        """Record the loss after an epoch, and show it."""
        left = 0 if math.isfinite(loss) else self.epochs - epoch  # a run that diverged ends there
        with self._lock:
            self.losses[recipe] = loss
            self.done += 1 + left
            self.now = f"seed {seed}, {recipe}"
            if self._screen is not None:
                self._screen.show(self)
            elif epoch + left == self.epochs:
                self._print(self._lines.ended(recipe, loss))

    def _print(self, line: str | None) -> None:
        if line is not None:
            with suppress(OSError):  # nobody reads it
                print(line, file=self.console.file, flush=True)

    def rows(self) -> list[list[str]]:
        """Return each recipe with its last loss."""
        return [[recipe, "…" if loss is None else f"loss {loss:.4g}"] for recipe, loss in self.losses.items()]


class _Screen(Protocol):
    """A place that is drawn again after each epoch, and left empty at the end."""

    def show(self, progress: LiveProgress) -> None: ...

    def close(self) -> None: ...


class _Terminal:
    """Draws with rich, in place."""

    def __init__(self, progress: LiveProgress) -> None:
        self.bar = Bar(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
            TimeRemainingColumn(), console=progress.console,
        )  # fmt: skip
        self.task = self.bar.add_task(progress.now, total=progress.total)
        self.live = Live(self._view(progress), console=progress.console, transient=True, refresh_per_second=8)
        self.live.start()

    def show(self, progress: LiveProgress) -> None:
        self.bar.update(self.task, completed=progress.done, description=progress.now)
        self.live.update(self._view(progress))

    def close(self) -> None:
        self.live.stop()

    def _view(self, progress: LiveProgress) -> Group:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for row in progress.rows():
            grid.add_row(*(Text(cell, style="dim" if row[1] == "…" else "") for cell in row))
        return Group(grid, self.bar)


class _Notebook:
    """Updates one output of the cell: rich itself would need ipywidgets for it."""

    def __init__(self, progress: LiveProgress) -> None:
        from IPython.display import HTML, display

        self.html: Any = HTML
        self.handle: Any = display(HTML(self._view(progress)), display_id=True)
        self.shown = time.monotonic()

    def show(self, progress: LiveProgress) -> None:
        if time.monotonic() - self.shown >= PAUSE:
            self.handle.update(self.html(self._view(progress)))
            self.shown = time.monotonic()

    def close(self) -> None:
        self.handle.update(self.html(""))

    def _view(self, progress: LiveProgress) -> str:
        words = f"{progress.now}, {progress.done} of {progress.total} epochs"
        bar = f'<progress value="{progress.done}" max="{progress.total}"></progress>'
        return f"{html_table(['recipe', 'training'], progress.rows())}\n<p>{bar} {html_text(words)}</p>"


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
