"""A comparison in a terminal: its table, its claims, and its progress while it runs."""

import itertools
import math
import textwrap
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from glorot.comparison.comparison import Comparison
from glorot.comparison.summary import percent

START = 6
"""Columns that tell of the start, the recipe's name among them; the rest tells of the learning."""

SIGNAL = 3
"""Columns of the start that tell of the signal on its way forward, the recipe's name among them."""

LEAST_VERDICT = 32
"""Letters below which a column of verdicts is harder to read than lines of their own."""

LONGEST_NAME = 28


def table_for_terminal(comparison: Comparison) -> RenderableType:
    """Return the table and the claims of a comparison, laid out for whatever width they are printed at.

    Args:
        comparison: what was trained and measured.

    Returns:
        Something that `rich` prints: one table where it fits, else one of the start and one of the
        learning, with the verdicts below.
    """
    return _Report(comparison)


class _Report:
    """Chooses its layout when the width is known."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.head = comparison.columns()
        self.rows = comparison.rows()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.comparison.task, style="bold")
        yield ""
        yield from self._tables(options.max_width)
        if self.comparison.sweep:
            yield from self._sweep(options.max_width)
        if self.comparison.claims:
            yield Text("\nwhat textbooks say, and what we saw", style="bold")
            yield self._claims()
        if self.comparison.interrupted:
            yield Text("\ninterrupted: only complete runs are shown", style="yellow")

    def _tables(self, width: int) -> RenderResult:
        grid = _Grid(self.head, self.rows)
        last = len(self.head) - 1
        figures = list(range(last))
        if grid.taken(figures, compact=False) + LEAST_VERDICT <= width:
            yield grid.table([*figures, last], compact=False)
            return
        if grid.taken(figures, compact=False) - 2 <= width:
            yield grid.table(figures, compact=False)
        else:
            yield from self._blocks(grid, figures, width)
        yield Text("\nverdict", style="dim")
        yield self._verdicts()

    def _blocks(self, grid: "_Grid", figures: list[int], width: int) -> RenderResult:
        start = figures[:START]
        if grid.taken(start, compact=True) <= width:
            blocks = [("at the start", start)]
        else:
            blocks = [("signal at the start", start[:SIGNAL]), ("gradient and units", [0, *start[SIGNAL:]])]
        for number, (title, chosen) in enumerate([*blocks, ("learning", [0, *figures[START:]])]):
            yield Text(("\n" if number else "") + title, style="dim")
            yield from grid.tables(chosen, width)

    def _sweep(self, width: int) -> RenderResult:
        points = self.comparison.sweep
        depths = sorted({point.depth for point in points})
        cells = {(point.recipe, point.depth): percent(point.test_accuracy) for point in points}
        names = list(dict.fromkeys(point.recipe for point in points))
        rows = [[name, *(cells.get((name, depth), "–") for depth in depths)] for name in names]
        yield Text("\ntest % by number of hidden layers", style="dim")
        yield from _Grid(["recipe", *map(str, depths)], rows, words=False).tables(range(len(depths) + 1), width)

    def _verdicts(self) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold", overflow="fold", max_width=LONGEST_NAME)
        grid.add_column(overflow="fold")
        for row in self.rows:
            grid.add_row(Text(row[0]), Text(row[-1]))
        return grid

    def _claims(self) -> Table:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        for claim in self.comparison.claims:
            mark = Text("✓", style="green") if claim.holds else Text("✗", style="yellow")
            grid.add_row(mark, Text.assemble(claim.sentence, "  ", (claim.seen, "dim")))
        return grid


class _Grid:
    """Rows under heads, set in columns whose figures never wrap.

    Args:
        head: the heads of the columns; the first is that of the names.
        rows: their text.
        words: whether the last column holds sentences, which wrap as they need.
    """

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[str]], words: bool = True) -> None:
        self.head = head
        self.rows = rows
        self.sentences = len(head) - 1 if words else None

    def taken(self, columns: Sequence[int], compact: bool) -> int:
        """Return the width of a table, of which a compact one has no gap at its end."""
        gap = 1 if compact else 2
        return sum(self._width(column, compact) + gap for column in columns) - (1 if compact else 0)

    def tables(self, columns: Sequence[int], width: int) -> RenderResult:
        """Yield as few compact tables as fit one below the other, the names in each."""
        name, *left = columns
        while left:
            count = next((n for n in range(len(left), 1, -1) if self.taken([name, *left[:n]], True) <= width), 1)
            yield self.table([name, *left[:count]], compact=True)
            left = left[count:]

    def table(self, columns: Sequence[int], compact: bool) -> Table:
        """Return one table."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0 if compact else 1, 0, 0))
        for column in columns:
            figures = column not in (0, self.sentences)
            width = None if column == self.sentences else self._width(column, compact)
            head = self.head[column] if width is None else "\n".join(_wrapped(self.head[column], width))
            style = "" if column else "bold"
            table.add_column(Text(head), style=style, overflow="fold", width=width, no_wrap=figures)
        for row in self.rows:
            table.add_row(*(Text(_tight(row[column]) if compact else row[column]) for column in columns))
        return table

    def _width(self, column: int, compact: bool) -> int:
        """The width of a column whose head takes two lines at most."""
        cells = [_tight(row[column]) if compact else row[column] for row in self.rows]
        lines = next(found for n in itertools.count(5) if len(found := _wrapped(self.head[column], n)) <= 2)
        return min(max(map(len, [*lines, *cells])), 99 if column else LONGEST_NAME)


def _wrapped(head: str, width: int) -> list[str]:
    return textwrap.wrap(head, width, break_long_words=False)


def _tight(cell: str) -> str:
    return cell.replace(" → ", "→").replace(" ± ", "±")


class LiveProgress:
    """Shows how far a comparison has got, with the current loss of every recipe.

    Call it with (recipe, seed, epoch, loss) behind every epoch, from any thread. It draws on stderr, and only
    on a terminal.

    Args:
        recipes: the recipes, in the order of their training.
        seeds: how many seeds.
        epochs: how many epochs.
        rounds: how many comparisons of this size follow one another, as in a sweep over depths.
        console: where to draw; stderr by default.
    """

    def __init__(
        self, recipes: Sequence[str], seeds: int, epochs: int, rounds: int = 1, console: Console | None = None
    ) -> None:
        self.console = console or Console(stderr=True)
        self.epochs = epochs
        self.losses: dict[str, float | None] = dict.fromkeys(recipes)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"),
            TimeRemainingColumn(), console=self.console,
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=max(1, len(recipes) * seeds * epochs * rounds))
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
        """Note the loss behind an epoch, and show it."""
        self.losses[recipe] = loss
        if self._live is not None:
            done = 1 if math.isfinite(loss) else self.epochs - epoch + 1  # a run that diverged ends there
            self._bar.update(self._task, advance=done, description=f"seed {seed}, {recipe}")
            self._live.update(self._view())

    def _view(self) -> Group:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for recipe, loss in self.losses.items():
            style, value = ("dim", "…") if loss is None else ("", f"loss {loss:.4g}")
            grid.add_row(Text(recipe, style=style), Text(value, style=style))
        return Group(grid, self._bar)
