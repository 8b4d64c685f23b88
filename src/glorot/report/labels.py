"""Labels: short enough to read, and far enough apart."""

from collections.abc import Sequence
from itertools import accumulate


def shorten(name: str, most: int = 24) -> str:
    """Cut a long name in its middle, for its beginning and its end tell it from others.

    Example:
        >>> shorten("xavier"), shorten("truncated_normal(std=0.02, cut=2)", 20)
        ('xavier', 'truncated_no… cut=2)')
    """
    if len(name) <= most:
        return name
    end = (most - 1) * 2 // 5
    return f"{name[: most - 1 - end]}…{name[len(name) - end :]}"


def short_names(names: Sequence[str], most: int = 24) -> dict[str, str]:
    """Shorten names, and where the cut makes them alike, cut elsewhere: around the letter that differs first.

    Example:
        >>> names = ["truncated_normal(std=0.02, cut=2)", "truncated_normal(std=0.05, cut=2)", "xavier"]
        >>> list(short_names(names, 22).values())
        ['truncat…=0.02, cut=2)', 'truncat…=0.05, cut=2)', 'xavier']
    """
    cut = {name: shorten(name, most) for name in names}
    short = dict(cut)
    for name in names:
        alike = [other for other in names if cut[other] == cut[name] and other != name]
        if alike and len(name) > most:
            differs = min(_first_difference(name, other) for other in alike)
            short[name] = f"{name[:7]}…{name[max(7, differs - 4) :][: most - 8].rstrip(' ,')}"
    return short


def _first_difference(one: str, other: str) -> int:
    return next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)


def capital(sentence: str) -> str:
    """Begin a sentence with a capital, unless it begins with code.

    Example:
        >>> capital("too large ends at 60 %"), capital("random(1) ends at 60 %")
        ('Too large ends at 60 %', 'random(1) ends at 60 %')
    """
    first, *_ = sentence.split() or [""]
    return sentence[:1].upper() + sentence[1:] if first.rstrip(",;:").isalpha() else sentence


def listed(names: Sequence[str], most: int = 4) -> str:
    """Write names as a sentence does.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c", "d", "e", "f"])
        ('a', 'a, b and c', 'a, b, c and 3 others')
    """
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def span(low: float, high: float) -> str:
    """Write a range of whole numbers.

    Example:
        >>> span(2, 3), span(4, 4)
        ('2–3', '4')
    """
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def whole_ticks(last: int, most: int = 11) -> tuple[int, ...]:
    """Return round whole numbers from 0 to `last`, at most `most` of them.

    Example:
        >>> whole_ticks(3), whole_ticks(30)
        ((0, 1, 2, 3), (0, 5, 10, 15, 20, 25, 30))
    """
    steps = (digit * 10**power for power in range(10) for digit in (1, 2, 5))
    step = next(step for step in steps if last // step < most)
    return tuple(range(0, last + 1, step))


def set_apart(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels as little as need be, until none overlaps another and all lie in [low, high].

    Isotonic regression by pooling neighbours: with t = middle − its place in a stack of all labels, "no overlap"
    reads "t never falls". Where the room is too short for all of them, it is overrun at its high end.

    Args:
        wanted: where the middle of each would like to be.
        heights: how high each is.
        low: where the room begins.
        high: where it ends.

    Returns:
        The middles, in the order given.

    Example:
        >>> set_apart([10, 11, 50], [10, 10, 10], 0, 100)
        [5.5, 15.5, 50.0]
        >>> set_apart([99, 98], [10, 30], 0, 100)
        [95.0, 75.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    tops = accumulate((heights[index] for index in order), initial=0.0)
    stacked = [top + heights[index] / 2 for top, index in zip(tops, order, strict=False)]
    pools: list[tuple[float, int]] = []  # (sum of t, how many)
    for rank, index in enumerate(order):
        pools.append((wanted[index] - stacked[rank], 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1] = (pools[-1][0] + total, pools[-1][1] + count)
    levels = [total / count for total, count in pools for _ in range(count)]
    highest = float(max(low, high - sum(heights)))
    places = [0.0] * len(wanted)
    for rank, (index, level) in enumerate(zip(order, levels, strict=True)):
        places[index] = min(max(level, low), highest) + stacked[rank]
    return places


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Estimate, a little too wide rather than too narrow, how many pixels a text takes in a plain sans-serif type.

    Example:
        >>> round(text_width("Xavier", 15)), round(text_width("Xavier", 15, bold=True))
        (45, 48)
    """
    narrow, wide = "ijlrt.,:;'|!()[]fI /·", "mwMW@%—"
    units = sum(0.31 if c in narrow else 0.9 if c in wide else 0.7 if c.isupper() else 0.555 for c in text)
    return size * units * (1.07 if bold else 1.0)


def wrapped(words: Sequence[str], width: float, size: float, bold: bool = False) -> list[str]:
    """Set words in lines no wider than `width` pixels; a single word that is too wide stands alone.

    Example:
        >>> wrapped(["Xavier ·", "Xavier normal ·", "He"], 140, 14)
        ['Xavier ·', 'Xavier normal · He']
    """
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
