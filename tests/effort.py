"""How many examples a property draws: few in the quick tier, many in the slow one."""

from hypothesis import settings

QUICK, THOROUGH = 20, 100


def examples(thorough: int, deadline: int | None = None) -> settings:
    """Draw this many examples in the slow tier, and in the quick one its share of them, but never fewer than three."""
    share = thorough * settings.default.max_examples // THOROUGH
    return settings(max_examples=max(3, share), deadline=deadline)
