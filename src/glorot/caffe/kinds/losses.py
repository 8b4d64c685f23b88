"""Losses and accuracy: what is held against labels."""

import math
from collections.abc import Sequence

from glorot.caffe.definition.layers import Layer, Shape, canonical
from glorot.caffe.kinds.base import Kind, Shapes
from glorot.caffe.kinds.combining import softmax_axis
from glorot.caffe.kinds.lowering import Lowering
from glorot.graph.operations import Opaque, Softmax
from glorot.text import shape_text


def _check_labels(layer: Layer, scores: Shape, labels: Shape, axis: int) -> None:
    """Raise unless there is a label for everything but the axis of classes."""
    expected = (*scores[:axis], *scores[axis + 1 :])
    fits = math.prod(labels) == math.prod(expected)
    layer.check(
        fits, 1, labels, f"to hold {math.prod(expected)} labels, those of {shape_text(scores)} without axis {axis}"
    )


def _softmax_loss_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    scores, labels = bottoms
    _check_labels(layer, scores, labels, softmax_axis(layer, scores))
    layer.check(labels[:1] == scores[:1], 1, labels, f"to begin with {shape_text(scores[:1])}, as the scores do")
    return [(), scores][: len(layer.tops)]


def _lower_softmax_loss(at: Lowering) -> Sequence[int]:
    scores, shape = at.bottom, at.shapes[0]
    shares = at.step(Softmax((softmax_axis(at.layer, shape),)), scores, shape=shape)
    return [at.step(Opaque(at.layer.kind), *at.bottoms, shape=()), shares][: len(at.tops)]


def accuracy_axis(layer: Layer, scores: Shape) -> int:
    """Return the axis of classes of an Accuracy layer."""
    at = layer.settings("accuracy_param")
    return canonical(layer, at.integer("axis", 1), len(scores), at)


def _accuracy_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    scores, at = bottoms[0], layer.settings("accuracy_param")
    axis = accuracy_axis(layer, scores)
    _check_labels(layer, scores, bottoms[1], axis)
    best = at.integer("top_k", 1, least=1)
    if best > scores[axis]:
        raise layer.error(f"top_k {best} goes beyond the {scores[axis]} classes", at, "top_k")
    return [(), (scores[axis],)][: len(layer.tops)]


def _pair_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    first, second = bottoms[0], bottoms[1]
    fits = first[:1] == second[:1] and math.prod(first) == math.prod(second)
    layer.check(fits, 1, second, f"to match {layer.bottoms[0]!r}, {shape_text(first)}")
    return [()]


def _number(layer: Layer, bottoms: Shapes) -> Shapes:
    return [()]


def loss_weights(layer: Layer) -> list[float]:
    """Return the share that each blob that a layer makes has in what is trained on."""
    return layer.message.numbers("loss_weight") or [1.0 if layer.kind.endswith("Loss") else 0.0]


def is_loss(layer: Layer) -> bool:
    """Tell whether what a layer makes is trained on."""
    return any(loss_weights(layer))


def judges(layer: Layer) -> bool:
    """Tell whether a layer judges what a net makes, or shows or hides it: a net computes the same without it."""
    return is_loss(layer) or layer.kind in ("Accuracy", "Silence", "Python")


KINDS = {
    "SoftmaxWithLoss": Kind(_softmax_loss_tops, reads=(2, 2), makes=(0, 2), lower=_lower_softmax_loss),
    "Accuracy": Kind(_accuracy_tops, reads=(2, 2), makes=(1, 2)),
    **dict.fromkeys(("EuclideanLoss", "SigmoidCrossEntropyLoss"), Kind(_pair_tops, reads=(2, 2), makes=(0, 1))),
    **dict.fromkeys(("HingeLoss", "MultinomialLogisticLoss"), Kind(_number, reads=(2, 2), makes=(0, 1))),
    "InfogainLoss": Kind(_number, reads=(2, 3), makes=(0, 1)),
    "ContrastiveLoss": Kind(_number, reads=(3, 3), makes=(0, 1)),
}
