"""How many examples a property draws: few in the quick tier, many in the slow one."""

from hypothesis import settings

QUICK, THOROUGH = 20, 100


def examples(thorough: int) -> settings:
    """Draw this many examples in the slow tier, and in the quick one its share of them, but never fewer than two."""
    return settings(max_examples=max(2, thorough * settings.default.max_examples // THOROUGH))
