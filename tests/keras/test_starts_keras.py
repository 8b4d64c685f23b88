"""What a Keras model says of its own starts: frozen layers stay, initializers of vectors are kept, statistics start again."""

import keras
import numpy as np
import pytest
from keras import layers
from keras_zoo import values_of

import glorot
from glorot.errors import GlorotError


def small() -> keras.Sequential:
    return keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])


def test_moving_statistics_are_started_but_not_those_of_a_frozen_norm() -> None:
    for frozen in (False, True):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
        norm = model.layers[1]
        norm.moving_mean.assign(np.full(4, 7.0))
        norm.trainable = not frozen
        glorot.initialize(model, seed=0)
        assert np.unique(norm.moving_mean.numpy()).tolist() == [7.0 if frozen else 0.0]


def test_frozen_layers_are_left_alone_but_by_their_full_path() -> None:
    model = small()
    first = next(iter(values_of(model)))
    model.layers[0].trainable = False
    before = values_of(model)[first].copy()
    glorot.initialize(model, "random", seed=0)
    np.testing.assert_array_equal(values_of(model)[first], before)
    assert glorot.plan(model)[first].why == "left alone: frozen"
    glorot.initialize(model, "random", seed=0, rules=[(first, "constant(3)")])
    assert np.unique(values_of(model)[first]).tolist() == [3]
    model.trainable = False
    with pytest.raises(GlorotError, match=f"every parameter of the model is frozen, {first} and all others"):
        glorot.plan(model)


def test_initializers_of_vectors_are_kept_where_they_were_chosen() -> None:
    constant = keras.initializers.Constant
    model = keras.Sequential([
        keras.Input((4,)), layers.Dense(3, bias_initializer=constant(-4.0)), layers.PReLU(alpha_initializer=constant(0.1)),
        layers.BatchNormalization(gamma_initializer="zeros"), layers.Dense(2),
    ])  # fmt: skip
    plan = glorot.plan(model, "he")
    kept = {entry.name: entry.distribution.value for entry in plan if entry.why.startswith("its layer declares")}
    assert kept == {"layers.0.bias": -4.0, "layers.1.alpha": 0.1, "layers.2.gamma": 0.0}
    glorot.apply(plan, model, seed=0)
    assert np.unique(model.layers[0].bias.numpy()).tolist() == [-4.0]


def test_a_zero_kernel_is_told_of_before_it_is_overwritten() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer="zeros")])
    with pytest.warns(UserWarning, match=r"what may be meant: layers\.0\.kernel holds all 0; keep it with"):
        glorot.plan(model)
