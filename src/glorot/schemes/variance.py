"""Schemes that set the variance of a weight from the fans: Xavier, He, LeCun and their general form."""

import math
from collections.abc import Callable

from glorot.activations import activation
from glorot.distributions import Distribution, Normal, TruncatedNormal, Uniform
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.schemes.base import Rule, check_positive, scheme

MODES: dict[str, Callable[[Fans], float]] = {
    "fan_in": lambda fans: fans.fan_in,
    "fan_out": lambda fans: fans.fan_out,
    "fan_avg": lambda fans: (fans.fan_in + fans.fan_out) / 2,
}
DISTRIBUTIONS = ("uniform", "normal", "truncated_normal")


def of_variance(variance: float, distribution: str) -> Distribution:
    """Return the zero-mean law of a variance: uniform, normal, or truncated (cut at 2σ, corrected)."""
    std = math.sqrt(variance)
    if distribution == "uniform":
        return Uniform.symmetric(math.sqrt(3 * variance))
    if distribution == "normal":
        return Normal(0.0, std)
    sigma = std / TruncatedNormal(0.0, 1.0, -2.0, 2.0).std
    return TruncatedNormal(0.0, sigma, -2 * sigma, 2 * sigma)


def _check_choice(scheme_name: str, what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise GlorotError(f"{scheme_name}: {what} must be one of {', '.join(known)}, got {given!r}")


def _scaled(scale: float, mode: str, distribution: str) -> Rule:
    fan = MODES[mode]
    return lambda fans, shape, axes: of_variance(scale / fan(fans), distribution)


@scheme()
def variance_scaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> Rule:
    """The general form: a variance inversely proportional to a fan.

    Var(W) = scale/n, n = fan_in, fan_out or their mean

    When to use:
        When none of the named schemes fits; `xavier_uniform` is scale 1 with fan_avg and uniform,
        `he_normal` is scale 2 with fan_in and normal, `lecun_normal` scale 1 with fan_in and normal.

    Args:
        scale: the factor, 1 by default; gain² in PyTorch's terms.
        mode: "fan_in" (default), "fan_out" or "fan_avg".
        distribution: "truncated_normal" (default; cut at 2σ and corrected, so that the variance is
            exact), "normal" or "uniform".

    Returns:
        The scheme.

    Raises:
        GlorotError: if `scale` is not positive or a choice is unknown.

    Example:
        >>> law = variance_scaling(2.0, "fan_out", "normal")(Fans(300, 100))
        >>> law.std**2 * 100
        2.0

    References:
        Keras, `VarianceScaling`; JAX, `jax.nn.initializers.variance_scaling`.
    """
    check_positive("variance_scaling", scale=scale)
    _check_choice("variance_scaling", "mode", mode, tuple(MODES))
    _check_choice("variance_scaling", "distribution", distribution, DISTRIBUTIONS)
    return _scaled(scale, mode, distribution)


@scheme("glorot_uniform")
def xavier_uniform(gain: float = 1.0) -> Rule:
    """Xavier (Glorot) initialisation, uniform: signal and gradient both keep their variance.

    W ~ U(±gain·√(6/(fan_in + fan_out))), Var(W) = gain²·2/(fan_in + fan_out)

    When to use:
        For layers fed by tanh, softsign or nothing at all. After ReLU half of the signal is gone:
        `he_uniform`. Caffe's filler of the same name is ±√(3/fan_in).

    Args:
        gain: factor on the bound, 1 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `gain` is not a positive number.

    Example:
        >>> round(xavier_uniform()(Fans(300, 100)).high, 4)
        0.1225

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 16.
    """
    check_positive("xavier_uniform", gain=gain)
    # the closed form, so that the bound is √(6/(fan_in + fan_out)) to the last bit
    return lambda fans, shape, axes: Uniform.symmetric(gain * math.sqrt(6 / (fans.fan_in + fans.fan_out)))


@scheme("glorot_normal")
def xavier_normal(gain: float = 1.0) -> Rule:
    """Xavier (Glorot) initialisation, normal: signal and gradient both keep their variance.

    W ~ N(0, σ²), σ = gain·√(2/(fan_in + fan_out))

    When to use:
        Where `xavier_uniform` serves; the two have the same variance and train alike. As in PyTorch
        the normal is not truncated; for Keras' and JAX's law of this name write
        `variance_scaling(1.0, 'fan_avg')`.

    Args:
        gain: factor on σ, 1 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `gain` is not a positive number.

    Example:
        >>> round(xavier_normal()(Fans(300, 100)).std, 4)
        0.0707

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, equation 12.
    """
    check_positive("xavier_normal", gain=gain)
    return lambda fans, shape, axes: Normal(0.0, gain * math.sqrt(2 / (fans.fan_in + fans.fan_out)))


def _he(name: str, mode: str, negative_slope: float, distribution: str) -> Rule:
    _check_choice(name, "mode", mode, tuple(MODES))
    gain = activation(f"leaky_relu(negative_slope={negative_slope})").gain
    return _scaled(gain**2, mode, distribution)


@scheme("kaiming_uniform")
def he_uniform(mode: str = "fan_in", negative_slope: float = 0.0) -> Rule:
    """He (Kaiming) initialisation, uniform: makes up for the half of the signal that ReLU removes.

    W ~ U(±√(6/((1 + a²)·n))), n = fan_in or fan_out, a = negative_slope

    When to use:
        For layers fed by ReLU or leaky ReLU, as `he_normal`.

    Args:
        mode: "fan_in" (default) keeps the forward variance, "fan_out" the backward one, "fan_avg" between.
        negative_slope: slope of the leaky ReLU that feeds the layer; 0 (default) is ReLU.

    Returns:
        The scheme.

    Raises:
        GlorotError: if the mode is unknown or the slope not finite.

    Example:
        >>> round(he_uniform()(Fans(300, 100)).high, 4)
        0.1414

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equations 10 and 15.
    """
    return _he("he_uniform", mode, negative_slope, "uniform")


@scheme("kaiming_normal")
def he_normal(mode: str = "fan_in", negative_slope: float = 0.0) -> Rule:
    """He (Kaiming) initialisation, normal: makes up for the half of the signal that ReLU removes.

    W ~ N(0, σ²), σ = √(2/((1 + a²)·n)), n = fan_in or fan_out, a = negative_slope

    When to use:
        For layers fed by ReLU or leaky ReLU: E φ² = ½, so the weights carry twice the variance. The
        normal is not truncated, as in the paper and PyTorch; Keras and JAX truncate.

    Args:
        mode: "fan_in" (default) keeps the forward variance, "fan_out" the backward one, "fan_avg" between.
        negative_slope: slope of the leaky ReLU that feeds the layer; 0 (default) is ReLU.

    Returns:
        The scheme.

    Raises:
        GlorotError: if the mode is unknown or the slope not finite.

    Example:
        >>> round(he_normal()(Fans(300, 100)).std, 4)
        0.0816

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equations 10 and 15.
    """
    return _he("he_normal", mode, negative_slope, "normal")


@scheme()
def lecun_uniform() -> Rule:
    """LeCun initialisation, uniform: the forward signal keeps its variance.

    W ~ U(±√(3/fan_in)), Var(W) = 1/fan_in

    When to use:
        For SELU nets and wherever the forward signal alone counts. Caffe's "xavier" filler is this law.

    Returns:
        The scheme.

    Example:
        >>> round(lecun_uniform()(Fans(300, 100)).high, 4)
        0.1

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6.
    """
    return _scaled(1.0, "fan_in", "uniform")


@scheme()
def lecun_normal() -> Rule:
    """LeCun initialisation, normal: the forward signal keeps its variance.

    W ~ N(0, σ²), σ = √(1/fan_in)

    When to use:
        For SELU nets, whose fixed point supposes it, and for linear layers fed by a normalisation.

    Returns:
        The scheme.

    Example:
        >>> round(lecun_normal()(Fans(300, 100)).std, 4)
        0.0577

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6; Klambauer et al. (2017),
        "Self-Normalizing Neural Networks".
    """
    return _scaled(1.0, "fan_in", "normal")


@scheme()
def balanced(
    fed_by: str = "identity",
    distribution: str = "uniform",
    gains: tuple[float, float] | None = None,
    branches: int = 1,
) -> Rule:
    """Xavier's compromise for any activation: forward and backward variance weighed alike.

    Var(W) = 1/n · 2/(fan_in/g_f² + fan_out/g_b²), g_f² = 1/E φ², g_b² = 1/E φ′² of the activation that
    feeds the layer; for sigmoid both are 4, which restores its unit slope at 0.

    When to use:
        For every layer whose feeding activation is known; it is the law of the `auto` recipe. With
        the identity it is Xavier's own, with ReLU 4/(fan_in + fan_out).

    Args:
        fed_by: the activation that feeds the layer, "identity" by default.
        distribution: "uniform" (default), "normal" or "truncated_normal".
        gains: (g_f, g_b) of what feeds the layer, where that is no activation of the catalogue: a product, a
            shifted curve; None (default) takes those of `fed_by`.
        branches: n, of a kernel that ends one of n residual branches: n of them add the variance of one to their
            stream. 1 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if the activation or the distribution is unknown, a gain is not positive, or `branches` is not a
            whole number from 1 on.

    Example:
        >>> [round(scheme(Fans(300, 100)).high, 9) for scheme in (balanced(), xavier_uniform())]
        [0.122474487, 0.122474487]
        >>> round(balanced("relu")(Fans(300, 100)).std ** 2 * 400, 9)
        4.0
        >>> round((balanced(branches=24)(Fans(64, 64)).std / balanced()(Fans(64, 64)).std) ** 2 * 24, 9)
        1.0

    References:
        Glorot & Bengio (2010), equations 10 to 12; He et al. (2015), equations 10 and 14, for the gains; Radford et
        al. (2019), "Language Models are Unsupervised Multitask Learners", section 2.3, for the branches.
    """
    _check_choice("balanced", "distribution", distribution, DISTRIBUTIONS)
    if not isinstance(branches, int) or isinstance(branches, bool) or branches < 1:
        raise GlorotError(f"balanced: branches must be a whole number from 1 on, got {branches!r}")
    forward, backward = activation(fed_by).scale_gains() if gains is None else gains
    check_positive("balanced", forward=forward, backward=backward)

    def rule(fans: Fans, shape: tuple[int, ...], axes: str) -> Distribution:
        variance = 2 / (fans.fan_in / forward**2 + fans.fan_out / backward**2)
        return of_variance(variance if branches == 1 else variance / branches, distribution)

    return rule
