"""A comparison in a terminal: what it found, its table and its claims."""

import itertools
import textwrap
from collections.abc import Sequence

from glorot.comparison.comparison import Comparison
from glorot.comparison.judging.fates import Fate
from glorot.comparison.judging.standings import Standings
from glorot.comparison.summary import percent
from glorot.preserving import draws_undone
from glorot.report.conclusions import finding
from glorot.text import printable

with draws_undone():  # rich draws a number when it is first imported
    from rich import box
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table
    from rich.text import Text

START = 6
"""Columns about the start, with the recipe's name; the others are about the learning."""

SIGNAL = 3
"""Columns about the signal on its way forward, with the recipe's name."""

LEAST_VERDICT = 32
"""Letters below which a column of verdicts is harder to read than lines of their own."""

LONGEST_NAME = 28


def table_for_terminal(comparison: Comparison) -> RenderableType:
    """Return what a comparison found, its table and its claims, laid out for whatever width they are printed at.

    Args:
        comparison: what was trained and measured.

    Returns:
        Something that `rich` prints: one table with the verdicts after the names where it fits, else the
        verdicts, and below them tables of the start and of the learning.
    """
    return _Report(comparison)


class _Report:
    """Chooses its layout when the width is known."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.head = comparison.columns()
        self.rows = comparison.rows()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(printable(f"{finding(self.comparison)}."), style="bold")
        yield Text(printable(self.comparison.task), style="dim")
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
        grid = _Grid(self.head, self.rows, self._colours())
        last = len(self.head) - 1
        figures = list(range(last))
        if grid.taken(figures, compact=False) + LEAST_VERDICT <= width:
            yield grid.table([0, last, *figures[1:]], compact=False)
            return
        yield Text("verdict", style="dim")
        yield self._verdicts()
        yield ""
        compact = grid.taken(figures, compact=False) - 2 > width
        if compact and grid.taken(figures, compact) > width:
            yield from self._blocks(grid, figures, width)
        else:
            yield grid.table(figures, compact)

    def _colours(self) -> list[str]:
        """Return the colour of each recipe's verdict: green for the best, red for those that got nowhere."""
        standings = Standings(self.comparison)
        lost = {name for name, became in standings.fates.items() if became in (Fate.DIES, Fate.DIVERGES)}
        return [
            "red" if result.recipe in lost else "green" if result in standings.top else ""
            for result in self.comparison.results
        ]

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
        yield from _Grid(["recipe", *map(str, depths)], rows).tables(range(len(depths) + 1), width)

    def _verdicts(self) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold", overflow="fold", max_width=LONGEST_NAME)
        grid.add_column(overflow="fold")
        for row, colour in zip(self.rows, self._colours(), strict=True):
            grid.add_row(Text(row[0]), Text(row[-1], style=colour))
        return grid

    def _claims(self) -> Table:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        for claim in self.comparison.claims:
            mark = Text(claim.mark, style={True: "green", False: "yellow", None: "dim"}[claim.holds])
            grid.add_row(mark, Text.assemble(claim.sentence, "  ", (claim.answer, "dim")))
        return grid


class _Grid:
    """Rows under heads, set in columns whose figures never wrap.

    Args:
        head: the heads of the columns; the first is that of the names.
        rows: their text.
        colours: a colour for each row's last column, which then holds sentences, and these wrap as they need.
    """

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[str]], colours: Sequence[str] = ()) -> None:
        self.head = head
        self.rows = rows
        self.colours = colours
        self.sentences = len(head) - 1 if colours else None

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
        for number, row in enumerate(self.rows):
            cells = [Text(_tight(row[column]) if compact else row[column]) for column in columns]
            if self.sentences in columns:
                cells[columns.index(self.sentences)].stylize(self.colours[number])
            table.add_row(*cells)
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
