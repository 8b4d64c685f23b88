"""Colours that people with any colour vision tell apart, one for each recipe, the same in every chart."""

import colorsys
from collections.abc import Sequence

# After Okabe and Ito, without their yellow, which no projector shows on white. The most telling ones
# come last: with few recipes only those are used.
PALETTE = (
    "#332288", "#999933", "#4d2c0c", "#111111",
    "#8a8a8a", "#cc79a7", "#56b4e9", "#882255", "#e69f00", "#009e73", "#0072b2", "#d55e00",
)  # fmt: skip

DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3))
"""Lines beyond the palette repeat its colours, told apart by dashes."""


def colors(names: Sequence[str]) -> dict[str, str]:
    """Give each name its colour.

    Example:
        >>> colors(["zeros", "xavier"])
        {'zeros': '#0072b2', 'xavier': '#d55e00'}
    """
    used = PALETTE[-min(max(len(names), 1), len(PALETTE)) :]
    if len(names) > 8:  # the eight familiar ones first
        used = PALETTE[-8:] + PALETTE[:4]
    return {name: used[place % len(used)] for place, name in enumerate(names)}


def dashes(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Give each name the dashes of its line: none, until the colours run out."""
    return {name: DASHES[place // len(PALETTE) % len(DASHES)] for place, name in enumerate(names)}


def ink(color: str) -> str:
    """Darken a colour until text in it is read on white.

    Example:
        >>> ink("#0072b2"), ink("#e69f00")
        ('#0072b2', '#996a00')
    """
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, strength = colorsys.rgb_to_hls(red, green, blue)
    while _contrast(red, green, blue) < 4.6:
        light *= 0.96
        red, green, blue = colorsys.hls_to_rgb(hue, light, strength)
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))


def _contrast(*rgb: float) -> float:
    """The contrast with white, as WCAG 2 defines it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 1.05 / (0.05 + 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
