"""Labels: short enough to read, and far enough apart."""

import math
from collections.abc import Sequence


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
            short[name] = f"{name[:7]}…{name[max(7, differs - 4) :][: most - 8]}"
    return short


def _first_difference(one: str, other: str) -> int:
    return next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Write names as a sentence does.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c", "d", "e", "f"])
        ('a', 'a, b and c', 'a, b, c and 3 others')
    """
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def balanced(count: int, most: int = 5) -> int:
    """Return how many to set in a row, at most `most`, so that rows are about equally long.

    Example:
        >>> balanced(8), balanced(5), balanced(7)
        (4, 5, 4)
    """
    return math.ceil(count / math.ceil(count / most))


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


def set_apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places as little as need be, until no two are nearer than `gap` and all lie in [low, high].

    Isotonic regression by pooling neighbours: with t = place − rank·gap, "at least a gap apart" reads
    "t never falls". Where the room is too short for all of them, it is overrun at its high end.

    Args:
        wanted: where each would like to be.
        gap: the least distance.
        low: the least place.
        high: the greatest place.

    Returns:
        The places, in the order given.

    Example:
        >>> set_apart([10, 11, 50], 10, 0, 100)
        [5.5, 15.5, 50.0]
        >>> set_apart([99, 98], 10, 0, 100)
        [100.0, 90.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    pools: list[tuple[float, int]] = []  # (sum of t, how many)
    for rank, index in enumerate(order):
        pools.append((wanted[index] - rank * gap, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1] = (pools[-1][0] + total, pools[-1][1] + count)
    levels = [total / count for total, count in pools for _ in range(count)]
    highest = float(max(low, high - (len(wanted) - 1) * gap))
    places = [0.0] * len(wanted)
    for rank, (index, level) in enumerate(zip(order, levels, strict=True)):
        places[index] = min(max(level, low), highest) + rank * gap
    return places
