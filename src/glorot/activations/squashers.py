"""Activations that bend both ways: those that squash, wave or shrink."""

import numpy as np

from glorot.activations.base import Array, Formula, entry
from glorot.activations.functions import erf_of, gauss, logistic, softplus_of, where
from glorot.errors import GlorotError


@entry()
def softsign() -> Formula:
    """Softsign: φ(z) = z/(1 + |z|).

    When to use: with Xavier's law, for φ′(0) = 1; its flanks are polynomial, so it saturates far more
    gently than tanh and forgives a poor scale.

    Example:
        >>> from glorot.activations import activation
        >>> z = np.array([4.0])
        >>> (activation("softsign").derivative(z) / activation("tanh").derivative(z)).round()
        array([30.])

    References:
        Bergstra et al. 2009; Glorot & Bengio 2010, §3.3.
    """
    return Formula(lambda z: z / (1 + np.abs(z)), lambda z: (1 + np.abs(z)) ** -2.0)


@entry()
def tanh() -> Formula:
    """Hyperbolic tangent: φ(z) = tanh z.

    When to use: with Xavier's law: odd and of slope 1 at zero, it is linear for weak signals, and so
    the derivation holds. At unit variance 0.39 of E φ² is left; later layers lose ever less.

    Example:
        >>> from glorot.activations import activation
        >>> tanh = activation("tanh")
        >>> [round(tanh.moments(q).second_moment / q, 3) for q in (1.0, 0.1, 0.01)]
        [0.394, 0.842, 0.981]

    References:
        Glorot & Bengio 2010, §3.2 and §4.2.1.
    """
    return Formula(np.tanh, lambda z: 1 - np.tanh(z) ** 2)


@entry("logistic")
def sigmoid() -> Formula:
    """Logistic sigmoid: φ(z) = 1/(1 + e^-z).

    When to use: gates and output probabilities. In hidden layers Xavier's derivation breaks twice:
    φ′(0) = 1/4, so each layer divides the gradient by four, and the mean is 1/2, so E x = 0 fails and
    pushes the top layer into saturation. Four times Xavier restores unit slope but not the mean: the
    gain 1.846 would only hold E φ², 85 % of which is that mean. Better use tanh.

    Example:
        >>> from glorot.activations import activation
        >>> s = activation("sigmoid")
        >>> s.slope_at_zero, s.squashes_off_zero, s.scale_gains()
        (0.25, True, (4.0, 4.0))
        >>> m = s.moments()
        >>> round(m.mean**2 / m.second_moment, 2)
        0.85

    References:
        Glorot & Bengio 2010, §3.1; Xavier ×4: DeepLearning.net tutorial on multilayer perceptrons.
    """

    def derivative(z: Array) -> Array:
        s = logistic(z)
        return s * (1 - s)

    return Formula(logistic, derivative)


@entry()
def hardsigmoid() -> Formula:
    """Piecewise sigmoid: φ(z) = min(max(z + 3, 0), 6)/6.

    When to use: cheap gates. In hidden layers the same holds as for sigmoid: mean 1/2, and slope 1/6,
    so six times Xavier restores unit slope.

    Example:
        >>> from glorot.activations import activation
        >>> [round(g, 9) for g in activation("hardsigmoid").scale_gains()]
        [6.0, 6.0]

    References:
        Courbariaux et al. 2015; Howard et al. 2019.
    """
    return Formula(lambda z: np.clip(z + 3, 0.0, 6.0) / 6, lambda z: where(np.abs(z) < 3, 1 / 6, 0.0), (-3.0, 3.0))


@entry()
def hardtanh() -> Formula:
    """Clipped identity: φ(z) = min(max(z, -1), 1).

    When to use: with Xavier's law, exact until the signal reaches ±1; at unit variance a third of the
    units, P(|z| > 1), lie on the flat and pass no gradient.

    Example:
        >>> from glorot.activations import activation
        >>> round(1 - activation("hardtanh").moments().derivative_second_moment, 3)
        0.317

    References:
        Collobert 2004.
    """
    return Formula(lambda z: np.clip(z, -1.0, 1.0), lambda z: where(np.abs(z) < 1, 1.0, 0.0), (-1.0, 1.0))


@entry("sine")
def sin() -> Formula:
    """Sine: φ(z) = sin z.

    When to use: implicit representations. E φ² = (1 - e^(-2q))/2 never exceeds 1/2; SIREN's law,
    U(±√(6/fan_in)) of variance 2/fan_in, holds z at the fixed point q = 1 - e^(-2q) = 0.797.

    Example:
        >>> from glorot.activations import activation
        >>> sin = activation("sin")
        >>> [round(sin.moments(q).second_moment, 3) for q in (0.1, 1.0, 4.0)]
        [0.091, 0.432, 0.5]

    References:
        Sitzmann et al. 2020, §3.2.
    """
    return Formula(np.sin, np.cos)


@entry()
def erf() -> Formula:
    """Error function: φ(z) = 2/√π·∫₀ᶻ e^(-t²) dt.

    When to use: theory, for its moments are closed: E φ² = 2/π·arcsin(2q/(1 + 2q)). Of slope 2/√π at
    zero, it needs Xavier's law times √π/2 to be neutral for weak signals.

    Example:
        >>> import math
        >>> from glorot.activations import activation
        >>> math.isclose(activation("erf").moments().second_moment, 2 / math.pi * math.asin(2 / 3))
        True

    References:
        Williams 1997, eq. 11.
    """
    return Formula(erf_of, gauss)


@entry()
def logsigmoid() -> Formula:
    """Logarithm of the sigmoid: φ(z) = -log(1 + e^-z), which is -softplus(-z).

    When to use: inside losses. As a hidden layer it has softplus' moments with a negative mean.

    Example:
        >>> from glorot.activations import activation
        >>> [round(activation(name).moments().mean, 4) for name in ("logsigmoid", "softplus")]
        [-0.8061, 0.8061]

    References:
        Dugas et al. 2001, for softplus.
    """
    return Formula(lambda z: -softplus_of(-z), lambda z: logistic(-z))


@entry()
def softshrink(lambd: float = 0.5) -> Formula:
    """Soft threshold: φ(z) = sign(z)·max(|z| - lambd, 0).

    Args:
        lambd: the threshold, ≥ 0, in the units of z.

    When to use: sparse coding. Weak signals die altogether, so the variance must stay near where the
    gain, 1.544 at unit variance, was taken.

    Example:
        >>> from glorot.activations import activation
        >>> softshrink = activation("softshrink")
        >>> [round(softshrink.moments(q).second_moment / q, 3) for q in (0.01, 1.0, 100.0)]
        [0.0, 0.419, 0.923]

    References:
        Donoho 1995; Gregor & LeCun 2010.
    """
    if lambd < 0:
        raise GlorotError(f"softshrink: lambd must not be negative, got {lambd:g}")
    kinks = (-lambd, lambd) if lambd else ()
    return Formula(lambda z: z - np.clip(z, -lambd, lambd), lambda z: where(np.abs(z) > lambd, 1.0, 0.0), kinks)


@entry()
def tanhshrink() -> Formula:
    """Tanh shrinkage: φ(z) = z - tanh(z).

    When to use: hardly at all in depth: φ′(0) = 0, so a signal that weakens is cubed away, and no
    Xavier-like law exists. The gain 2.338 balances at unit variance, unstably.

    Example:
        >>> from glorot.activations import activation
        >>> tanhshrink = activation("tanhshrink")
        >>> [round(tanhshrink.moments(q).second_moment / q, 5) for q in (0.01, 1.0, 100.0)]
        [0.00016, 0.18288, 0.85028]

    References:
        PyTorch, torch.nn.Tanhshrink.
    """
    return Formula(lambda z: z - np.tanh(z), lambda z: np.tanh(z) ** 2)
