"""First-layer weights as heat maps: tiny PNG images, written by hand and stretched by the browser."""

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glorot.comparison.comparison import Comparison
from glorot.markup import html_text
from glorot.probe.signal import distinct_units
from glorot.report.curves import style
from glorot.text import brief

STOPS = ("#053061", "#4393c3", "#f7f7f7", "#d6604d", "#67001f")
"""Blue over white to red, which all kinds of colour vision tell apart."""

LEVELS = 255  # odd, so that zero has a level of its own; one more palette entry stands for "no number"
NO_NUMBER = "#b8c1ca"


def heatmaps(comparison: Comparison) -> str:
    """Return the first-layer weights of every recipe's first run as HTML."""
    maps = "".join(_map(style(comparison, r.recipe)[0], weights_of(comparison, r.recipe)) for r in comparison.results)
    return f'<div class="maps">{maps}</div>'


def weights_of(comparison: Comparison, recipe: str) -> NDArray[np.float64]:
    """Return the first-layer weights at the end of a recipe's first run, (units, inputs)."""
    return np.array(comparison[recipe].runs[0].first_weights, dtype=np.float64, ndmin=2)


def distinct_rows(comparison: Comparison) -> dict[str, tuple[int, int]]:
    """Return (distinct, all) rows of first-layer weights by the name of every recipe whose weights are numbers."""
    found = {}
    for result in comparison.results:
        weights = weights_of(comparison, result.recipe)
        if weights.size and np.isfinite(weights).all():
            name, _, _ = style(comparison, result.recipe)
            found[name] = (distinct_units(weights.T), len(weights))
    return found


def png(values: NDArray[np.float64], scale: float) -> bytes:
    """Encode an array as an image of one pixel a value, from -scale (blue) over 0 (white) to scale (red).

    Args:
        values: (rows, columns); what is no number becomes grey.
        scale: the value of the deepest colour, > 0.

    Returns:
        A PNG file with a palette.
    """
    finite = np.isfinite(values)
    half = LEVELS // 2
    levels = np.where(finite, np.round(np.clip(np.where(finite, values, 0) / scale, -1, 1) * half) + half, LEVELS)
    lines = np.pad(levels.astype(np.uint8), ((0, 0), (1, 0)))  # each line starts with its filter: none
    size = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"PLTE", _palette()), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _palette() -> bytes:
    colors = np.array([_rgb(stop) for stop in STOPS], dtype=np.float64)
    places = np.linspace(0, len(STOPS) - 1, LEVELS)
    ramp = np.stack([np.interp(places, range(len(STOPS)), channel) for channel in colors.T], axis=1)
    return np.vstack([ramp.round(), _rgb(NO_NUMBER)]).astype(np.uint8).tobytes()


def _rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def _map(name: str, weights: NDArray[np.float64]) -> str:
    head = f'<div class="map"><p class="name">{html_text(name)}</p>'
    if not weights.size:
        return head + '<p class="rows">no layer with a matrix of weights</p></div>'
    finite = weights[np.isfinite(weights)]
    # a few outliers would bleach all the rest
    scale = float(np.percentile(np.abs(finite), 99.5)) if finite.size else 0.0
    return head + _image(name, weights, scale or 1.0) + _legend(scale) + f'<p class="rows">{_rows(weights)}</p></div>'


def _image(name: str, weights: NDArray[np.float64], scale: float) -> str:
    data = base64.b64encode(png(weights, scale)).decode()
    units, inputs = weights.shape
    words = html_text(f"first-layer weights of {name}: {units} units, {inputs} inputs")
    return f'<img alt="{words}" width="{inputs}" height="{units}" src="data:image/png;base64,{data}">'


def _legend(scale: float) -> str:
    if not scale:
        return '<div class="scale">all weights are 0</div>'
    return f'<div class="scale">−{brief(scale)}<span class="bar"></span>+{brief(scale)}</div>'


def _rows(weights: NDArray[Any]) -> str:
    if not np.isfinite(weights).all():
        return "grey: no number any more"
    distinct, units = distinct_units(weights.T), len(weights)
    return f"{units} units, all distinct" if distinct == units else f"{units} units, {distinct} distinct"
