"""Plans: a recipe resolved on one inventory, as pure data, and what is written by them."""

from glorot.plans.assign import Assignment, assignments
from glorot.plans.diff import PlanDiff
from glorot.plans.entry import PlanEntry
from glorot.plans.file import STREAM, VERSION
from glorot.plans.names import shared_names
from glorot.plans.plan import Plan
from glorot.plans.resolve import Rules, resolve

__all__ = [
    "STREAM",
    "VERSION",
    "Assignment",
    "Plan",
    "PlanDiff",
    "PlanEntry",
    "Rules",
    "assignments",
    "resolve",
    "shared_names",
]
