"""Lines that the eye cannot tell apart are drawn as one, which has all their names."""

from collections.abc import Sequence

Path = Sequence[tuple[float, float]]
WITHIN = 2.0
"""Two lines coincide if no point of one is further than this many pixels from the same point of the other."""


def coinciding(paths: Sequence[Path]) -> list[list[int]]:
    """Group lines that coincide along all their length.

    Args:
        paths: the points of each line in pixels.

    Returns:
        The places of the lines, group by group; every line of a group coincides with the first one.

    Example:
        >>> coinciding([[(0, 0), (9, 5)], [(0, 50), (9, 5)], [(0, 1), (9, 4)]])
        [[0, 2], [1]]
    """
    groups: list[list[int]] = []
    for place, path in enumerate(paths):
        group = next((group for group in groups if _coincide(paths[group[0]], path)), None)
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return groups


def _coincide(one: Path, other: Path) -> bool:
    return len(one) == len(other) and all(
        abs(a - c) <= WITHIN and abs(b - d) <= WITHIN for (a, b), (c, d) in zip(one, other, strict=True)
    )
