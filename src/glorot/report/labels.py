"""Labels: short enough to read, and far enough apart."""

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
