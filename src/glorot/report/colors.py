"""Type and colours of drawings; each colour has two tones, for light and for dark ground.

People with any colour vision tell the recipes' colours apart.
"""

import colorsys
import re
from collections.abc import Sequence

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
"""Of the letters in drawings: of one width on every system, so that labels fit."""

GROUND = ("#ffffff", "#14181d")

PAGE = {
    "ground": GROUND, "ink": ("#1b2530", "#e6eaee"), "soft": ("#55626f", "#a4b0bc"), "line": ("#d9dfe5", "#353e48"),
    "grid": ("#e6eaee", "#282f37"), "axis": ("#8894a0", "#717e8b"), "wash": ("#f4f6f8", "#1d232a"),
    "zone": ("#fbeedd", "#2c2519"), "mark": ("#0067a3", "#6db9f0"), "yes": ("#00664b", "#3ecb9b"),
    "no": ("#a34700", "#ff9a57"),
}  # fmt: skip
"""What the sheet and the drawings call their colours."""

# After Okabe and Ito, without their yellow, which no projector shows on white. The most telling ones
# come last: with few recipes only those are used.
PALETTE = (
    ("#cc79a7", "#e694c2"), ("#999933", "#bdbd4e"), ("#4d2c0c", "#c29468"), ("#111111", "#f4f4f4"),
    ("#8a8a8a", "#9aa0a6"), ("#332288", "#a294f5"), ("#56b4e9", "#9adcff"), ("#882255", "#d05a93"),
    ("#e69f00", "#f2b632"), ("#009e73", "#22c997"), ("#0072b2", "#4ba0e3"), ("#d55e00", "#ff8b40"),
)  # fmt: skip

DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3))
"""Lines beyond the palette repeat its colours, told apart by dashes."""

SHAPES, LETTERS = 3.0, 4.6
"""The least contrast with the ground that lets a line, and a letter, be seen (WCAG 2)."""


def hues(names: Sequence[str]) -> dict[str, int]:
    """Give each name the number of its colour in the palette, counted from 1.

    Example:
        >>> hues(["zeros", "xavier"])
        {'zeros': 11, 'xavier': 12}
    """
    used = range(len(PALETTE) - min(max(len(names), 1), len(PALETTE)), len(PALETTE))
    order = [*used[-8:], *used[:-8]]  # the eight familiar ones first
    return {name: order[place % len(order)] + 1 for place, name in enumerate(names)}


def dashes(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Give each name the dashes of its line: none, until the colours run out."""
    return {name: DASHES[place // len(PALETTE) % len(DASHES)] for place, name in enumerate(names)}


def paint(name: str) -> str:
    """Return what paints with a colour of the page: its variable, and the light tone where there is no sheet.

    Example:
        >>> paint("soft")
        'var(--soft,#55626f)'
    """
    return f"var(--{name},{PAGE[name][0]})"


def stroke(hue: int) -> str:
    """Return what paints the lines of a recipe.

    Example:
        >>> stroke(11)
        'var(--c11,#0072b2)'
    """
    return f"var(--c{hue},{_tones(hue, SHAPES)[0]})"


def letters(hue: int) -> str:
    """Return what paints a recipe's name.

    Example:
        >>> stroke(9), letters(9)
        ('var(--c9,#c38700)', 'var(--t9,#996a00)')
    """
    return f"var(--t{hue},{_tones(hue, LETTERS)[0]})"


def variables() -> str:
    """Return the declarations that every drawing and every page paints with, for light and dark."""
    tones = {f"--{name}": pair for name, pair in PAGE.items()}
    tones |= {f"--c{hue}": _tones(hue, SHAPES) for hue in range(1, len(PALETTE) + 1)}
    tones |= {f"--t{hue}": _tones(hue, LETTERS) for hue in range(1, len(PALETTE) + 1)}
    light, dark = ("".join(f"{name}:{pair[side]};" for name, pair in tones.items()) for side in (0, 1))
    classes = "".join(f".c{n}{{--c:var(--c{n})}}" for n in range(1, len(PALETTE) + 1))
    return (
        f".glorot{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{.glorot{{{dark}}}}}\n.glorot{{{classes}}}\n"
    )


def plain(drawing: str) -> str:
    """Replace the variables of a drawing by their light tones, for programs that know none.

    Example:
        >>> plain(f'<path stroke="{stroke(11)}"/>')
        '<path stroke="#0072b2"/>'
    """
    return re.sub(r"var\(--\w+,(#\w+)\)", r"\1", drawing)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it.

    Example:
        >>> contrast("#000000", "#ffffff")
        21.0
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _tones(hue: int, least: float) -> tuple[str, str]:
    light, dark = PALETTE[hue - 1]
    return _toned(light, GROUND[0], least), _toned(dark, GROUND[1], least)


def _toned(color: str, ground: str, least: float) -> str:
    """Move a colour away from the ground until it is seen on it."""
    hue, light, strength = colorsys.rgb_to_hls(*_parts(color))
    step = 0.96 if _luminance(ground) > 0.5 else 1.04
    while contrast(color, ground) < least:
        light *= step
        color = "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, strength))
    return color


def _parts(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _luminance(color: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
