"""Comparison: several recipes trained side by side on one task, measured and judged."""

from glorot.comparison.comparison import Comparison
from glorot.comparison.results import Epoch, RecipeResult, Run
from glorot.comparison.task import Task

__all__ = ["Comparison", "Epoch", "RecipeResult", "Run", "Task"]
