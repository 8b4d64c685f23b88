"""Layers that treat every number by itself: activations, powers and dropout."""

import math
from collections.abc import Callable, Sequence

from glorot.activations import ACTIVATIONS
from glorot.caffe.definition.layers import Layer
from glorot.caffe.kinds.base import Blob, Kind, Shapes, alike, blob
from glorot.caffe.kinds.lowering import Lowering
from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE


def _rectifier(layer: Layer) -> str:
    slope = layer.settings("relu_param").number("negative_slope", 0.0)
    return _named_with(layer, "leaky_relu", slope) if slope else "relu"


def _elu(layer: Layer) -> str:
    return _named_with(layer, "elu", layer.settings("elu_param").number("alpha", 1.0))


def _named_with(layer: Layer, name: str, value: float) -> str:
    try:
        return ACTIVATIONS.factory(name)(value).name
    except GlorotError as error:
        raise layer.error(str(error)) from error


def _prelu_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    at = layer.settings("prelu_param")
    layer.check(len(bottoms[0]) >= 2, 0, bottoms[0], "to have 2 axes or more")
    shape = () if at.flag("channel_shared") else (bottoms[0][1],)
    return [blob(layer, at, "filler", "o" * len(shape), shape, "slope", ELEMENTWISE, 0.25)]


def activated(activation: Callable[[Layer], str]) -> Kind:
    """Return the kind of a layer that computes an activation: one step of that name."""

    def lower(at: Lowering) -> Sequence[int]:
        return [at.map(activation(at.layer), at.bottom)]

    return Kind(alike, lower=lower)


def always(name: str) -> Callable[[Layer], str]:
    """Return the activation of a type of layer that has no settings."""
    return lambda layer: name


def _lower_prelu(at: Lowering) -> Sequence[int]:
    (slope,) = at.blobs
    return [at.map("leaky", at.bottom, at.spread(slope, 1, at.tops[0]))]


def _lower_dropout(at: Lowering) -> Sequence[int]:
    """Without `scale_train` all is scaled by 1 − ratio after training, which is what is left on average in training."""
    settings = at.layer.settings("dropout_param")
    is_on = at.is_training or settings.flag("sample_weights_test")
    kept = at.drop(at.bottom) if is_on else at.bottom
    return [kept if settings.flag("scale_train", True) else at.scale(kept, 1 - settings.number("dropout_ratio", 0.5))]


def _shift(at: Lowering, name: str) -> int:
    """Return shift + scale·x, which some layers take first."""
    settings = at.layer.settings(name)
    return at.shift(at.scale(at.bottom, settings.number("scale", 1.0)), settings.number("shift", 0.0))


def log_of_base(layer: Layer, name: str) -> float:
    """Return the natural logarithm of the base that a layer sets; -1, which is the default, stands for e.

    Raises:
        GlorotError: if a number is no base.
    """
    at = layer.settings(name)
    base = at.number("base", -1.0)
    if base == -1:
        return 1.0
    if not 0 < base < math.inf:
        raise layer.error(f"base must be a positive number, or -1 for e, got {base:g}", at, "base")
    return math.log(base)


def _lower_power(at: Lowering) -> Sequence[int]:
    power = at.layer.settings("power_param").number("power", 1.0)
    value = _shift(at, "power_param")
    return [value if power == 1 else at.map("pow", value, at.graph.number(power))]


def _lower_exp(at: Lowering) -> Sequence[int]:
    return [at.map("exp", at.scale(_shift(at, "exp_param"), log_of_base(at.layer, "exp_param")))]


def _lower_log(at: Lowering) -> Sequence[int]:
    divisor, value = log_of_base(at.layer, "log_param"), at.map("log", _shift(at, "log_param"))
    return [value if divisor == 1 else at.map("div", value, at.graph.number(divisor))]


def _lower_threshold(at: Lowering) -> Sequence[int]:
    threshold = at.layer.settings("threshold_param").number("threshold", 0.0)
    return [at.map("greater", at.bottom, at.graph.number(threshold))]


def _lower_swish(at: Lowering) -> Sequence[int]:
    beta = at.layer.settings("swish_param").number("beta", 1.0)
    return [at.map("mul", at.bottom, at.map("sigmoid", at.scale(at.bottom, beta)))]


def _lower_clip(at: Lowering) -> Sequence[int]:
    settings = at.layer.settings("clip_param")
    least, most = settings.number("min", -math.inf), settings.number("max", math.inf)
    return [at.map("clip", at.bottom, at.graph.number(least), at.graph.number(most))]


KINDS = {
    "ReLU": activated(_rectifier),
    "PReLU": Kind(alike, blobs=_prelu_blobs, lower=_lower_prelu),
    "ELU": activated(_elu),
    "TanH": activated(always("tanh")),
    "Sigmoid": activated(always("sigmoid")),
    "BNLL": activated(always("softplus")),
    "Dropout": Kind(alike, lower=_lower_dropout),
    "AbsVal": Kind(alike, lower=lambda at: [at.map("abs", at.bottom)]),
    "Power": Kind(alike, lower=_lower_power),
    "Exp": Kind(alike, lower=_lower_exp),
    "Log": Kind(alike, lower=_lower_log),
    "Threshold": Kind(alike, lower=_lower_threshold),
    "Swish": Kind(alike, lower=_lower_swish),
    "Clip": Kind(alike, lower=_lower_clip),
}
