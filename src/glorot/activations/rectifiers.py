"""Activations that pass large positive signals on: the identity, ReLU and its smooth relatives."""

import math

import numpy as np

from glorot.activations.base import Array, Formula, entry
from glorot.activations.functions import erf_of, gauss, logistic, softplus_of, where


@entry("linear")
def identity() -> Formula:
    """No bend at all: φ(z) = z.

    When to use: output layers and linear nets; Xavier's derivation is exact for it, at any depth.

    Example:
        >>> from glorot.activations import activation
        >>> [round(g, 9) for g in activation("identity").scale_gains()]  # nothing to make up for
        [1.0, 1.0]

    References:
        Glorot & Bengio 2010, §4.2.1: the linear regime.
    """
    return Formula(lambda z: z, np.ones_like)


@entry()
def relu() -> Formula:
    """Rectifier: φ(z) = max(z, 0).

    When to use: the default of deep nets, with He's law: half of E z² is lost, forward and backward,
    so the variance of the weights doubles. Xavier's loses a factor 2 per layer.

    Example:
        >>> from glorot.activations import activation
        >>> m = activation("relu").moments()
        >>> round(m.second_moment, 6), round(m.derivative_second_moment, 6)
        (0.5, 0.5)

    References:
        He et al. 2015, eq. 10 and 14.
    """
    return Formula(lambda z: np.maximum(z, 0.0), lambda z: where(z > 0, 1.0, 0.0), (0.0,))


@entry()
def leaky_relu(negative_slope: float = 0.01) -> Formula:
    """Leaky rectifier: φ(z) = z for z > 0, else negative_slope·z.

    Args:
        negative_slope: the slope a below zero, dimensionless. PReLU starts at 0.25.

    When to use: as relu, with He's law for a leak: weights of variance 2/((1 + a²)·fan).

    Example:
        >>> from glorot.activations import activation
        >>> a = 0.2
        >>> round(activation(f"leaky_relu({a})").gain ** 2 * (1 + a**2), 6)
        2.0

    References:
        Maas et al. 2013; He et al. 2015, eq. 15.
    """
    kinks = () if negative_slope == 1 else (0.0,)
    return Formula(lambda z: where(z > 0, z, negative_slope * z), lambda z: where(z > 0, 1.0, negative_slope), kinks)


@entry()
def relu6() -> Formula:
    """Rectifier capped at 6: φ(z) = min(max(z, 0), 6).

    When to use: mobile nets in low precision, with He's law: at unit variance the cap is six
    standard deviations away and costs 4e-9 of E φ².

    Example:
        >>> from glorot.activations import activation
        >>> round(activation("relu6").gain / activation("relu").gain, 6)
        1.0

    References:
        Howard et al. 2017 (MobileNets).
    """
    return Formula(lambda z: np.clip(z, 0.0, 6.0), lambda z: where((z > 0) & (z < 6), 1.0, 0.0), (0.0, 6.0))


@entry()
def elu(alpha: float = 1.0) -> Formula:
    """Exponential linear unit: φ(z) = z for z > 0, else alpha·(e^z - 1).

    Args:
        alpha: the depth -alpha that φ falls to, dimensionless.

    When to use: where activations should stay near mean zero; between He's law (gain 1.414) and
    Xavier's (1), for two thirds of E z² come through.

    Example:
        >>> from glorot.activations import activation
        >>> round(activation("elu").moments().mean, 4), round(activation("relu").moments().mean, 4)
        (0.1605, 0.3989)

    References:
        Clevert et al. 2016.
    """

    def derivative(z: Array) -> Array:
        return where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0)))

    kinks = () if alpha == 1 else (0.0,)
    return Formula(lambda z: where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0))), derivative, kinks)


@entry()
def selu() -> Formula:
    """Self-normalising unit: φ(z) = 1.0507·elu(z, alpha=1.6733).

    When to use: deep dense nets without normalisation, with LeCun's law (variance 1/fan_in): mean 0
    and variance 1 are its fixed point. A gain of ¾, as some tables have it, leaves that point.

    Example:
        >>> from glorot.activations import activation
        >>> m = activation("selu").moments()
        >>> abs(m.mean) < 1e-12, round(m.second_moment, 9)
        (True, 1.0)

    References:
        Klambauer et al. 2017, eq. 2 and 14.
    """
    alpha, scale = 1.6732632423543772, 1.0507009873554805

    def function(z: Array) -> Array:
        return scale * where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))

    return Formula(function, lambda z: scale * where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0))), (0.0,))


@entry()
def gelu() -> Formula:
    """Gaussian error linear unit: φ(z) = z·Φ(z), Φ the normal distribution function.

    When to use: transformers; under He's law a layer keeps 2·0.425 = 85 % of the variance at q = 1, and
    ever less below. Residual nets bear it; a plain deep one wants the gain 1.534.

    Example:
        >>> from glorot.activations import activation
        >>> round(2 * activation("gelu").moments().second_moment, 3)
        0.85

    References:
        Hendrycks & Gimpel 2016.
    """

    def derivative(z: Array) -> Array:
        return 0.5 + 0.5 * erf_of(z / math.sqrt(2)) + z * gauss(z / math.sqrt(2)) / math.sqrt(8)

    return Formula(lambda z: z * (0.5 + 0.5 * erf_of(z / math.sqrt(2))), derivative)


@entry("gelu_new", "gelu_pytorch_tanh")
def gelu_tanh() -> Formula:
    """GELU's tanh approximation: φ(z) = z·(1 + tanh(√(2/π)·(z + 0.044715·z³)))/2.

    When to use: as gelu, where GPT-2's or BERT's weights expect it; the two differ by 5e-4 at most,
    and their gains by less than 1e-4.

    Example:
        >>> from glorot.activations import activation
        >>> round(activation("gelu_tanh").gain - activation("gelu").gain, 6)
        5e-05

    References:
        Hendrycks & Gimpel 2016, §2.
    """
    c = math.sqrt(2 / math.pi)

    def bent(z: Array) -> Array:
        return np.asarray(np.tanh(c * (z + 0.044715 * z**3)))

    def derivative(z: Array) -> Array:
        t = bent(z)
        return 0.5 + 0.5 * t + 0.5 * z * (1 - t * t) * c * (1 + 0.134145 * z * z)

    return Formula(lambda z: 0.5 * z * (1 + bent(z)), derivative)


@entry("swish")
def silu() -> Formula:
    """Sigmoid-weighted linear unit, or swish: φ(z) = z·sigmoid(z).

    When to use: modern conv nets and gated transformer blocks. Near zero it is z/2, so a weak signal
    loses three quarters of its variance: let the gain, 1.677, hold it at unit variance instead of He's.

    Example:
        >>> from glorot.activations import activation
        >>> silu = activation("silu")
        >>> [round(silu.moments(q).second_moment / q, 3) for q in (0.01, 1.0, 100.0)]
        [0.252, 0.356, 0.499]

    References:
        Elfwing et al. 2018; Ramachandran et al. 2017.
    """

    def derivative(z: Array) -> Array:
        s = logistic(z)
        return s + z * s * (1 - s)

    return Formula(lambda z: z * logistic(z), derivative)


@entry()
def mish() -> Formula:
    """Mish: φ(z) = z·tanh(softplus(z)).

    When to use: where silu is; it lets a little more through, so He's law is 5 % short of its gain.

    Example:
        >>> from glorot.activations import activation
        >>> round(activation("mish").gain / activation("relu").gain, 3)
        1.051

    References:
        Misra 2020.
    """

    def derivative(z: Array) -> Array:
        t: Array = np.tanh(softplus_of(z))
        return t + z * (1 - t * t) * logistic(z)

    return Formula(lambda z: z * np.tanh(softplus_of(z)), derivative)


@entry()
def softplus() -> Formula:
    """Smooth rectifier: φ(z) = log(1 + e^z).

    When to use: outputs that must be positive. In hidden layers its mean of 0.8 makes up 70 % of
    E φ², and under a third of the gradient's variance passes: no scale serves both directions.

    Example:
        >>> from glorot.activations import activation
        >>> tuple(round(g, 2) for g in activation("softplus").scale_gains())
        (1.04, 1.85)

    References:
        Dugas et al. 2001.
    """
    return Formula(softplus_of, logistic)


@entry("hard_silu")
def hardswish() -> Formula:
    """Piecewise swish: φ(z) = z·min(max(z + 3, 0), 6)/6.

    When to use: mobile nets in place of silu; like it, it is z/2 near zero and wants more than He's
    law: its gain is 1.737.

    Example:
        >>> from glorot.activations import activation
        >>> hardswish = activation("hardswish")
        >>> hardswish.slope_at_zero, hardswish.kinks
        (0.5, (-3.0, 3.0))

    References:
        Howard et al. 2019 (MobileNetV3).
    """

    def derivative(z: Array) -> Array:
        return where(np.abs(z) < 3, z / 3 + 0.5, where(z > 0, 1.0, 0.0))

    return Formula(lambda z: z * np.clip(z + 3, 0.0, 6.0) / 6, derivative, (-3.0, 3.0))


@entry("relu2", "squared_relu")
def relu_squared() -> Formula:
    """Squared rectifier: φ(z) = max(z, 0)².

    When to use: transformer blocks with a norm before them. E φ² grows as q², so no gain holds it:
    whatever is above the fixed point explodes, whatever is below dies out.

    Example:
        >>> from glorot.activations import activation
        >>> relu2 = activation("relu_squared")
        >>> [round(relu2.moments(q).second_moment, 6) for q in (0.5, 1.0, 2.0)]
        [0.375, 1.5, 6.0]

    References:
        So et al. 2021 (Primer).
    """
    return Formula(lambda z: np.maximum(z, 0.0) ** 2, lambda z: 2 * np.maximum(z, 0.0))
