"""InnerProduct and Embed."""

import math
from dataclasses import dataclass

from glorot import fans
from glorot.caffe.definition.layers import Layer, Shape, canonical
from glorot.caffe.kinds.base import Blob, Kind, Shapes, Signal, blob


@dataclass(frozen=True)
class Product:
    """How an InnerProduct multiplies: axes from `axis` on are taken as one, of `inputs` units."""

    axis: int
    inputs: int
    outputs: int
    is_transposed: bool
    has_bias: bool


def product_of(layer: Layer, bottom: Shape) -> Product:
    """Return how an InnerProduct treats what it reads."""
    at = layer.settings("inner_product_param")
    axis = canonical(layer, at.integer("axis", 1), len(bottom), at)
    outputs = at.integer("num_output", least=1)
    return Product(axis, math.prod(bottom[axis:]), outputs, at.flag("transpose"), at.flag("bias_term", True))


def _product_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    how = product_of(layer, bottoms[0])
    return [(*bottoms[0][: how.axis], how.outputs)]


def _product_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    how, at = product_of(layer, bottoms[0]), layer.settings("inner_product_param")
    counts = fans.dense(how.inputs, how.outputs)
    pattern, shape = ("i o", (how.inputs, how.outputs)) if how.is_transposed else ("o i", (how.outputs, how.inputs))
    found = [blob(layer, at, "weight_filler", pattern, shape, "kernel", counts)]
    if how.has_bias:
        found.append(blob(layer, at, "bias_filler", "o", (how.outputs,), "bias", counts))
    return found


def _embed_tops(layer: Layer, bottoms: Shapes) -> Shapes:
    return [(*bottoms[0], layer.settings("embed_param").integer("num_output", least=1))]


def _embed_blobs(layer: Layer, bottoms: Shapes) -> list[Blob]:
    at = layer.settings("embed_param")
    rows, outputs = at.integer("input_dim", least=1), at.integer("num_output", least=1)
    counts = fans.embedding(outputs)
    found = [blob(layer, at, "weight_filler", "b o", (rows, outputs), "embedding", counts)]
    if at.flag("bias_term", True):
        found.append(blob(layer, at, "bias_filler", "o", (outputs,), "bias", counts))
    return found


KINDS = {
    "InnerProduct": Kind(_product_tops, Signal.WEIGHED, blobs=_product_blobs),
    "Embed": Kind(_embed_tops, Signal.WEIGHED, blobs=_embed_blobs),
}
