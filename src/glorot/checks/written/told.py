"""What the checks of an audit have to say alike."""

import math

from glorot.inventory.written import Written

SHOWN = 3
"""Lines that wrote a tensor, of which the last ones are named."""


def writers_of(row: Written) -> str:
    """Return the functions and lines that wrote a tensor last."""
    return "; ".join(row.writers[-SHOWN:])


def share_unwritten(row: Written) -> float:
    """Return the share of a tensor that was never written."""
    return row.unwritten / max(math.prod(row.shape), 1)
