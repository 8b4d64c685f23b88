"""What the quick tier does of a costly test: few examples of a property, a few cases of many."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings

QUICK, THOROUGH = 10, 100


def examples(thorough: int, deadline: int | None = None) -> settings:
    """Draw this many examples in the slow tier, and in the quick one its share of them, but never fewer than three."""
    share = thorough * settings.default.max_examples // THOROUGH
    return settings(max_examples=max(3, share), deadline=deadline)


def slow_after(count: int, cases: Sequence[Any]) -> list[Any]:
    """Leave the first cases as they are, and mark the others for the slow tier."""
    rest = (case if isinstance(case, tuple) else (case,) for case in cases[count:])
    return [*cases[:count], *(pytest.param(*case, marks=pytest.mark.slow) for case in rest)]
