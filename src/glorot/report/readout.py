"""Values of a drawing's lines, for pointer, keyboard and screen reader: an invisible drawing over the visible one."""

from collections.abc import Sequence
from dataclasses import dataclass

from glorot.markup import html_text


@dataclass(frozen=True)
class Readout:
    """What can be read off one line.

    Attributes:
        name: what the line is called.
        points: (x, y, words) for each of its points, as in (40.0, 12.5, "epoch 3: 92 %").
    """

    name: str
    points: tuple[tuple[float, float, str], ...]


def overlay(readouts: Sequence[Readout], size: tuple[float, float], origin: tuple[float, float] = (0.0, 0.0)) -> str:
    """Return an invisible drawing whose lines name their values, each a single stop for the keyboard.

    Args:
        readouts: one for each line.
        size: width and height of the drawing below, in its own units.
        origin: where in it the points count from.

    Returns:
        SVG to lie over the drawing; the script of the page shows one value after the other, and without it the
        browser shows all values of a line.
    """
    paths = "".join(map(_path, readouts))
    left, top = origin
    return (
        f'<svg class="reads" viewBox="0 0 {size[0]:g} {size[1]:g}" role="group" '
        f'aria-label="Values; the arrow keys move along a line"><g transform="translate({left:g},{top:g})">'
        f"{paths}</g></svg>"
    )


def _path(readout: Readout) -> str:
    line = "L".join(f"{x:.1f},{y:.1f}" for x, y, _ in readout.points)
    if len(readout.points) == 1:
        line += f"L{line}"  # a line of no length has round ends to point at
    values = "; ".join(words for _, _, words in readout.points)
    name = html_text(readout.name)
    title = f"<title>{name}: {html_text(values)}</title>"
    return f'<path tabindex="0" role="img" data-name="{name}" d="M{line}">{title}</path>'
