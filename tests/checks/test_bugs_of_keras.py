"""Bugs of initialisation in Keras models that checks name, each beside its healthy twin, on every backend."""

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
