"""The command line on models of Keras and JAX: the same plan files, and arrays as weights."""

import json
import sys
from pathlib import Path

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch

import glorot
from glorot.cli import main

TARGETS = """
import jax, jax.numpy as jnp, keras
from flax import linen, nnx

def in_keras():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])

def in_nnx():
    return nnx.Sequential(nnx.Linear(4, 8, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(8, 2, rngs=nnx.Rngs(0)))

def in_linen():
    module, batch = linen.Sequential([linen.Dense(8), linen.relu, linen.Dense(2)]), jnp.ones((3, 4))
    return (module, module.init(jax.random.key(0), batch)), batch

def as_linen_users_write():
    (module, params), batch = in_linen()
    return module, params, batch

def without_a_batch():
    return in_linen()[0]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(TARGETS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command in this process, where the frameworks are loaded already; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["glorot", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("target", "first"),
    [
        ("in_keras", "layers.0.kernel"),
        ("in_nnx", "layers.0.kernel"),
        ("in_linen", "layers_0.kernel"),
        ("as_linen_users_write", "layers_0.kernel"),
        ("without_a_batch", "layers_0.kernel"),
    ],
)
def test_a_plan_is_made_and_applied(place: Path, monkeypatch: pytest.MonkeyPatch, target: str, first: str):
    assert run(monkeypatch, "plan", f"nets.py:{target}", "--recipe", "xavier", "-o", "plan.json") == 0
    assert first in [entry["name"] for entry in json.loads((place / "plan.json").read_text())["entries"]]
    assert run(monkeypatch, "apply", "plan.json", f"nets.py:{target}", "--seed", "3", "-o", "w.npz") == 0
    expected = glorot.draw("xavier_uniform", (4, 8), seed=3, name=first)
    np.testing.assert_array_equal(np.load(place / "w.npz")[first], expected)


def test_a_state_dict_of_keras_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run(monkeypatch, "plan", "nets.py:in_keras", "-o", "plan.json")
    assert run(monkeypatch, "apply", "plan.json", "nets.py:in_keras", "--seed", "3", "-o", "w.pt") == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: w.pt: a state_dict is PyTorch's; save the weights of a Sequential as .npz"
    )
    assert not (place / "w.pt").exists()


def test_bfloat16_is_saved_as_float32():
    keras_model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype="bfloat16")])
    for arrays in (
        glorot.keras.arrays(glorot.initialize(keras_model, "xavier", seed=0)),
        glorot.jax.arrays(glorot.initialize({"w": jnp.zeros((4, 2), jnp.bfloat16)}, seed=0, axes={"w": "io"})),
        glorot.torch.arrays(glorot.initialize(torch.nn.Linear(4, 2, dtype=torch.bfloat16), seed=0)),
    ):
        assert {values.dtype.name for values in arrays.values()} == {"float32"}
        assert any(values.any() for values in arrays.values())
