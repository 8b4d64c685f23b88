"""A comparison: the results of several recipes on one task, and how they read as a table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glorot.comparison.results import Claim, RecipeResult, SweepPoint
from glorot.comparison.summary import columns, row
from glorot.markup import html_table, html_text
from glorot.text import table

Progress = Callable[[str, int, int, float], Any]
"""Told (recipe, seed, epoch, training loss) behind every epoch."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """Several recipes trained side by side.

    Attributes:
        task: what was trained, in words.
        activation: the activation that follows the hidden layers.
        classifies: whether accuracy means something.
        chance: the test accuracy of always guessing the most frequent class.
        seeds: the number of seeds asked for.
        epochs: the number of epochs asked for.
        results: one for each recipe.
        claims: what textbooks say, held against the figures.
        sweep: the end at other depths, if depths were compared.
        interrupted: whether it was stopped before its end.
        command: what repeats it, if it came from the command line.
        versions: of what took part.
        seconds: how long it took.
    """

    task: str
    activation: str
    classifies: bool
    chance: float
    seeds: int
    epochs: int
    results: tuple[RecipeResult, ...]
    claims: tuple[Claim, ...] = ()
    sweep: tuple[SweepPoint, ...] = ()
    interrupted: bool = False
    command: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0

    def __getitem__(self, recipe: str) -> RecipeResult:
        for result in self.results:
            if result.recipe == recipe:
                return result
        raise KeyError(recipe)

    def __repr__(self) -> str:
        return f"{self._verdicts()}\n\nprint it for the figures"

    def __str__(self) -> str:
        head, rows = self.columns(), self.rows()
        lines = [self._verdicts(), "", table(head[:-1], [row[:-1] for row in rows])]
        if self.claims:
            lines += ["", "what textbooks say, and what we saw"]
            lines += [f"  {claim.mark} {claim.sentence}  {claim.seen}" for claim in self.claims]
        if self.interrupted:
            lines += ["", "interrupted: only complete runs are shown"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *figures, last = self.columns()
        rows = [[row[0], row[-1], *row[1:-1]] for row in self.rows()]
        return (
            f"<p>{html_text(self.task)}</p>\n"
            f'<div style="overflow-x: auto">{html_table([head, last, *figures], rows, "glorot-comparison")}</div>'
        )

    def _verdicts(self) -> str:
        """Return the task, and what became of each recipe."""
        rows = [[result.recipe, result.verdict] for result in self.results]
        return f"{self.task}\n\n{table(['recipe', 'verdict'], rows)}"

    def columns(self) -> list[str]:
        """Return the head of the table of recipes."""
        return columns(self.classifies)

    def rows(self) -> list[list[str]]:
        """Return the table of recipes: a row of text for each."""
        return [row(result, self.classifies) for result in self.results]
