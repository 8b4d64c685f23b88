"""Whole models: saved and loaded, and spread over devices."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from glorot import keras as ours

numbers = keras.ops.convert_to_numpy

EVERY = [
    (ours.XavierUniform, {"seed": 3, "name": "w"}),
    (ours.XavierNormal, {"input_axes": [0], "output_axes": [1]}),
    (ours.HeUniform, {"seed": 3}),
    (ours.HeNormal, {}),
    (ours.LecunUniform, {"name": "w"}),
    (ours.LecunNormal, {"seed": 2**32 - 1}),
    (ours.VarianceScaling, {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal", "seed": 1}),
    (ours.RandomUniform, {"minval": -0.25, "maxval": 0.5}),
    (ours.RandomNormal, {"mean": 1.0, "stddev": 0.5, "seed": 3}),
    (ours.TruncatedNormal, {"mean": 1.0, "stddev": 0.5}),
    (ours.Orthogonal, {"gain": 2.0}),
    (ours.Identity, {"gain": 2.0}),
    (ours.Constant, {"value": 0.5}),
    (ours.Zeros, {}),
    (ours.Ones, {}),
]


@pytest.mark.parametrize(("kind", "arguments"), EVERY)
def test_a_config_holds_every_argument(kind, arguments):
    draw = kind(**arguments)
    config = keras.saving.serialize_keras_object(draw)
    assert config["registered_name"] == f"glorot>{kind.__name__}"
    assert arguments.items() <= draw.get_config().items()
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is kind
    assert again.get_config() == draw.get_config() == draw.clone().get_config()


def test_a_generator_is_kept_in_the_config():
    state = keras.random.SeedGenerator(5)
    draw = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(ours.HeNormal(seed=state)))
    assert isinstance(draw.seed, keras.random.SeedGenerator)
    assert np.array_equal(numbers(draw((3, 4))), numbers(ours.HeNormal(seed=5)((3, 4))))


def test_keras_finds_the_initializers_by_their_registered_names():
    layer = keras.layers.Dense(3, kernel_initializer="glorot>HeNormal", bias_initializer="glorot>Zeros")
    assert isinstance(layer.kernel_initializer, ours.HeNormal)
    assert isinstance(layer.bias_initializer, ours.Zeros)


def a_model() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 3)),
            keras.layers.Conv1D(4, 3, kernel_initializer=ours.HeNormal(seed=1), bias_initializer=ours.Constant(0.1)),
            keras.layers.LSTM(5, kernel_initializer=ours.XavierUniform(), recurrent_initializer=ours.Orthogonal()),
            keras.layers.Dense(2, kernel_initializer=ours.XavierNormal(seed=2**40, name="head")),
        ]
    )


def test_a_model_is_saved_and_loaded(tmp_path: Path):
    model = a_model()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.ones((2, 8, 3), np.float32)
    assert np.array_equal(numbers(model(x)), numbers(loaded(x)))
    assert loaded.layers[-1].kernel_initializer.get_config() == model.layers[-1].kernel_initializer.get_config()
    rebuilt = keras.Sequential.from_config(loaded.get_config())
    assert np.array_equal(numbers(rebuilt.weights[0] * 1), numbers(model.weights[0] * 1))


def test_a_model_learns():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer=ours.XavierUniform())])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    losses = model.fit(x, x.sum(1), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


# spread over devices, in a process of its own

SPREAD = """
import jax, keras, numpy as np
import glorot.keras as ours
from keras.distribution import DeviceMesh, LayoutMap, ModelParallel, TensorLayout

same = lambda a, b: np.array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))
state = keras.random.SeedGenerator(1)
expected = [ours.XavierUniform(seed=1, name=name)((6, 8)) for name in ("w", "w#1")]
assert same(jax.jit(lambda: ours.XavierUniform(seed=1, name="w")((6, 8)))(), expected[0])
assert same(jax.jit(lambda: ours.XavierUniform(seed=state)((6, 8)))(), ours.XavierUniform(seed=1)((6, 8)))
mesh = DeviceMesh((2, 2), ("a", "b"), keras.distribution.list_devices())
layouts = LayoutMap(mesh)
layouts[".*kernel"] = TensorLayout(("a", "b"), mesh)
keras.distribution.set_distribution(ModelParallel(layout_map=layouts, batch_dim_name="a"))
draw = ours.XavierUniform(seed=1, name="w")
for whole in expected:
    layer = keras.layers.Dense(8, kernel_initializer=draw)
    layer.build((None, 6))
    assert same(layer.kernel, whole)
    assert {shard.data.shape for shard in layer.kernel.value.addressable_shards} == {(3, 4)}
layer = keras.layers.Dense(8, kernel_initializer=ours.HeNormal(seed=state), dtype="bfloat16")
layer.build((None, 6))
assert keras.ops.convert_to_numpy(state.state).tolist() == [1, 2]
assert layer.kernel.value.dtype == "bfloat16"
assert same(ours.Orthogonal(seed=1)((6, 8), layout=layouts["x/kernel"]), ours.Orthogonal(seed=1)((6, 8)))
print("spread")
"""


def test_jax_draws_on_each_device_what_it_holds():
    here = {"KERAS_BACKEND": "jax", "JAX_NUM_CPU_DEVICES": "4"}
    done = subprocess.run(
        [sys.executable, "-c", SPREAD], env={**os.environ, **here}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "spread\n", done.stderr
