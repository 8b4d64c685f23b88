"""Signal and gradient as bars of text."""

import math
from collections.abc import Sequence

from glorot.probe.steps import StepSignal
from glorot.text import number, table

WIDTH = 12
"""Letters of a bar."""

LEAST = 2.0
"""Powers of ten that a bar spans at least, so that small differences look small."""

MOST = 24
"""Rows of a small chart."""


def bar(value: float, values: Sequence[float]) -> str:
    """Return a bar whose length is the logarithm of a value, between the smallest of several and the largest.

    Example:
        >>> bar(1.0, [0.01, 1.0]), bar(0.1, [0.01, 1.0])
        ('████████████', '██████')
    """
    known = [math.log10(one) for one in values if one > 0 and math.isfinite(one)]
    if not value > 0 or not math.isfinite(value):
        return ""
    span = max(max(known) - min(known), LEAST)
    eighths = round(8 * WIDTH * (1 - (max(known) - math.log10(value)) / span))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def signal_chart(steps: Sequence[StepSignal]) -> str:
    """Return what kernels make of the signal as a small chart: the root mean square and its gradient, layer by layer.

    Args:
        steps: the steps, in the order of execution; of many kernels, as many as fit are shown at equal distances.

    Returns:
        A table of text; "" where no kernel is.
    """
    kernels = [step for step in steps if step.kind == "kernel"]
    if not kernels:
        return ""
    every = -(-len(kernels) // MOST)
    shown = [*kernels[:-1:every], kernels[-1]]
    signals, gradients = [one.second_moment**0.5 for one in shown], [one.gradient_std for one in shown]
    rows = [
        [one.name, number(signal), bar(signal, signals), number(gradient), bar(gradient, gradients)]
        for one, signal, gradient in zip(shown, signals, gradients, strict=True)
    ]
    left = f"\n{len(kernels) - len(shown)} kernels between these are left out" if len(shown) < len(kernels) else ""
    return table(["layer", "signal", "", "gradient", ""], rows) + left
