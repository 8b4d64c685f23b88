"""The laws of Caffe's fillers that no other family has."""

import math
from collections.abc import Callable

from glorot.distributions import Bilinear, Distribution, Normal, PositiveUnitball, SparseNormal, Uniform
from glorot.errors import GlorotError
from glorot.fans import Fans
from glorot.schemes.base import Rule, check_positive, scheme

VARIANCE_NORMS: dict[str, Callable[[Fans], float]] = {
    "FAN_IN": lambda fans: fans.fan_in,
    "FAN_OUT": lambda fans: fans.fan_out,
    "AVERAGE": lambda fans: (fans.fan_in + fans.fan_out) / 2,
}


def _norm(scheme_name: str, variance_norm: str) -> Callable[[Fans], float]:
    norm = VARIANCE_NORMS.get(variance_norm) if isinstance(variance_norm, str) else None
    if norm is None:
        known = ", ".join(VARIANCE_NORMS)
        raise GlorotError(f"{scheme_name}: variance_norm must be one of {known}, got {variance_norm!r}")
    return norm


@scheme()
def caffe_xavier(variance_norm: str = "FAN_IN") -> Rule:
    """Caffe's `xavier` filler: uniform, by default with the variance of LeCun's rule, not of Xavier's.

    W ~ U(±√(3/n)), Var(W) = 1/n, n = fan_in, fan_out or their mean

    Xavier's rule takes both fans, Var(W) = 2/(fan_in + fan_out): that is the AVERAGE here. With FAN_IN, which
    Caffe takes unless told otherwise, fan_out plays no part: a layer of 300 → 100 is drawn on ±.1000, by
    Xavier's rule on ±.1225.

    When to use:
        To start as a Caffe net did. For a new net take `xavier_uniform`, or `he_uniform` behind ReLU.

    Args:
        variance_norm: "FAN_IN" (default), "FAN_OUT" or "AVERAGE", in capitals as in Caffe.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `variance_norm` is none of the three.

    Example:
        >>> [round(caffe_xavier(norm)(Fans(300, 100)).high, 4) for norm in ("FAN_IN", "FAN_OUT", "AVERAGE")]
        [0.1, 0.1732, 0.1225]

    References:
        Jia et al. (2014), "Caffe: Convolutional Architecture for Fast Feature Embedding"; its `XavierFiller`.
        Glorot & Bengio (2010), equation 16, for the rule that it is named after.
    """
    norm = _norm("caffe_xavier", variance_norm)
    return lambda fans, shape, axes: Uniform.symmetric(math.sqrt(3 / norm(fans)))


@scheme()
def caffe_msra(variance_norm: str = "FAN_IN") -> Rule:
    """Caffe's `msra` filler: normal with the variance of He's rule.

    W ~ N(0, 2/n), n = fan_in, fan_out or their mean

    When to use:
        To start as a Caffe net did. With FAN_IN and FAN_OUT it is `he_normal` for ReLU; AVERAGE weighs forward
        and backward signal alike.

    Args:
        variance_norm: "FAN_IN" (default), "FAN_OUT" or "AVERAGE", in capitals as in Caffe.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `variance_norm` is none of the three.

    Example:
        >>> [round(caffe_msra(norm)(Fans(300, 100)).std, 4) for norm in ("FAN_IN", "FAN_OUT", "AVERAGE")]
        [0.0816, 0.1414, 0.1]

    References:
        He et al. (2015), "Delving Deep into Rectifiers", ICCV, equations 10 and 14; Caffe's `MSRAFiller`.
    """
    norm = _norm("caffe_msra", variance_norm)
    return lambda fans, shape, axes: Normal(0.0, math.sqrt(2 / norm(fans)))


@scheme(needs_fans=False)
def sparse_normal(std: float, density: float, mean: float = 0.0) -> Rule:
    """Normal weights of which only a share is kept, each by itself; the others are 0.

    W = B·Z, B ~ Bernoulli(density), Z ~ N(mean, std²); E W² = density·(std² + mean²)

    What is kept is not scaled up. Caffe's `gaussian` filler with `sparse: s` is this law of density
    s/shape[0], hence for a dense layer s weights for each input on average.

    When to use:
        Where a unit shall listen to a few inputs, whatever their number: with k = density·fan_in inputs
        kept, std = 1/√k makes its variance that of one input.

    Args:
        std: standard deviation of the weights that are kept, above 0.
        density: the share that is kept, from 0 to 1.
        mean: mean of the weights that are kept, 0 by default.

    Returns:
        The scheme.

    Raises:
        GlorotError: if `std` is not a positive number, or `density` does not lie between 0 and 1.

    Example:
        >>> law = sparse_normal(1.0, 0.1)(None)
        >>> round(law.std, 4)
        0.3162

    References:
        Martens (2010), "Deep learning via Hessian-free optimization", ICML, section 5; Caffe's `GaussianFiller`.
    """
    check_positive("sparse_normal", std=std)
    law = SparseNormal(mean, std, density)
    return lambda fans, shape, axes: law


@scheme(needs_fans=False)
def positive_unitball(each: str = "bo") -> Rule:
    """Positive weights that sum to 1 over the inputs of each output unit.

    W = U/Σ U, U ~ U(0, 1), one sum for each slice

    An output unit starts as an average of its inputs, which knows no difference of sign.

    When to use:
        To start as a Caffe net with a `positive_unitball` filler did, or where weights shall stand for shares. Not
        for deep nets: averages of averages come out all alike.

    Args:
        each: letters of the axes that tell the slices apart, "bo" by default: one slice for each group (b) and
            output (o), over inputs (i) and kernel (k). Caffe's deconvolution and transposed InnerProduct have
            "bi", a table of embeddings "b".

    Returns:
        The scheme.

    Raises:
        GlorotError: if `each` holds anything but letters of axes, or the weight has none.

    Example:
        >>> import glorot
        >>> glorot.draw("positive_unitball", (3, 2), seed=0).sum(axis=0).round(6).tolist()
        [1.0, 1.0]

    References:
        Jia et al. (2014), "Caffe: Convolutional Architecture for Fast Feature Embedding"; its `PositiveUnitballFiller`.
    """
    law = PositiveUnitball(each)

    def rule(fans: Fans, shape: tuple[int, ...], axes: str) -> Distribution:
        if shape and not axes:
            raise GlorotError(
                f"positive_unitball must know which axes are outputs and inputs, and those of shape {shape} have no "
                "letters; use a law of single elements, such as 'normal(std=0.02)'"
            )
        return law

    return rule


@scheme(needs_fans=False)
def bilinear() -> Rule:
    """The kernel of bilinear interpolation, for a transposed convolution that enlarges an image.

    W[…, x, y] = (1 - |x/f - c|)·(1 - |y/f - c|), f = ⌈w/2⌉, c = (w - 1)/(2f), in every slice

    When to use:
        For a transposed convolution of one channel a group, as in nets for segmentation: with stride s, kernel
        2s - s mod 2 and padding ⌈(s - 1)/2⌉ it enlarges each channel s times. Every slice is alike, so with more
        channels a group the output is a sum over all of them: there give it groups, or another scheme.

    Returns:
        The scheme. It refuses what is no square kernel of two axes.

    Example:
        >>> import glorot
        >>> glorot.draw("bilinear", (1, 1, 3, 3), seed=0, in_axis=1, out_axis=0)[0, 0].tolist()
        [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]

    References:
        Long, Shelhamer & Darrell (2015), "Fully Convolutional Networks for Semantic Segmentation", CVPR, section
        3.3; Caffe's `BilinearFiller`.

    Next:
        `glorot draw bilinear 1 1 4 4 --in-axis 1 --out-axis 0 --seed 0` draws such a kernel.
    """

    def rule(fans: Fans, shape: tuple[int, ...], axes: str) -> Distribution:
        sides = [size for size, letter in zip(shape, axes, strict=False) if letter == "k"]
        if len(sides) != 2 or sides[0] != sides[1]:
            raise GlorotError(
                "bilinear fills square kernels of two axes, as of an upsampling deconvolution; shape "
                f"{shape} has axes {axes!r}; use another scheme for it, such as 'xavier_uniform'"
            )
        return Bilinear()

    return rule
