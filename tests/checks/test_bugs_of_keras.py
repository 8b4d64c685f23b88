"""Bugs of initialisation in Keras models that checks name, each beside its healthy twin, on every backend."""

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

import glorot

# NumPy 2 complains of how Keras reads variables.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NUMBERS = np.random.default_rng(0)
layers = keras.layers
Pairs = list[tuple[str, tuple[str, ...]]]


def values(*shape: int) -> Any:
    return NUMBERS.normal(size=shape).astype("float32")


def found(report: Any) -> Pairs:
    return [(one.code, one.paths) for one in report.findings]


def turns(kind: str) -> list[Any]:
    if kind == "both ways":
        return [layers.Bidirectional(layers.GRU(8, return_sequences=True)), layers.LSTM(16)]
    return [getattr(layers, kind)(16)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_every_backend_says_the_same(backend: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    here = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-k", "not every_backend", __file__]
    done = subprocess.run(here, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "both ways"])
def test_a_gate_times_the_state_of_zeros_is_no_dead_unit(kind: str) -> None:
    keras.utils.set_random_seed(0)
    dense = layers.Dense(64, "relu")
    model = keras.Sequential([keras.Input((6, 8)), *turns(kind), dense, layers.Dense(3)])
    model = glorot.initialize(model, "auto", seed=0)
    x, y = values(16, 6, 8), np.arange(16) % 3
    assert found(glorot.check(model, x, y, select="GL405")) == []
    dense.bias.assign(np.full(64, -10.0))
    path = f"layers.{len(model.layers) - 2}.bias"
    assert found(glorot.check(model, x, y, select="GL405")) == [("GL405", (path,))]


class Two(keras.Model):  # type: ignore[misc]
    """Two layers, of which the second is called or not."""

    def __init__(self, calls: bool) -> None:
        super().__init__()
        self.first, self.second, self.calls = layers.Dense(8, "relu"), layers.Dense(8), calls

    def build(self, shape: Any) -> None:
        self.first.build(shape)
        self.second.build((None, 8))
        self.built = True

    def call(self, x: Any) -> Any:
        return self.second(self.first(x)) if self.calls else self.first(x)


@pytest.mark.parametrize("calls", [True, False])
def test_a_layer_that_nothing_calls_is_named(calls: bool) -> None:
    model = Two(calls)
    model.build((None, 8))
    report = glorot.check(model, values(16, 8), np.arange(16) % 8, select="GL107")
    assert found(report) == ([] if calls else [("GL107", ("second.kernel", "second.bias"))])


class Turned(keras.Model):  # type: ignore[misc]
    """Tables of cosines and sines that are not trained."""

    def __init__(self, table: Any) -> None:
        super().__init__()
        self.dense, self.table = layers.Dense(8), table

    def build(self, shape: Any) -> None:
        self.dense.build(shape)
        angles = np.outer(np.arange(6.0), 10000 ** (-np.arange(4) / 4))
        for name, function in (("cos", np.cos), ("sin", np.sin)):
            held = self.add_weight(shape=(6, 4), trainable=False, name=name)
            held.assign(function(angles) if self.table is None else np.full((6, 4), self.table))
            setattr(self, name, held)
        self.built = True

    def call(self, x: Any) -> Any:
        first, second = keras.ops.split(self.dense(x), 2, axis=-1)
        turned = [first * self.cos - second * self.sin, first * self.sin + second * self.cos]
        return keras.ops.concatenate(turned, -1)


@pytest.mark.parametrize(("table", "code"), [(3e29, "GL102"), (0.0, "GL104"), (None, "")])
def test_tables_that_are_not_trained_are_looked_at(table: float | None, code: str) -> None:
    model = Turned(table)
    model.build((None, 6, 8))
    report = glorot.check(model, values(4, 6, 8), select=["GL102", "GL104", "GL313"])
    assert found(report) == ([(code, ("cos", "sin"))] if code else [])


@pytest.mark.parametrize("is_drawn", [True, False])
def test_an_adapter_is_no_lost_gradient_and_named_where_it_changes_the_model(is_drawn: bool) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((32,)), *(layers.Dense(32, "relu") for _ in range(8)), layers.Dense(8)])
    model.layers[0].enable_lora(4)
    if is_drawn:
        model.layers[0].lora_kernel_b.assign(values(4, 32) / 10)
    pair = ("layers.0.lora_kernel_a", "layers.0.lora_kernel_b")
    expected = [("GL311", pair)] * is_drawn
    assert found(glorot.check(model)) == expected
    assert found(glorot.check(model, values(16, 32), select=["GL1", "GL3"])) == expected
    model.layers[2].kernel.trainable = False  # without an adapter it is lost
    assert found(glorot.check(model, select="GL111")) == [("GL111", ("layers.2.kernel",))]


def test_an_adapter_of_an_embedding_is_no_table_of_zeros() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,), dtype="int32"), layers.Embedding(64, 16), layers.Dense(8)])
    model.layers[0].enable_lora(4)
    assert found(glorot.check(model)) == []
    model.layers[0].lora_embeddings_b.assign(values(4, 16) / 10)
    pair = ("layers.0.lora_embeddings_a", "layers.0.lora_embeddings_b")
    assert found(glorot.check(model)) == [("GL311", pair)]


def test_a_loss_sees_what_the_model_returns() -> None:
    keras.utils.set_random_seed(0)
    at = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(at)
    model = keras.Model(at, {"kind": layers.Dense(3)(hidden), "many": [layers.Dense(1)(hidden), hidden]})
    targets = {"kind": np.arange(16) % 3, "size": values(16, 1)}

    def loss(returned: Any, given: Any) -> Any:
        first = keras.losses.sparse_categorical_crossentropy(given["kind"], returned["kind"], from_logits=True)
        return keras.ops.mean(first) + keras.ops.mean(keras.ops.square(returned["many"][0] - given["size"]))

    x = values(16, 8)
    report = glorot.check(model, x, targets, loss=loss, steps=2)
    here = {name: keras.ops.convert_to_tensor(one) for name, one in targets.items()}
    assert report.ok
    assert report.signal is not None
    assert report.signal.loss == pytest.approx(float(keras.ops.convert_to_numpy(loss(model(x), here))), rel=1e-4)


def test_an_outlier_is_named_by_where_it_is_stored() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(32)])
    kernel = np.array(keras.ops.convert_to_numpy(model.layers[0].kernel))
    kernel[60, 7] = -9
    model.layers[0].kernel.assign(kernel)
    (only,) = glorot.check(model, select="GL306").findings
    assert only.why == "has an element far outside the law of all others, at [60, 7]"


def two_headed() -> Any:
    keras.utils.set_random_seed(0)
    at = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(at)
    model = keras.Model(
        at, {"kind": layers.Dense(3, name="kind")(hidden), "size": layers.Dense(1, name="size")(hidden)}
    )
    kind = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", {"kind": kind, "size": "mse"})
    return model


def test_a_model_of_several_losses_is_checked_before_it_is_fitted(caplog: pytest.LogCaptureFixture) -> None:
    x, targets = values(32, 8), {"kind": np.arange(32) % 3, "size": values(32, 1)}
    hook = glorot.hooks.KerasCheck(x, targets, steps=2)
    two_headed().fit(x, targets, callbacks=[hook], verbose=0)
    assert hook.report.ok
    assert hook.report.signal is None
    assert "checked without a batch: it has several losses; pass loss=" in caplog.text
    broken = two_headed()
    broken.layers[1].kernel.assign(np.full((8, 16), np.nan))
    with pytest.raises(glorot.hooks.CheckError, match="GL101"):
        broken.fit(x, targets, callbacks=[hook], verbose=0)


def test_one_loss_of_several_outputs_that_is_given_is_used() -> None:
    x, targets = values(32, 8), {"kind": np.arange(32) % 3, "size": values(32, 1)}

    def loss(returned: Any, given: Any) -> Any:
        return keras.ops.mean(keras.ops.square(returned["size"] - given["size"]))

    hook = glorot.hooks.KerasCheck(x, targets, loss=loss, select="GL4")
    two_headed().fit(x, targets, callbacks=[hook], verbose=0)
    assert hook.report.signal.loss > 0
