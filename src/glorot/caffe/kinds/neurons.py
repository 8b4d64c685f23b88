"""Layers that treat every number by itself: activations, powers and dropout."""

from glorot.activations import ACTIVATIONS
from glorot.caffe.definition.layers import Layer
from glorot.caffe.kinds.base import Blob, Kind, Shapes, Signal, alike, blob
from glorot.errors import GlorotError
from glorot.fans import ELEMENTWISE


def _rectifier(layer: Layer) -> str:
    return _leaky(layer, layer.settings("relu_param").number("negative_slope", 0.0))


def _leaky(layer: Layer, slope: float) -> str:
    return _named_with(layer, "leaky_relu", slope) if slope else "relu"


def _elu(layer: Layer) -> str:
    return _named_with(layer, "elu", layer.settings("elu_param").number("alpha", 1.0))


def _prelu(layer: Layer) -> str:
    at = layer.settings("prelu_param")
    filler = at.message("filler")
    is_constant = at.has("filler") and filler.text("type", "constant") == "constant"
    return _leaky(layer, filler.number("value", 0.0) if is_constant else 0.25)


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


def _named(name: str) -> Kind:
    return Kind(alike, Signal.ACTIVATED, activation=lambda layer: name)


KINDS = {
    "ReLU": Kind(alike, Signal.ACTIVATED, activation=_rectifier),
    "PReLU": Kind(alike, Signal.ACTIVATED, blobs=_prelu_blobs, activation=_prelu),
    "ELU": Kind(alike, Signal.ACTIVATED, activation=_elu),
    "TanH": _named("tanh"),
    "Sigmoid": _named("sigmoid"),
    "BNLL": _named("softplus"),
    "Dropout": Kind(alike, Signal.MOVED),
    **dict.fromkeys(("AbsVal", "Power", "Exp", "Log", "Threshold", "Swish", "Clip"), Kind(alike)),
}
