"""A comparison: the results of several recipes on one task, how they read, and how they are kept."""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glorot.comparison.file import read_comparison, to_json
from glorot.comparison.frame import frame
from glorot.comparison.results import Claim, RecipeResult, SweepPoint
from glorot.comparison.summary import columns, row
from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.markup import html_table, html_text
from glorot.text import printable, table

Progress = Callable[[str, int, int, float], Any]
"""Receives (recipe, seed, epoch, training loss) after every epoch."""

# What draws a comparison stands on a floor above this one, which nothing here may import: so these functions are
# found by their names when they are needed, as the names of `glorot` itself are.
FORMS = {
    ".html": ("glorot.report.page", "comparison_html"),
    ".json": ("glorot.comparison.file", "json_text"),
    ".png": ("glorot.report.picture", "comparison_png"),
}
FIRST_SCREEN = ("glorot.report.page", "first_screen_html")

REPR_RECIPES, REPR_WIDTH = 12, 110
"""How many recipes a `repr` lists, and how many characters of each."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """Several recipes trained side by side. Made by `glorot.compare`; printed, saved, loaded, drawn.

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
        test_examples: how many examples the accuracy is measured on; 0 if that is not known.
        baseline: without classes, the test loss of the best constant answer; NaN if that is not known.
        margin: by how much recipes may differ and still be called alike: a share of the accuracy, 0.01 for one point,
            or, without classes, of the loss.
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
    test_examples: int = 0
    baseline: float = math.nan
    margin: float = 0.01

    def __getitem__(self, recipe: str) -> RecipeResult:
        for result in self.results:
            if result.recipe == recipe:
                return result
        raise KeyError(recipe)

    def __repr__(self) -> str:
        shown, left = self.results[:REPR_RECIPES], len(self.results) - REPR_RECIPES
        width = max(len(result.recipe) for result in shown)
        seeds, epochs = f"{self.seeds} seed{'s' * (self.seeds != 1)}", f"{self.epochs} epoch{'s' * (self.epochs != 1)}"
        lines = [f"{self.task}: {seeds}, {epochs}"]
        lines += [f"  {result.recipe.ljust(width)}  {result.verdict}" for result in shown]
        lines += [f"  … and {left} more"] if left > 0 else []
        lines.append('print(result) shows the figures, result.save("page.html") the charts')
        return "\n".join(_clipped(printable(line)) for line in lines)

    def __str__(self) -> str:
        head, rows = self.columns(), self.rows()
        verdicts = table(["recipe", "verdict"], [[result.recipe, result.verdict] for result in self.results])
        lines = [self.task, "", verdicts, "", table(head[:-1], [row[:-1] for row in rows])]
        if self.claims:
            lines += ["", "what textbooks say, and what we saw"]
            lines += [f"  {claim.mark} {claim.sentence}  {claim.answer}" for claim in self.claims]
        if self.interrupted:
            lines += ["", "interrupted: only complete runs are shown"]
        return printable("\n".join(lines), keep="\n")

    def _repr_html_(self) -> str:
        try:
            return str(_found(*FIRST_SCREEN)(self))
        except Exception:  # whatever is missing or breaks there must not spoil the notebook
            return self._small_table()

    def _small_table(self) -> str:
        head, *figures, last = self.columns()
        rows = [[row[0], row[-1], *row[1:-1]] for row in self.rows()]
        return (
            f"<p>{html_text(self.task)}</p>\n"
            f'<div style="overflow-x: auto">{html_table([head, last, *figures], rows, "glorot-comparison")}</div>'
        )

    def columns(self) -> list[str]:
        """Return the head of the table of recipes."""
        return columns(self.classifies)

    def rows(self) -> list[list[str]]:
        """Return the table of recipes: a row of text for each."""
        return [row(result, self.classifies) for result in self.results]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain data, ready for JSON: NaN is None, and infinity "inf" or "-inf"."""
        return to_json(self)

    def to_frame(self) -> Any:
        """Return every epoch of every run as a table, for plots and statistics of your own.

        One row for each recipe, seed and epoch, epoch 0 being the start; the columns are recipe, seed, epoch,
        train_loss, train_accuracy, test_loss and test_accuracy.

        Returns:
            A `pandas.DataFrame`, or where pandas is not installed a `polars.DataFrame`.

        Raises:
            GlorotError: if neither is installed.

        Example:
            >>> import glorot, torch
            >>> x, y = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([0, 0, 1, 1])
            >>> result = glorot.compare(torch.nn.Linear(1, 2), (x, y, x, y), ["zeros", "xavier"], 3, epochs=4)
            >>> result.to_frame().shape  # 2 recipes × 3 seeds × 5 epochs, 7 columns
            (30, 7)
        """
        return frame(self)

    def save(self, path: str | Path) -> Path:
        """Write the comparison as its suffix says, whole or not at all.

        Args:
            path: the file to write: `.html` for the page, `.json` for all figures, from which `Comparison.load` makes
                the same comparison again, or `.png` for the picture.

        Returns:
            The path written.

        Raises:
            GlorotError: if the suffix is another one, the place cannot be written, or the package that draws the page
                and the picture is not installed.

        Example:
            >>> import glorot, tempfile, torch
            >>> x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
            >>> result = glorot.compare(torch.nn.Linear(1, 2), (x, y, x, y), ["xavier"], 1, epochs=1)
            >>> path = result.save(tempfile.mkdtemp() + "/result.json")
            >>> glorot.Comparison.load(path).to_json() == result.to_json()
            True
        """
        return write_whole(path, _found(*FORMS[form_of(path)])(self))

    @classmethod
    def load(cls, path: str | Path) -> "Comparison":
        """Read a comparison that `save` wrote as JSON, in this version of glorot or in an older one.

        Args:
            path: the file to read.

        Returns:
            The comparison, to the last digit. What a newer glorot wrote beyond this one's fields is left out, with a
            warning that names it.

        Raises:
            GlorotError: if the file cannot be read, is not a comparison, is of another version, or was damaged.
        """
        return read_comparison(path, cls)


def form_of(path: str | Path) -> str:
    """Return the suffix that says how a comparison is saved, in small letters.

    Raises:
        GlorotError: if no form has this suffix.

    Example:
        >>> form_of("results/Digits.HTML")
        '.html'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMS:
        raise GlorotError(
            f"{path}: expected a file name that ends in .html for the page, .json for the figures, or .png for the "
            "picture"
        )
    return suffix


def _found(module: str, name: str) -> Callable[[Comparison], Any]:
    function: Callable[[Comparison], Any] = getattr(importlib.import_module(module), name)
    return function


def _clipped(line: str) -> str:
    return line if len(line) <= REPR_WIDTH else f"{line[: REPR_WIDTH - 1]}…"
