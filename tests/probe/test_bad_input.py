"""What a batch, targets or a loss that does not fit gets: one message, in every framework; nothing is changed."""

import math
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch
from flax import linen, nnx
from same_mlp import VALUES, mlp_in_jax, mlp_in_torch, run

import glorot
from glorot.cli import main
from glorot.errors import GlorotError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

CLASSES = np.arange(6) % 3


def in_nnx() -> tuple[Any, dict[str, Any]]:
    rngs = nnx.Rngs(0)
    return nnx.Sequential(nnx.Linear(5, 7, rngs=rngs), jnp.tanh, nnx.Linear(7, 3, rngs=rngs)), {}


def in_linen() -> tuple[Any, dict[str, Any]]:
    module = linen.Sequential([linen.Dense(7), jnp.tanh, linen.Dense(3)])
    return (module, module.init(jax.random.key(0), VALUES)), {}


def in_equinox() -> tuple[Any, dict[str, Any]]:
    model = equinox.nn.MLP(5, 3, 7, 1, jnp.tanh, key=jax.random.key(0))
    return model, {"forward": lambda model, batch: jax.vmap(model)(batch)}


def in_keras() -> tuple[Any, dict[str, Any]]:
    layers = [keras.layers.Dense(7, "tanh"), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((5,)), *layers]), {}


MODELS: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "torch": lambda: (mlp_in_torch(), {}),
    "nnx": in_nnx,
    "linen": in_linen,
    "equinox": in_equinox,
    "keras": in_keras,
    "pytree": lambda: (mlp_in_jax(mlp_in_torch()), {"forward": run}),
}


def fails(outputs: Any, targets: Any) -> Any:
    raise KeyError("lr")


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no batch": ({"inputs": None}, r"^signals are measured on a batch, and there is none; pass one as inputs$"),
    "another width": ({"inputs": VALUES[:, :3]}, r"^(the batch does not fit the model: |these params are not)"),
    "NaN": ({"inputs": VALUES * np.nan}, r"^the batch of shape \(6, 5\) holds NaN or infinity; clean the data first$"),
    "texts": ({"inputs": np.array([["a"] * 5] * 6)}, r"^the batch is an array of dtype <U1; expected numbers$"),
    "a text": ({"inputs": "abc"}, r"^the batch holds no array or tensor: expected one, or a tuple or dict of them, got a"),
    "no examples": ({"inputs": VALUES[:0]}, r"^the batch of shape 0×5 holds no examples; pass one at least$"),
    "few targets": (
        {"targets": CLASSES[:5]},
        r"^targets of shape \(5,\) do not fit outputs of shape \(6, 3\): expected class numbers of shape \(6,\), or",
    ),
    "a class too many": ({"targets": CLASSES + 1}, r"^targets hold class number 3, and outputs of shape \(6, 3\) are of"),
    "a class below 0": ({"targets": CLASSES - 1}, r"^targets hold class number -1, and outputs of shape \(6, 3\) are"),
    "NaN in targets": ({"targets": np.full((6, 3), np.nan)}, r"^targets of shape \(6, 3\) hold NaN or infinity; clean"),
    "targets of text": ({"targets": "abc"}, r"^targets are a str; expected class numbers or values, as an array$"),
    "a loss of NaN": (
        {"targets": CLASSES, "loss": lambda y, _: y[0, 0] * math.nan},
        r"^the loss of this batch is nan; the values of every step are numbers, so that the loss itself makes it$",
    ),
    "a loss of infinity": ({"targets": CLASSES, "loss": lambda y, _: y[0, 0] ** 2 * math.inf}, r"^the loss of this batch is inf"),
    "a loss of each": (
        {"targets": CLASSES, "loss": lambda y, _: y[:, 0]},
        r"^loss must return one number as an? (tensor|array), got shape \(6,\); take its mean$",
    ),
    "a loss of text": ({"targets": CLASSES, "loss": lambda *_: "mse"}, r"^loss must return one number as an? \w+, got a str"),
    "a loss by name": ({"targets": CLASSES, "loss": "mse"}, r"^loss must be a function \(what the model returns, targets\)"),
    "a loss that fails": (
        {"targets": CLASSES, "loss": fails},
        r"^the loss failed on targets of shape \(6,\) and outputs of shape \(6, 3\) with KeyError: 'lr'$",
    ),
}  # fmt: skip


def held_by(model: Any) -> list[Any]:
    """Return what a model holds, and for PyTorch its mode, gradients and hooks."""
    if isinstance(model, keras.Model):
        every = [
            *model.variables,
            *(one.seed_generator.state for one in model.layers if hasattr(one, "seed_generator")),
        ]
        return [(id(one), one.trainable, keras.ops.convert_to_numpy(one).tobytes()) for one in every]
    if not isinstance(model, torch.nn.Module):
        tree = nnx.state(model) if isinstance(model, nnx.Module) else model
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array)]
    held: list[Any] = [(one.detach().numpy().tobytes(), one.grad, one.requires_grad) for one in model.parameters()]
    return held + [(one.training, list(one._forward_hooks)) for one in model.modules()]


def generators() -> list[Any]:
    """Return the state of the generators of the process."""
    return [torch.get_rng_state().tolist(), random.getstate(), pickle.dumps(np.random.get_state())]  # noqa: NPY002


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("framework", MODELS)
def test_bad_input_gets_one_message(framework: str, case: str) -> None:
    (model, more), (given, message) = MODELS[framework](), CASES[case]
    before, drawn = held_by(model), generators()
    with pytest.raises(GlorotError, match=message):
        glorot.measure(model, **{"inputs": VALUES, **given}, **more)
    assert held_by(model) == before
    assert generators() == drawn


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_is_so_in_keras_on_the_other_backends(backend: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"]
    done = subprocess.run([*command, "-k", "keras"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("case", ["another width", "NaN", "texts", "a text", "no examples"])
@pytest.mark.parametrize("framework", [name for name in MODELS if name not in ("equinox", "pytree")])
def test_a_batch_that_cannot_be_predicted_from_gets_one_message(framework: str, case: str) -> None:
    (model, _), (given, message) = MODELS[framework](), CASES[case]
    before, drawn = held_by(model), generators()
    with pytest.raises(GlorotError, match=message):
        glorot.predict(model, given["inputs"])
    assert held_by(model) == before
    assert generators() == drawn


@pytest.mark.parametrize("case", ["another width", "NaN", "texts", "a text", "no examples"])
@pytest.mark.parametrize("framework", [name for name in MODELS if name != "keras"])
def test_a_batch_that_has_no_jacobian_gets_one_message(framework: str, case: str) -> None:
    (model, more), (given, message) = MODELS[framework](), CASES[case]
    before, drawn = held_by(model), generators()
    with pytest.raises(GlorotError, match=message):
        glorot.jacobian(model, given["inputs"], **more)
    assert held_by(model) == before
    assert generators() == drawn


WITHOUT_KERNELS: dict[str, tuple[Callable[[], Any], str]] = {
    "torch": (torch.nn.Tanh, "^a Tanh has no layers with weights, so there is nothing to measure$"),
    "keras": (
        lambda: keras.Sequential([keras.Input((5,)), keras.layers.Activation("tanh")]),
        "^a Sequential has no layers with weights, so there is nothing to measure$",
    ),
    "nnx": (lambda: nnx.Sequential(jnp.tanh), r"^this Sequential is not built: it has no nnx\.Param; "),
    "equinox": (
        lambda: equinox.nn.Lambda(jnp.tanh),
        "^this Lambda has no parameters: none of its leaves is an array of",
    ),
}


@pytest.mark.parametrize("framework", WITHOUT_KERNELS)
def test_a_model_without_kernels_is_refused(framework: str) -> None:
    make, message = WITHOUT_KERNELS[framework]
    with pytest.raises(GlorotError, match=message):
        glorot.measure(make(), VALUES, **({"forward": run} if framework == "equinox" else {}))


NAMED = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, words):
        return self.layer(words["words"])

net = Net()
"""


def test_a_plan_without_a_graph_predicts_nothing_at_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nets.py").write_text(NAMED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["glorot", "plan", "nets.py:net", "--signal"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: the plan does not know what its model computes, as after it was loaded, or made")


def test_whole_numbers_and_other_dtypes_are_named() -> None:
    with pytest.raises(
        GlorotError, match=r"holds whole numbers \(int64\), and the layer takes float32; convert it, as by"
    ):
        glorot.measure(mlp_in_torch(), VALUES.astype(np.int64))


def test_a_batch_on_meta_is_no_batch_for_a_model_with_memory() -> None:
    with pytest.raises(
        GlorotError, match=r"^the batch of shape \(6, 5\) lies on meta and holds no values, and the model"
    ):
        glorot.measure(mlp_in_torch(), torch.empty(6, 5, device="meta"))


def test_the_first_step_without_numbers_is_named() -> None:
    model = mlp_in_torch()
    with torch.no_grad():
        model[2].weight[0, 0] = math.nan
    with pytest.raises(GlorotError, match=r"^the loss of this batch is nan; the first values that .* come from '2'$"):
        glorot.measure(model, VALUES, CLASSES)
