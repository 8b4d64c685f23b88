"""Steps of training in Keras: on copies of the variables, on every backend."""

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

VALUES = np.random.default_rng(1).standard_normal((16, 5)).astype("float32")
GOAL = np.arange(16) % 3


def mlp() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5,)), layers.Dense(7, "tanh"), layers.Dropout(0.5), layers.Dense(3)])


def losses(model: Any, steps: int = 3, **more: Any) -> tuple[float, ...]:
    report = glorot.check(model, VALUES, GOAL, steps=steps, select="GL101", **more)
    assert report.steps is not None
    return report.steps


def held_by(*variables: Any) -> list[bytes]:
    return [keras.ops.convert_to_numpy(one).tobytes() for one in variables]


def by_hand(model: Any, steps: int, rate: float) -> list[float]:
    """Return the losses of plain descent, with the gradient by differences of the loss."""
    kernel, found = model.layers[-1].kernel, []
    for _ in range(steps + 1):
        found.append(glorot.measure(model, VALUES, GOAL).loss)
        outputs = keras.ops.convert_to_numpy(model(VALUES))
        hidden = keras.ops.convert_to_numpy(model.layers[0](VALUES))
        shares = np.exp(outputs - outputs.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        slope = (shares - np.eye(3)[GOAL]) / len(GOAL)
        kernel.assign(keras.ops.convert_to_numpy(kernel) - rate * hidden.T @ slope)
    return found


def test_the_losses_are_those_of_plain_descent() -> None:
    model = mlp()
    model.layers[0].trainable = False
    model.layers[-1].bias.trainable = False
    before = held_by(*model.variables)
    found = losses(model, optimizer=keras.optimizers.SGD(0.5))
    assert held_by(*model.variables) == before
    assert found == pytest.approx(by_hand(model, 3, 0.5), rel=1e-5)


def test_the_compiled_optimizer_steps_and_stays_as_it_was() -> None:
    model = mlp()
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(VALUES, GOAL, epochs=2, verbose=0)
    before = held_by(*model.variables, *model.optimizer.variables)
    found = losses(model, optimizer=model.optimizer)
    assert found[-1] < found[0]
    assert held_by(*model.variables, *model.optimizer.variables) == before


def test_what_is_refused() -> None:
    model = mlp()
    with pytest.raises(GlorotError, match="optimizer is an optimiser of Keras, as model.optimizer after model.compile"):
        losses(model, optimizer="adam")
    model.trainable = False
    with pytest.raises(GlorotError, match="no variable of the model is trained, so no step can be taken"):
        losses(model)


PROGRAM = """
import keras, numpy as np
from keras import layers
import glorot
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((5,)), layers.Dense(7, "tanh"), layers.BatchNormalization(), layers.Dense(3)])
model.set_weights([np.linspace(-0.5, 0.5, one.size, dtype="float32").reshape(one.shape) ** 2 + 0.1
                   for one in model.get_weights()])
before = [one.tobytes() for one in model.get_weights()]
x = np.random.default_rng(1).standard_normal((16, 5)).astype("float32")
print(*glorot.check(model, x, np.arange(16) % 3, steps=3, select="GL101").steps)
assert before == [one.tobytes() for one in model.get_weights()]
"""


@pytest.mark.slow
def test_the_losses_are_the_same_on_every_backend() -> None:
    found = []
    for backend in ("tensorflow", "jax", "torch"):
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found.append([float(one) for one in done.stdout.split()])
    assert found[0][-1] < found[0][0]
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    assert found[2] == pytest.approx(found[0], rel=1e-4)
