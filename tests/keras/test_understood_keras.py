"""What the graph of a Keras model shows of layers that glorot does not know, and of models that it cannot run."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.applications.convnext import LayerScale
from keras_zoo import traced
from test_inventory_keras import Named, Transposed, Turned

import glorot
from glorot.adapters import take_inventory as inventory
from glorot.fans import Fans


class Own(layers.Layer):
    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], 4))
        self.steps = self.add_weight(shape=(), trainable=False)

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.w)


def test_a_layer_of_the_users_own_is_understood_by_what_it_computes() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="relu"), Own()])
    entry, told = glorot.plan(model)["layers.1.w"], glorot.plan(model, axes={"layers.1.w": "io"})["layers.1.w"]
    assert (entry.axes, entry.shape, entry.fans, entry.role) == ("oi", (4, 3), Fans(3, 4), "kernel")
    assert (told.axes, told.shape, told.fans, told.role) == ("oi", (4, 3), Fans(3, 4), "kernel")
    assert entry.fed_by == "relu"


@pytest.mark.parametrize(("kind", "name"), [(Named, "table"), (Turned, "kernel"), (Transposed, "kernel")])
def test_a_subclass_that_stores_otherwise_is_understood_with_a_batch(kind: type, name: str) -> None:
    layer = kind(4)
    layer(np.ones((2, 3)))
    (part,) = inventory(layer, np.ones((2, 3))).parts
    assert (part.name, part.role, part.fans) == (name, "kernel", Fans(3, 4))


def test_a_scale_at_the_end_of_a_branch_stays_as_its_model_starts_it() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, x + LayerScale(1e-6, 3)(layers.Dense(3)(x)))
    assert glorot.plan(model)["layers.1.gamma"].role == "layer_scale"
    glorot.initialize(model, seed=0)
    assert keras.ops.convert_to_numpy(model.layers[2].gamma) == pytest.approx(1e-6)


class Coder(keras.Model):
    """A model without a call, as one that defines train_step may be."""

    def __init__(self) -> None:
        super().__init__()
        x = keras.Input((3,))
        left, right = layers.Dense(4, activation="relu")(x), layers.Dense(4)(x)
        out = layers.Dense(2)(layers.Concatenate()([left, layers.ReLU()(right)]))
        self.encoder = keras.Model(x, [out, layers.Dense(2)(layers.Add()([left, right]))])
        self.memory = keras.Sequential([keras.Input((6, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)])


def test_a_model_that_cannot_run_shows_the_graphs_that_it_holds() -> None:
    fed = {path: row[1] for path, row in traced(Coder()).items()}
    assert fed == {
        **dict.fromkeys(("encoder.layers.0", "encoder.layers.1"), "identity"),
        "encoder.layers.5": "relu",  # both of what is concatenated
        "encoder.layers.6": "identity",  # a sum
        **{f"memory.layers.0.{way}": "identity" for way in ("forward", "backward")},
        "memory.layers.1": "tanh",
    }
