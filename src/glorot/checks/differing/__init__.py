"""How two plans, models or files of weights differ, tensor by tensor and in law."""

from glorot.checks.differing.naming import called, in_parts, renamed, renamed_plan
from glorot.checks.differing.plans import differences_of_plans, differences_with_plan
from glorot.checks.differing.result import Difference, Differences, Untold
from glorot.checks.differing.tensors import Held, differences_of_tensors

__all__ = [
    "Difference", "Differences", "Held", "Untold", "called", "differences_of_plans", "differences_of_tensors",
    "differences_with_plan", "in_parts", "renamed", "renamed_plan",
]  # fmt: skip
