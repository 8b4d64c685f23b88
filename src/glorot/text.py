"""Plain text for people: tables, numbers and path patterns."""

import math
import re
from collections.abc import Iterable, Sequence


def number(value: float) -> str:
    """Write a number with four significant digits, as short as it reads well.

    Example:
        >>> number(576.0), number(0.122474487), number(float("nan"))
        ('576', '0.1225', '–')
    """
    return "–" if math.isnan(value) else f"{value:.4g}"


def brief(value: float) -> str:
    """Write a measured figure with two significant digits, and without an exponent up to 100 000.

    Example:
        >>> brief(0.0311), brief(46.4), brief(163.0), brief(float("nan"))
        ('0.031', '46', '160', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{float(f'{value:.2g}'):.0f}" if 100 <= abs(value) < 1e5 else f"{value:.2g}"


def shortened(text: str) -> str:
    """Round the long decimals in a text, as in the calls of schemes.

    Example:
        >>> shortened("uniform(low=-0.22360679774997896, high=0.5)")
        'uniform(low=-0.2236, high=0.5)'
    """
    return re.sub(r"\d+\.\d{6,}(e-?\d+)?", lambda found: number(float(found[0])), text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set rows of text in columns under a ruled head.

    Example:
        >>> print(table(["path", "std"], [["fc.weight", "0.1"]]))
        path       std
        ─────────  ───
        fc.weight  0.1
    """
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["─" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as people say it: `64×3×3`."""
    return "×".join(map(str, shape)) or "scalar"


def matches(pattern: str, path: str) -> bool:
    """Tell whether a path matches a pattern in which `*` stands for any text and `?` for one letter.

    Example:
        >>> matches("blocks.*.attn.in_proj_weight[q]", "blocks.3.attn.in_proj_weight[q]")
        True
    """
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, path) is not None
