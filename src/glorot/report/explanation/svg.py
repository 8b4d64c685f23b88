"""Drawings for the browser: laws, small matrices and activations, as SVG."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glorot.activations import Activation
from glorot.distributions import Constant, Distribution, Orthogonal, TruncatedNormal, Uniform
from glorot.report.explanation.marks import (
    BLUE,
    BOTTOM,
    CELL,
    EDGE,
    GREEN,
    HEIGHT,
    ORANGE,
    TOP,
    WIDTH,
    Floats,
    Frame,
    axis,
    drawing,
    heat,
    kept_inside,
    line,
    rule,
    words,
)
from glorot.report.explanation.samples import Sample, density, describe, has_density, matrix, reach
from glorot.text import number


def laws_svg(samples: Sequence[Sample], width: int = WIDTH) -> list[str]:
    """Draw the laws of the sample layer: all densities in one drawing, or one drawing each."""
    if all(has_density(sample.law) for sample in samples):
        return [_densities(samples, width)] if samples else []
    return [_one(sample, width) for sample in samples]


def _one(sample: Sample, width: int) -> str:
    match sample.law:
        case Constant(value):
            return _spike(value, width)
        case Orthogonal(gain):
            return _matrices(sample.law, gain, width)
    return _matrices(sample.law, None, width)


def _densities(samples: Sequence[Sample], width: int) -> str:
    span = reach([sample.law for sample in samples])
    curves = [_outline(sample.law, span) for sample in samples]
    top = max(float(y.max()) for _, y in curves)
    below = width < WIDTH  # the words on the second law stand below those on the first
    head = TOP + 40 * (len(samples) - 1) if below else TOP
    frame = Frame(EDGE, width - EDGE, head, head - TOP + HEIGHT - BOTTOM, (-span, span), (0, top))
    parts = [axis(frame, "weight w")]
    for n, (sample, curve, colour) in enumerate(zip(samples, curves, (BLUE, ORANGE), strict=False)):
        points = frame.path(*curve)
        parts.append(f'<polygon points="{points}" fill="{colour}" fill-opacity="0.16"/>')
        parts.append(line(points, colour))
        anchor, place = ("start", EDGE) if n == 0 or below else ("end", width - EDGE)
        height = 18 + 40 * n * below
        parts.append(words(place, height, sample.label, anchor, colour, bold=True))
        parts.append(words(place, height + 17, describe(sample.law), anchor, colour))
    parts.append(_widths(frame, samples[0].law))
    return drawing(parts, width, head - TOP + HEIGHT, f"Density of {' and '.join(sample.label for sample in samples)}")


def _outline(law: Distribution, span: float) -> tuple[Floats, Floats]:
    """Return the curve of a density, with its edges straight up and down where it ends."""
    ends = (law.low, law.high) if isinstance(law, Uniform | TruncatedNormal) else (-span, span)
    x = np.linspace(*ends, 401)
    return np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[0], density(law, x), [0]])


def _widths(frame: Frame, law: Distribution) -> str:
    """Mark ±σ, and the bounds where there are any."""
    parts = []
    middle = law.mean
    for x in (middle - law.std, middle + law.std):
        parts.append(rule(frame.across(x), frame.top, frame.bottom, BLUE))
        parts.append(words(frame.across(x) - 5, frame.bottom - 8, "−σ" if x < middle else "+σ", "end", BLUE))
    if isinstance(law, Uniform | TruncatedNormal):
        for x, anchor, shift in ((law.low, "end", -7), (law.high, "start", 7)):
            height = frame.down(float(density(law, np.array([x]))[0]))
            place = kept_inside(frame.across(x) + shift, number(x), anchor, 14, frame)
            parts.append(words(place, height + 12, number(x), anchor, BLUE))
    return "".join(parts)


def _spike(value: float, width: int) -> str:
    span = max(1.0, 1.5 * abs(value))
    frame = Frame(EDGE, width - EDGE, TOP, 160 - BOTTOM, (-span, span), (0, 1))
    x, told = frame.across(value), f"every weight is {number(value)}"
    parts = [
        axis(frame, "weight w"),
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{frame.bottom}" y2="{frame.top}" stroke="{BLUE}" stroke-width="5"/>',
        words(kept_inside(x, told, "middle", 14, frame), frame.top - 10, told, "middle", BLUE, bold=True),
    ]
    return drawing(parts, width, 160, f"All the mass at {number(value)}")


def _matrices(law: Distribution, gain: float | None, width: int) -> str:
    """Draw a small W and, of an orthogonal one, W Wᵀ: the identity, however random W looks."""
    w = matrix(law, 8, 12)
    drawn = [(f"W, {w.shape[0]} × {w.shape[1]}", w)]
    if gain is not None:
        drawn.append(("W Wᵀ" if gain == 1 else f"W Wᵀ/{number(gain**2)}", w @ w.T / gain**2))
    step = (12 * CELL + 60, 0) if width == WIDTH else (0, 8 * CELL + TOP)
    parts = []
    for n, (title, values) in enumerate(drawn):
        left, top = EDGE + n * step[0], TOP + n * step[1]
        parts += [heat(values, left, top), words(left, top - 12, title, "start", bold=True)]
    return drawing(parts, width, TOP + (len(drawn) - 1) * step[1] + 8 * CELL + 12, "A small matrix drawn from the law")


def activation_svg(phi: Activation, width: int = WIDTH, span: float = 5.0) -> str:
    """Draw φ and φ′, side by side if there is room; where |φ′| is below 5 % of its maximum the ground is shaded."""
    z = np.linspace(-span, span, 1000)  # an even number, so that no point falls on a kink at a round z
    across, down = ((WIDTH + 24) / 2, 0) if width == WIDTH else (0, HEIGHT)
    half = min(width, across or width) - 2 * EDGE - (24 if across else 0)
    value, slope = phi.function(z), phi.derivative(z)
    flat = _runs(np.abs(slope) < 0.05 * phi.steepest, z)
    parts = []
    for n, (curve, colour, label) in enumerate(((value, BLUE, "φ(z)"), (slope, ORANGE, "φ′(z)"))):
        left, shift = EDGE + n * across, n * down
        low, high = min(float(curve.min()), 0.0), max(float(curve.max()), 0.0)
        margin = 0.04 * (high - low) or 1.0
        box = left, left + half, TOP + shift, HEIGHT - BOTTOM + shift
        frame = Frame(*box, (-span, span), (low - margin, high + margin))
        parts += [_shade(frame, flat), _bell(frame) if n else "", axis(frame, "z"), _levels(frame, low, high)]
        parts += [
            _pieces(frame, z, curve, phi.kinks, colour),
            words(left, 28 + shift, label, "start", colour, bold=True),
        ]
    if flat:
        parts.append(words(width - EDGE, 28 + down, "shaded: |φ′| < 5 % of its maximum", "end"))
    return drawing(parts, width, HEIGHT + down, f"{phi.name} and its slope")


def _runs(mask: NDArray[np.bool_], z: Floats) -> list[tuple[float, float]]:
    """Return the intervals of z on which a mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(float(z[a]), float(z[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _shade(frame: Frame, intervals: Sequence[tuple[float, float]]) -> str:
    return "".join(
        f'<rect x="{frame.across(a):.1f}" y="{frame.top}" width="{max(frame.across(b) - frame.across(a), 1):.1f}" '
        f'height="{frame.bottom - frame.top}" fill="currentColor" fill-opacity="0.09"/>'
        for a, b in intervals
    )


def _bell(frame: Frame) -> str:
    """Draw where z lies under N(0, 1), as a quiet hill a third of the frame high."""
    z = np.linspace(*frame.x, 201)
    height = (frame.bottom - frame.top) / 3 * np.exp(-z * z / 2)
    points = " ".join(f"{frame.across(a):.1f},{frame.bottom - h:.1f}" for a, h in zip(z, height, strict=True))
    hill = f'<polygon points="{points}" fill="{GREEN}" fill-opacity="0.22"/>'
    return hill + words(frame.across(0), frame.bottom - 12, "N(0, 1)", "middle", GREEN, 13)


def _pieces(frame: Frame, z: Floats, curve: Floats, kinks: Sequence[float], colour: str) -> str:
    """Draw a curve, cut at the kinks, where a slope may jump."""
    pieces = np.split(np.arange(z.size), np.searchsorted(z, kinks, side="right"))
    return "".join(line(frame.path(z[piece], curve[piece]), colour) for piece in pieces if piece.size)


def _levels(frame: Frame, low: float, high: float) -> str:
    parts = []
    for level in sorted({low, 0.0, high}):
        y = frame.down(level)
        parts.append(
            f'<line x1="{frame.left:.1f}" x2="{frame.right:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            f'stroke-opacity="{0.35 if level == 0 else 0.12}"/>'
        )
        if abs(level) > 0.08 * (high - low) or level == 0:
            parts.append(words(frame.left + 2, y - 4, number(round(level, 3) + 0.0), "start", size=12))
    return "".join(parts)
