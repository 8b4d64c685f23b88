"""An optimiser's first step in Keras, beside the weights: tried on copies, on every backend."""

import math
import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import glorot
from glorot.errors import GlorotError

VALUES = np.random.default_rng(1).standard_normal((6, 5)).astype("float32")
GOAL = np.arange(6) % 3
RATE = 0.1


def mlp() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5,)), layers.Dense(7, "tanh"), layers.Dense(3)])


def squares(array: Any) -> float:
    return math.sqrt(float(np.mean(np.asarray(array, np.float64) ** 2)))


def held_by(model: Any, optimizer: Any = None) -> list[Any]:
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else [])]
    return [(one.name, one.trainable, keras.ops.convert_to_numpy(one).tobytes()) for one in variables]


def kernels(model: Any) -> list[Any]:
    return [layer.get_weights()[0] for layer in model.layers]


def ratios(signal: Any) -> list[float]:
    return [signal.step(one).update_ratio for one in ("layers.0", "layers.1")]


def test_plain_descent_moves_weights_by_its_rate_times_the_gradient() -> None:
    model, optimizer = mlp(), keras.optimizers.SGD(RATE)
    optimizer.build(model.trainable_variables)
    before = held_by(model, optimizer)
    signal = glorot.measure(model, VALUES, GOAL, optimizer=optimizer)
    assert held_by(model, optimizer) == before
    gradients = [signal.step(one).weight_gradient_std for one in ("layers.0", "layers.1")]
    expected = [RATE * gradient / squares(one) for gradient, one in zip(gradients, kernels(model), strict=True)]
    assert ratios(signal) == pytest.approx(expected, rel=1e-4)
    assert math.isnan(signal.step("layers.0 → tanh").update_ratio)


def test_the_compiled_optimiser_after_training_is_tried_from_its_start() -> None:
    model = mlp()
    model.compile(keras.optimizers.Adam(0.001), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(VALUES, GOAL, epochs=2, verbose=0)
    before = held_by(model, model.optimizer)
    signal = glorot.measure(model, VALUES, GOAL, optimizer=model.optimizer)
    assert held_by(model, model.optimizer) == before
    assert int(model.optimizer.iterations) == 2
    assert ratios(signal) == pytest.approx([0.001 / squares(one) for one in kernels(model)], rel=2e-2)


OPTIONS: dict[str, Any] = {
    "decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.5),
    "schedule and momentum": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5), momentum=0.9, nesterov=True
    ),
    "clipping": lambda: keras.optimizers.SGD(RATE, global_clipnorm=0.01),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_the_ratio_is_that_of_a_real_first_step(options: str) -> None:
    model, optimizer = mlp(), OPTIONS[options]()
    model.layers[1].kernel.constraint = keras.constraints.MaxNorm(0.5)
    signal = glorot.measure(model, VALUES, GOAL, optimizer=optimizer)
    before = kernels(model)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.train_on_batch(VALUES, GOAL)
    expected = [squares(new - old) / squares(old) for new, old in zip(kernels(model), before, strict=True)]
    assert ratios(signal) == pytest.approx(expected, rel=1e-3)


def test_weights_that_are_not_decayed_stay_so() -> None:
    model, optimizer = mlp(), keras.optimizers.SGD(0.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[1].kernel])
    assert ratios(glorot.measure(model, VALUES, GOAL, optimizer=optimizer))[1] == 0
    named = keras.optimizers.SGD(1.0, weight_decay=0.5)
    named.exclude_from_weight_decay(var_names=["kernel"])
    plain = keras.optimizers.SGD(1.0)
    one, other = (ratios(glorot.measure(model, VALUES, GOAL, optimizer=one)) for one in (named, plain))
    assert one == pytest.approx(other)


def test_scaled_losses_and_gathered_gradients_make_the_step_of_the_plain_ones() -> None:
    model = mlp()
    plain = ratios(glorot.measure(model, VALUES, GOAL, optimizer=keras.optimizers.SGD(RATE)))
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(RATE))
    gathered = keras.optimizers.SGD(RATE, gradient_accumulation_steps=4)
    for optimizer in (scaled, gathered):
        assert ratios(glorot.measure(model, VALUES, GOAL, optimizer=optimizer)) == pytest.approx(plain)


def test_frozen_weights_have_no_update() -> None:
    model = mlp()
    model.layers[0].trainable = False
    first, second = ratios(glorot.measure(model, VALUES, GOAL, optimizer=keras.optimizers.SGD(RATE)))
    assert math.isnan(first)
    assert second > 0


def of_another_model() -> Any:
    optimizer = keras.optimizers.SGD(RATE)
    optimizer.build(mlp().trainable_variables)
    return optimizer


class Failing(keras.optimizers.SGD):
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        raise KeyError("lr")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "adam", r"^optimizer is an optimiser of Keras, as model\.optimizer after model\.compile, got a str$"),
        (of_another_model, r"^4 variables of the optimiser are not in the model; build it of model\.trainable_var"),
        (Failing, r"^the first step of the optimiser failed with KeyError: 'lr'$"),
    ],
)
def test_what_is_no_optimiser_of_the_model_is_refused(make: Any, message: str) -> None:
    model, optimizer = mlp(), make()
    before = held_by(model)
    with pytest.raises(GlorotError, match=message):
        glorot.measure(model, VALUES, GOAL, optimizer=optimizer)
    assert held_by(model) == before


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_of_it_holds_on_the_other_backends(backend: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
