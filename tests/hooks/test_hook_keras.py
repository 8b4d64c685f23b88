"""The callback for Keras: what stops a training, what lets it go on, and that it changes no bit of it, by backend."""

import logging
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import glorot

keras = pytest.importorskip("keras")

# NumPy 2 complains of how Keras reads variables.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NUMBERS = np.random.default_rng(0)
X, Y = NUMBERS.normal(size=(128, 20)).astype("float32"), NUMBERS.integers(3, size=128)


def net(*, is_built: bool = True, **compiled: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            *([keras.Input((20,))] if is_built else []),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    model.compile("adam", **{"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compiled})
    return model


def trained(*callbacks: Any, is_built: bool) -> tuple[list[Any], dict[str, list[float]]]:
    model = net(is_built=is_built)
    history = model.fit(X, Y, epochs=2, callbacks=list(callbacks), verbose=0).history
    return [one.numpy() for one in model.variables], history


@pytest.mark.parametrize("is_built", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_training_stays_bit_for_bit(is_built: bool) -> None:
    hook = glorot.hooks.KerasCheck(X[:32], Y[:32])
    (plain, plain_losses), (checked, losses) = trained(is_built=is_built), trained(hook, is_built=is_built)
    assert losses == plain_losses
    assert all(np.array_equal(one, other) for one, other in zip(plain, checked, strict=True))
    assert hook.report.ok
    assert hook.report.signal.loss == pytest.approx(np.log(3), rel=0.5)  # that of probabilities, not of logits


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_every_backend_does_the_same(backend: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    here = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-k", "not every_backend", __file__]
    done = subprocess.run(here, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_an_error_ends_the_training_before_its_first_step() -> None:
    model = net()
    model.layers[0].bias.assign(np.full(32, np.nan))
    before = model.layers[-1].kernel.numpy()
    with pytest.raises(glorot.hooks.CheckError) as caught:
        model.fit(X, Y, callbacks=[glorot.hooks.KerasCheck()], verbose=0)
    assert str(caught.value).splitlines()[0] == "GL101 error: layers.0.bias: holds NaN in all of its 32 elements"
    assert np.array_equal(model.layers[-1].kernel.numpy(), before)


def test_without_a_batch_the_weights_alone_are_checked() -> None:
    hook = glorot.hooks.KerasCheck()
    net().fit(X, Y, callbacks=[hook], verbose=0)
    assert hook.report.ok
    assert hook.report.signal is None


@pytest.mark.parametrize(
    ("loss", "units", "targets"),
    [
        ("mse", 1, Y.astype("float32")),
        (keras.losses.BinaryCrossentropy(from_logits=True), 1, (Y > 0).astype("float32")),
        (keras.losses.CategoricalCrossentropy(from_logits=True), 3, np.eye(3, dtype="float32")[Y]),
        (lambda true, found: keras.ops.abs(true - found), 1, Y[:, None].astype("float32")),
    ],
    ids=["name", "object", "one-hot", "function"],
)
def test_the_loss_is_the_one_that_the_model_is_compiled_with(loss: Any, units: int, targets: Any) -> None:
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(units)])
    model.compile("sgd", loss=loss)
    expected = model.evaluate(X[:32], targets[:32], verbose=0)
    hook = glorot.hooks.KerasCheck(X[:32], targets[:32])
    model.fit(X, targets, callbacks=[hook], verbose=0)
    assert hook.report.signal.loss == pytest.approx(expected, rel=1e-5)


def test_a_training_that_goes_on_is_not_checked(caplog: pytest.LogCaptureFixture) -> None:
    model, hook = net(), glorot.hooks.KerasCheck(X[:32], Y[:32])
    model.fit(X, Y, verbose=0)
    with caplog.at_level(logging.INFO, "glorot"):
        model.fit(X, Y, callbacks=[hook], verbose=0)
    assert hook.report is None
    assert "the training goes on from step 4, so that its start was not checked" in caplog.text


def test_a_batch_that_does_not_fit_is_refused() -> None:
    with pytest.raises(glorot.GlorotError, match="the batch does not fit"):
        net().fit(X, Y, callbacks=[glorot.hooks.KerasCheck(X[:32, :5])], verbose=0)
