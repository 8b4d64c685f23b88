"""Networks for sequences that are written in every framework: recurrent layers, and a table that is the head as well."""

from typing import Any

import jax.numpy as jnp
import keras
import numpy as np
import torch
from flax import nnx
from torch import nn

WIDTH = 8
WORDS = np.random.default_rng(3).integers(0, 11, (2, 5)).astype(np.int32)

dense = keras.layers.Dense


def rngs() -> nnx.Rngs:
    return nnx.Rngs(0)


# ---- recurrent layers, whose gates lie in another order ----------------------------------------------------------------


class GruInTorch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(WIDTH, WIDTH, batch_first=True), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Any) -> Any:
        return self.head(self.rnn(x)[0])


def gru_in_keras() -> keras.Model:
    return keras.Sequential([keras.Input((5, WIDTH)), keras.layers.GRU(WIDTH, return_sequences=True), dense(WIDTH)])


def lstm_in_keras() -> keras.Model:
    lstm = keras.layers.LSTM(WIDTH, return_sequences=True)
    return keras.Sequential([keras.Input((5, WIDTH)), lstm])


class LstmInNnx(nnx.Module):
    """An LSTM of eight dense layers, one for each gate and source."""

    def __init__(self) -> None:
        self.rnn = nnx.RNN(nnx.LSTMCell(WIDTH, WIDTH, rngs=rngs()))

    def __call__(self, x: Any) -> Any:
        return self.rnn(x)


# ---- a table that is the head as well ----------------------------------------------------------------------------------


class TiedInTorch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(11, WIDTH), nn.Embedding(11, WIDTH)
        self.mix, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 11, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Any) -> Any:
        z = self.words(x) + self.places(torch.arange(x.shape[1]))
        return self.head(torch.tanh(self.mix(z)))


class TiedInNnx(nnx.Module):
    def __init__(self) -> None:
        self.positions, self.table = (nnx.Embed(11, WIDTH, rngs=rngs()) for _ in range(2))
        self.inner = nnx.Linear(WIDTH, WIDTH, rngs=rngs())

    def __call__(self, x: Any) -> Any:
        z = self.table(x) + self.positions(jnp.arange(x.shape[1]))
        return self.table.attend(jnp.tanh(self.inner(z)))


class TiedInKeras(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.where = keras.layers.Embedding(11, WIDTH)
        self.what = keras.layers.ReversibleEmbedding(11, WIDTH)
        self.inner = dense(WIDTH, activation="tanh")

    def call(self, x: Any) -> Any:
        z = self.what(x) + self.where(keras.ops.arange(x.shape[1]))
        return self.what(self.inner(z), reverse=True)


def tied_in_keras() -> keras.Model:
    model = TiedInKeras()
    model(WORDS)
    return model
