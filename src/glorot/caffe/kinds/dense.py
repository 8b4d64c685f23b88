"""InnerProduct and Embed."""

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass

from glorot import fans
from glorot.caffe.definition.layers import Layer, Shape, canonical
from glorot.caffe.kinds.base import Blob, Kind, Shapes, blob
from glorot.caffe.kinds.lowering import Lowering
from glorot.graph.operations import Contract, Take

LETTERS = "".join(letter for letter in string.ascii_letters if letter not in "io")
"""What the axes of a blob are called that a product leaves alone."""


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


def _lower_product(at: Lowering) -> Sequence[int]:
    how, shape = product_of(at.layer, at.shapes[0]), at.shapes[0]
    signal = at.reshape(at.bottom, (*shape[: how.axis], how.inputs))
    product = multiply(at, signal, at.blobs[0], is_transposed=how.is_transposed)
    return [at.apply_factors(product, how.axis, None, at.blobs[1] if how.has_bias else None)]


def multiply(at: Lowering, signal: int, weights: int, is_transposed: bool = False) -> int:
    """Multiply the last axis of a signal with weights, stored as (outputs, inputs) unless they are transposed."""
    *copies, _ = at.graph.shape(signal)
    outputs = at.graph.shape(weights)[1 if is_transposed else 0]
    axes = LETTERS[: len(copies)]
    stored = "io" if is_transposed else "oi"
    return at.step(Contract(f"{axes}i,{stored}->{axes}o"), signal, weights, shape=(*copies, outputs))


def _lower_embed(at: Lowering) -> Sequence[int]:
    rows, top = at.step(Take(0), at.blobs[0], at.bottom, shape=at.tops[0]), at.tops[0]
    return [at.apply_factors(rows, len(top) - 1, None, at.blobs[1] if len(at.blobs) > 1 else None)]


KINDS = {
    "InnerProduct": Kind(_product_tops, blobs=_product_blobs, lower=_lower_product),
    "Embed": Kind(_embed_tops, blobs=_embed_blobs, lower=_lower_embed),
}
