"""Plain text for people: tables, numbers and path patterns."""

import functools
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST = 100
"""Letters of what was given that a message repeats."""

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of what steers a terminal, turns the direction of a line, or is half a character."""


def number(value: float) -> str:
    """Write a number with four significant digits, as short as it reads well.

    Example:
        >>> number(576.0), number(0.122474487), number(float("nan"))
        ('576', '0.1225', '–')
    """
    return "–" if math.isnan(value) else f"{value:.4g}"


def counted(number: int, noun: str) -> str:
    """Write how many there are of something whose plural has an s.

    Example:
        >>> counted(1, "tensor"), counted(12000, "element")
        ('1 tensor', '12000 elements')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


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
    return re.sub(r"(?<!\d)\d+\.\d{6,}(e-?\d+)?", lambda found: number(float(found[0])), text)


def printable(text: str, keep: str = "") -> str:
    r"""Write as escapes what would steer a terminal or be misread there, such as ESC, line ends and turned directions.

    Args:
        text: any text, such as the name of a parameter or of a file.
        keep: letters to leave as they are: "\n" in a message of several lines.

    Example:
        >>> print(printable("fc\x1b[2J.weight"), printable("größe 重み"), printable("a\nb", keep="\n"))
        fc\x1b[2J.weight größe 重み a
        b
    """
    if text.isprintable():
        return text
    return "".join(
        repr(letter)[1:-1] if unicodedata.category(letter) in UNSEEN and letter not in keep else letter
        for letter in text
    )


def escaped_json(text: str) -> str:
    r"""Write as JSON's escapes what `printable` escapes, so that JSON steers no terminal and its data stay the same.

    Args:
        text: JSON, in which line ends and what it escapes already are left.

    Example:
        >>> print(escaped_json('["größe", "fc\u202e.weight"]'))
        ["größe", "fc\u202e.weight"]
    """
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        json.dumps(letter)[1:-1] if unicodedata.category(letter) in UNSEEN and letter != "\n" else letter
        for letter in text
    )


def json_lines(data: object) -> str:
    r"""Return plain data as the text of a JSON file; NaN must be null by then.

    Example:
        >>> json_lines({"std": None})
        '{\n "std": null\n}\n'
    """
    return escaped_json(json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)) + "\n"


def quoted(value: object) -> str:
    """Write what was given as Python does, a text in quotes and with escapes; cut where that is long.

    Example:
        >>> print(quoted("normal(std=x)"), quoted([1.5, None]), len(quoted("9" * 1000)))
        'normal(std=x)' [1.5, None] 101
    """
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set rows of text in columns under a ruled head; what steers a terminal is written as an escape.

    Example:
        >>> print(table(["path", "std"], [["fc.weight", "0.1"]]))
        path       std
        ─────────  ───
        fc.weight  0.1
    """
    lines = [[printable(cell) for cell in line] for line in (head, *rows)]
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

    What stands between two stars is looked for once, from left to right, and its first place is kept, so that a long
    pattern takes no longer than its length times that of the path.

    Example:
        >>> matches("blocks.*.attn.in_proj_weight[q]", "blocks.3.attn.in_proj_weight[q]")
        True
    """
    first, *others = _pieces(pattern)
    if not others:
        return first.fullmatch(path) is not None
    *middle, last = others
    begun = first.match(path)
    end = len(path) - pattern[::-1].find("*")
    if begun is None or end < begun.end() or last.match(path, end) is None:
        return False
    place = begun.end()
    for piece in middle:
        found = piece.search(path, place, end)
        if found is None:
            return False
        place = found.end()
    return True


@functools.lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[re.Pattern[str], ...]:
    """Return what stands between the stars of a pattern."""
    return tuple(re.compile(re.escape(piece).replace(r"\?", "."), re.DOTALL) for piece in pattern.split("*"))
