"""What a Keras model says of its own starts: frozen layers stay, initializers of vectors are kept, statistics start again."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from keras_zoo import values_of

import glorot
from glorot.errors import GlorotError
from glorot.plans import Plan


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


class Counting(layers.Layer):
    """A layer with a table of positions, a count in two places, a list of caches and one that nothing names."""

    def __init__(self, count: keras.Variable) -> None:
        super().__init__()
        self.count, self.noise = count, layers.GaussianNoise(0.1)
        self.table = self.add_weight((3,), trainable=False, name="positions")
        self.caches = [self.add_weight((2,), trainable=False) for _ in range(2)]
        self.add_weight((2,), trainable=False)
        self.add_weight((2,), trainable=False, name="mask")

    def call(self, x: Any) -> Any:
        return self.noise(x + self.table)


def test_other_state_is_listed_once_and_left_alone(tmp_path: Path) -> None:
    count = keras.Variable(3, dtype="int32", trainable=False)
    model = keras.Sequential([
        keras.Input((3,)), layers.Normalization(), Counting(count), Counting(count), layers.Dense(3),
        layers.BatchNormalization(), layers.SpectralNormalization(layers.Dense(2)), layers.Dropout(0.5),
    ])  # fmt: skip
    model.compile("adam", "mse", metrics=["mae"])
    own = ["table", "caches.0", "caches.1", "state.4", "mask"]
    buffers = (
        *(f"layers.0.{name}" for name in ("adapt_mean", "adapt_variance", "count")),
        *("layers.1.count", *(f"layers.1.{name}" for name in own), *(f"layers.2.{name}" for name in own)),
        "layers.5.vector_u",
    )
    for inputs in (None, np.ones((4, 3))):
        plan = glorot.plan(model, "he", inputs=inputs)
        assert plan.buffers == buffers
    assert not {entry.name for entry in plan} & set(buffers)
    assert "layers.4.moving_mean" in {entry.name for entry in plan}
    assert Plan.load(plan.save(tmp_path / "plan.json")).buffers == buffers
    shown = next(line for line in plan.table(full=True).splitlines() if line.startswith("left alone, for they are"))
    assert shown == f"left alone, for they are buffers: {', '.join(buffers)}"
    before = [keras.ops.convert_to_numpy(one) for one in (count, model.layers[1].table, model.layers[5].vector_u)]
    glorot.apply(plan, model, seed=0)
    after = [keras.ops.convert_to_numpy(one) for one in (count, model.layers[1].table, model.layers[5].vector_u)]
    assert list(map(np.array_equal, before, after)) == [True] * 3


def test_what_a_frozen_norm_gathers_is_among_it() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    assert glorot.plan(model).buffers == ()
    model.layers[1].trainable = False
    assert glorot.plan(model).buffers == ("layers.1.moving_mean", "layers.1.moving_variance")


def test_a_weight_under_a_spectral_norm_is_planned_and_written_once() -> None:
    def model(wrap: Any) -> keras.Sequential:
        last = wrap(layers.Dense(2))
        return keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), last])

    normed, plain = model(layers.SpectralNormalization), model(lambda layer: layer)
    plan = glorot.plan(normed)
    entry = plan["layers.1.layer.kernel"]
    assert (entry.fed_by, entry.fans) == ("relu", glorot.plan(plain)["layers.1.kernel"].fans)
    assert entry.why.endswith("; divided by its largest singular value at every step of training")
    glorot.apply(plan, normed, seed=0)
    names = {f"layers.1.{end}": f"layers.1.layer.{end}" for end in ("kernel", "bias")}
    glorot.apply(plan, plain, seed=0, names=names)
    np.testing.assert_array_equal(normed.layers[1].layer.kernel.numpy(), plain.layers[1].kernel.numpy())
    normed(np.ones((1, 3)), training=True)
    largest = np.linalg.norm(normed.layers[1].layer.kernel.numpy(), 2)
    assert 0.8 < largest < 1.5
