"""The picture of the signal: what ten layers make of it from three starts, the recipe's in the middle."""

import math

from glorot.distributions import Distribution
from glorot.fans import dense
from glorot.report.explanation.samples import INPUTS, OUTPUTS
from glorot.schemes import SCHEMES
from glorot.text import brief, number
from glorot.topics.figures import Lines, curve
from glorot.topics.nets import deep_pass

WIDTH, DEPTH = 128, 10
FEEDS = {"xavier": ("xavier_normal", "tanh"), "he": ("he_normal", "relu")}
"""The recipes whose pages begin with the signal: their scheme, and the activation that each is meant for."""

NAMES = {"xavier": "Xavier", "he": "He"}


def signal_figure(recipe: str) -> Lines:
    """Return the standard deviation of the signal, layer by layer, from three starts.

    Example:
        >>> [one.name for one in signal_figure("xavier").curves]
        ['σ = 0.044', 'Xavier, σ = 0.088', 'σ = 0.27']
    """
    scheme, phi = FEEDS[recipe]
    std = SCHEMES.make(scheme)(dense(WIDTH, WIDTH)).std
    curves, flat = [], []
    for factor, name in ((0.5, ""), (1, f"{NAMES[recipe]}, "), (3, "")):
        run = deep_pass(phi, factor * std * math.sqrt(WIDTH), DEPTH, WIDTH)
        curves.append(curve(f"{name}σ = {brief(factor * std)}", run.signal()))
        flat.append(run.flat()[-1])
    seen = f"pins {100 * flat[-1]:.0f} % of the units" if phi == "tanh" else "runs away"
    title = f"Half of {NAMES[recipe]}'s σ fades, and three times it {seen}."
    return Lines(title, "layer", "signal (σ of the values)", tuple(curves), log=True)


def compounding(law: Distribution) -> str:
    """Say by what factors ten layers like the sample layer multiply the variances of signal and gradient.

    Example:
        >>> from glorot.distributions import Uniform
        >>> compounding(Uniform(-0.1224745, 0.1224745))
        'n·Var(w) = 1.5 forward, 0.5 back; ten such layers: 1.5^10 = 57.67 and 0.5^10 = 0.0009766.'
    """
    forward, back = INPUTS * law.std**2, OUTPUTS * law.std**2
    powers = f"{brief(forward)}^10 = {number(forward**10)} and {brief(back)}^10 = {number(back**10)}"
    return f"n·Var(w) = {brief(forward)} forward, {brief(back)} back; ten such layers: {powers}."
