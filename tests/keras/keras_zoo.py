"""The layers that the Keras adapter understands, one of each kind, and what the tests do with models."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from glorot.adapters import take_inventory as inventory
from glorot.inventory import Inventory
from glorot.keras.model import variables_of
from glorot.plans import Assignment, Plan, assignments, resolve
from glorot.recipes import as_recipe

Shape = tuple[int | None, ...]
Build = Callable[[], Any]
Rows = dict[str, tuple[int, str, str]]

LAYERS: dict[str, tuple[Build, Shape]] = {
    "Dense": (lambda: layers.Dense(4), (3,)),
    "Dense without bias": (lambda: layers.Dense(4, use_bias=False), (3,)),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de"), (5, 3)),
    "EinsumDense of experts": (lambda: layers.EinsumDense("abc,bcd->abd", (2, 4), bias_axes="bd"), (2, 3)),
    "EinsumDense of words": (lambda: layers.EinsumDense("...x,xy->...y", 4, bias_axes="y"), (5, 3)),
    "EinsumDense in the middle": (lambda: layers.EinsumDense("abc,bd->adc", (4, 5), bias_axes="d"), (3, 5)),
    "EinsumDense of outputs first": (lambda: layers.EinsumDense("abc,edc->abde", (None, 2, 4), bias_axes="e"), (5, 3)),
    "Conv1D": (lambda: layers.Conv1D(4, 3, strides=2), (9, 2)),
    "Conv2D": (lambda: layers.Conv2D(4, (3, 2)), (5, 6, 2)),
    "Conv2D of channels first": (lambda: layers.Conv2D(4, (3, 2), data_format="channels_first"), (2, 5, 6)),
    "Conv3D": (lambda: layers.Conv3D(4, (1, 2, 3)), (4, 4, 4, 2)),
    "Conv2D in groups": (lambda: layers.Conv2D(6, (3, 2), groups=2), (5, 6, 4)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(4, 3, strides=2), (5, 2)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(4, (3, 2)), (5, 6, 2)),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(4, (1, 2, 3)), (3, 3, 3, 2)),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(5, strides=2, depth_multiplier=2), (9, 3)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D((3, 2)), (5, 6, 3)),
    "DepthwiseConv2D of one channel": (lambda: layers.DepthwiseConv2D((3, 2), depth_multiplier=4), (5, 6, 1)),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(4, 3), (9, 2)),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(4, (3, 2), strides=2, depth_multiplier=3), (7, 7, 2)),
    "Embedding": (lambda: layers.Embedding(5, 3), (6,)),
    "ReversibleEmbedding": (lambda: layers.ReversibleEmbedding(5, 3, tie_weights=False), (6,)),
    "SimpleRNN": (lambda: layers.SimpleRNN(4), (6, 3)),
    "SimpleRNN of relu": (lambda: layers.SimpleRNN(4, activation="relu"), (6, 3)),
    "LSTM": (lambda: layers.LSTM(4), (6, 3)),
    "LSTM without bias": (lambda: layers.LSTM(4, use_bias=False), (6, 3)),
    "GRU": (lambda: layers.GRU(4), (6, 3)),
    "GRU that resets before": (lambda: layers.GRU(4, reset_after=False), (6, 3)),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(4)), (6, 3)),
    "RNN of a cell": (lambda: layers.RNN(layers.GRUCell(4)), (6, 3)),
    "RNN of stacked cells": (lambda: layers.RNN([layers.LSTMCell(4), layers.SimpleRNNCell(2)]), (6, 3)),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(4, 3, padding="same"), (6, 5, 2)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(4, (3, 2), strides=2), (6, 5, 6, 2)),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(4)), (6, 3)),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Conv1D(4, 3)), (9, 2)),
    "LayerNormalization": (lambda: layers.LayerNormalization(axis=(1, 2)), (2, 3)),
    "BatchNormalization": (layers.BatchNormalization, (5, 3)),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), (5, 4)),
    "RMSNormalization": (layers.RMSNormalization, (3,)),
    "PReLU": (lambda: layers.PReLU(shared_axes=[1]), (5, 3)),
    "Attention": (lambda: Attend(layers.Attention(use_scale=True, score_mode="concat")), (5, 3)),
    "AdditiveAttention": (lambda: Attend(layers.AdditiveAttention()), (5, 3)),
    "MultiHeadAttention": (lambda: Attend(layers.MultiHeadAttention(2, 4)), (5, 3)),
    "MultiHeadAttention of other widths": (lambda: Attend(layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=5)), (5, 3)),
    "GroupQueryAttention": (lambda: Attend(layers.GroupQueryAttention(4, 4, 2)), (5, 3)),
}  # fmt: skip


class Attend(layers.Layer):
    """Attention of a sequence to itself, as a layer of one input."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.attention = attention

    def build(self, shape: Shape) -> None:
        listed = isinstance(self.attention, layers.Attention)
        self.attention.build([shape, shape]) if listed else self.attention.build(shape, shape)

    def call(self, x: Any) -> Any:
        listed = isinstance(self.attention, layers.Attention)
        return self.attention([x, x]) if listed else self.attention(x, x)


def built(kind: str, dtype: Any = None) -> Any:
    """Return a layer of the zoo, built for an input of its own."""
    build, shape = LAYERS[kind]
    with_policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(dtype or with_policy)
        layer = build()
        layer.build((None, *shape))
    finally:
        keras.config.set_dtype_policy(with_policy)
    return layer


def planned(model: Any, recipe: str = "auto", inputs: Any = None, rules: Any = ()) -> Plan:
    return resolve(inventory(model, inputs), as_recipe(recipe), rules)


def assigned(model: Any, recipe: str, seed: int, rules: Any = ()) -> list[Assignment]:
    seen = inventory(model)
    return assignments(resolve(seen, as_recipe(recipe), rules), seen, seed)


def values_of(model: Any) -> dict[str, np.ndarray]:
    return {path: keras.ops.convert_to_numpy(variable).copy() for path, variable in variables_of(model).items()}


def poisoned(model: Any) -> Any:
    """Fill every weight with NaN, so that whatever is not written shows."""
    for variable in variables_of(model).values():
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    return model


def traced(model: Any, inputs: Any = None) -> Rows:
    """Return (depth, fed_by, followed_by) of every kernel and embedding, by its path without the variable."""
    found: Inventory = inventory(model, inputs)
    return {
        part.path.removesuffix(".kernel"): (part.depth, part.fed_by, part.followed_by)
        for part in found.parts
        if part.role in ("kernel", "embedding")
    }
