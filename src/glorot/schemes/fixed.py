"""Schemes that ask nothing of the layer: constants and laws of a given width."""

from glorot.distributions import Constant, Normal, TruncatedNormal, Uniform
from glorot.schemes.base import Rule, check_positive, scheme


@scheme(needs_fans=False)
def zeros() -> Rule:
    """Every element 0.

    W = 0

    When to use:
        For biases, and for the last layer of a residual branch, whose block then starts as the
        identity. Never for all the weights: units that start alike receive the same gradient and
        stay alike, and with zero weights no gradient reaches the layers below at all.

    Returns:
        The scheme.

    Example:
        >>> zeros()(None)
        Constant(value=0.0)

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, section 8.4.
    """
    return lambda fans, shape, axes: Constant(0.0)


@scheme(needs_fans=False)
def ones() -> Rule:
    """Every element 1.

    W = 1

    When to use:
        For the scale of a normalisation layer, which then changes nothing at the start.

    Returns:
        The scheme.

    Example:
        >>> ones()(None)
        Constant(value=1.0)

    References:
        Ioffe & Szegedy (2015), "Batch Normalization", algorithm 1.
    """
    return lambda fans, shape, axes: Constant(1.0)


@scheme(needs_fans=False)
def constant(value: float) -> Rule:
    """Every element the same value.

    W = value

    When to use:
        For a bias with a purpose, such as 1 for the forget gate of an LSTM. As weights it leaves a
        layer with one distinct unit: all compute the same, receive the same gradient and never part.

    Args:
        value: the value.

    Returns:
        The scheme.

    Raises:
        GlorotError: if the value is not finite.

    Example:
        >>> constant(0.1)(None)
        Constant(value=0.1)

    References:
        Jozefowicz, Zaremba & Sutskever (2015), "An Empirical Exploration of Recurrent Network
        Architectures", section 4 (forget bias 1).
    """
    law = Constant(value)
    return lambda fans, shape, axes: law


@scheme(needs_fans=False)
def uniform(low: float, high: float) -> Rule:
    """Uniform between two bounds, whatever the layer.

    W ~ U[low, high], Var(W) = (high - low)²/12

    When to use:
        To reproduce a recipe that fixes its bounds, such as Keras' embeddings on ±0.05. A width that
        ignores the fans fits one size of layer only: see `xavier_uniform`.

    Args:
        low: lower bound.
        high: upper bound, above `low`.

    Returns:
        The scheme.

    Raises:
        GlorotError: if low ≥ high or a bound is not finite.

    Example:
        >>> uniform(-0.05, 0.05)(None)
        Uniform(low=-0.05, high=0.05)

    References:
        LeCun et al. (1998), "Efficient BackProp", section 4.6, on why the width should follow fan_in.
    """
    law = Uniform(low, high)
    return lambda fans, shape, axes: law


@scheme("gaussian", needs_fans=False)
def normal(std: float, mean: float = 0.0) -> Rule:
    """Normal with one standard deviation, whatever the layer.

    W ~ N(mean, std²)

    When to use:
        For embeddings (0.02 in GPT-2), tokens and other tables. As the law of every weight it suits
        one width of layer only: 0.01 starves a deep net of signal and gradient, 1 saturates it.

    Args:
        std: standard deviation, above 0.
        mean: mean, 0 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `std` is not a positive number.

    Example:
        >>> normal(0.02)(None)
        Normal(mean=0.0, std=0.02)

    References:
        Krizhevsky, Sutskever & Hinton (2012), "ImageNet Classification with Deep Convolutional Neural
        Networks", section 5 (std 0.01).
    """
    check_positive("normal", std=std)
    law = Normal(mean, std)
    return lambda fans, shape, axes: law


@scheme(needs_fans=False)
def truncated_normal(std: float, cut: float = 2.0) -> Rule:
    """Normal without its tails, with exactly the standard deviation asked for.

    W ~ N(0, σ²) cut to ±cut·σ, with σ = std/c so that the law drawn has standard deviation std;
    c = .8796 for a cut at 2σ.

    When to use:
        Where a rare large weight does harm: embeddings and projections of vision transformers, deep
        regression heads. `torch.nn.init.trunc_normal_` does not correct for the cut (its std=1, ±2
        gives .88), and takes its bounds as absolute numbers; this scheme corrects, and counts in σ.

    Args:
        std: standard deviation of the law drawn, above 0.
        cut: where the tails are cut, in σ of the normal before the cut; 2 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `std` or `cut` is not a positive number.

    Example:
        >>> law = truncated_normal(0.02)(None)
        >>> round(law.std, 12), round(law.high, 5)
        (0.02, 0.04547)

    References:
        Burkardt (2014), "The Truncated Normal Distribution", section 3.
    """
    check_positive("truncated_normal", std=std, cut=cut)
    sigma = std / TruncatedNormal(0.0, 1.0, -cut, cut).std
    law = TruncatedNormal(0.0, sigma, -cut * sigma, cut * sigma)
    return lambda fans, shape, axes: law
