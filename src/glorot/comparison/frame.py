"""The epochs of a comparison as a table of pandas or polars."""

import importlib
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

from glorot.comparison.results import Epoch
from glorot.errors import GlorotError

if TYPE_CHECKING:
    from glorot.comparison.comparison import Comparison

LIBRARIES = ("pandas", "polars")
"""Either makes a frame of {column: values}; the first that is installed does."""


def frame(comparison: "Comparison") -> Any:
    """Return a row for each recipe, seed and epoch; `Comparison.to_frame` describes it."""
    columns = ("recipe", "seed", "epoch", *(field.name for field in fields(Epoch)))
    rows = [
        (result.recipe, run.seed, number, *astuple(epoch))
        for result in comparison.results
        for run in result.runs
        for number, epoch in enumerate(run.epochs)
    ]
    return _library().DataFrame(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))


def _library() -> Any:
    for name in LIBRARIES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise GlorotError("to_frame needs pandas or polars: pip install pandas, or pip install polars")
