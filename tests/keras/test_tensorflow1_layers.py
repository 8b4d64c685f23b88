"""The initializers of tf.contrib in layers of Keras: copied, pickled, saved."""

import copy
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

from glorot import keras as ours

pytest.importorskip("tensorflow")

COPIES = {
    "copied": copy.deepcopy,
    "pickled": lambda draw: pickle.loads(pickle.dumps(draw)),
    "cloned": lambda draw: draw.clone(),
    "serialized": lambda draw: keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(draw)),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("seed", [None, 3])
def test_they_are_copied_with_their_arguments(way, seed):
    draws = (
        ours.xavier_initializer(False, seed, "float64"),
        ours.variance_scaling_initializer(1.5, "FAN_OUT", seed=seed),
    )
    for draw in draws:
        again = COPIES[way](draw)
        assert again.get_config() == draw.get_config()
        assert repr(again) == repr(draw)
        first, other = again([30, 50]), draw([30, 50])
        assert first.dtype == other.dtype
        if seed is not None:
            assert np.array_equal(first, other)
        assert not np.array_equal(again([30, 50]), first)


def test_what_they_are_shows():
    assert repr(ours.xavier_initializer(seed=3)) == "xavier_initializer(uniform=True, seed=3, dtype='float32')"
    assert repr(ours.variance_scaling_initializer()) == (
        "variance_scaling_initializer(factor=2.0, mode='FAN_IN', uniform=False, seed=None, dtype='float32')"
    )
    config = keras.saving.serialize_keras_object(ours.xavier_initializer())
    assert config["registered_name"] == "glorot>ContribInitializer"


def test_they_serve_layers_that_copy_and_models_that_are_saved(tmp_path: Path):
    x = keras.Input((5, 4))
    y = keras.layers.MultiHeadAttention(2, 2, kernel_initializer=ours.xavier_initializer())(x, x)
    y = keras.layers.Bidirectional(keras.layers.LSTM(3, kernel_initializer=ours.xavier_initializer(seed=3)))(y)
    state = keras.random.SeedGenerator(3)
    y = keras.layers.Dense(2, kernel_initializer=ours.variance_scaling_initializer(seed=state))(y)
    model = keras.Model(x, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True))
    assert repr(loaded.layers[2].forward_layer.cell.kernel_initializer) == repr(ours.xavier_initializer(seed=3))
    query, key = model.layers[1].query_dense.kernel, model.layers[1].key_dense.kernel
    assert not np.array_equal(query, key)
    forward, backward = (way.cell.kernel for way in (model.layers[2].forward_layer, model.layers[2].backward_layer))
    assert np.array_equal(forward, backward)  # as docs/keras-initializers.md tells
