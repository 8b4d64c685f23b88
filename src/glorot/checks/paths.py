"""Paths of one cause as one text."""

from collections.abc import Sequence

from glorot.text import printable

SHOWN = 6
"""Paths up to which all are written out."""


def path_text(paths: Sequence[str]) -> str:
    """Write paths as one text on one line: all of few, the first and the last of many, and how many there are.

    Example:
        >>> path_text(["head.weight", "head.bias"])
        'head.weight, head.bias'
        >>> path_text([f"{n}.c_proj.weight" for n in range(24)])
        '0.c_proj.weight, 1.c_proj.weight … 23.c_proj.weight (24)'
    """
    if len(paths) <= SHOWN:
        return printable(", ".join(paths))
    return printable(f"{paths[0]}, {paths[1]} … {paths[-1]} ({len(paths)})")
