"""Looking at an NNX model changes nothing: neither it nor the process."""

import itertools
import os
import pickle
import random
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

import glorot
from glorot import preserving
from glorot.errors import GlorotError
from glorot.jax import model as jax_model
from glorot.jax.models import running

BATCH = np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4)


class Holder:
    def __init__(self) -> None:
        self.count = 0


class Vice(nnx.Module):
    """A model that does something else first."""

    def __init__(self, act: Callable[["Vice", Any], Any]) -> None:
        self.rngs = nnx.Rngs(0, dropout=1)
        self.fc, self.norm = nnx.Linear(4, 4, rngs=self.rngs), nnx.BatchNorm(4, rngs=self.rngs)
        self.drop, self.out = nnx.Dropout(0.5, rngs=self.rngs), nnx.Linear(4, 3, rngs=self.rngs)
        self.steps, self.count, self.act = nnx.Variable(jax.numpy.zeros(())), 0, act
        self.seen, self.holder, self.numbers = [1], Holder(), itertools.count()
        self.generator = np.random.default_rng(1)

    def __call__(self, x: Any) -> Any:
        self.act(self, x)
        return self.out(self.drop(self.norm(self.fc(x))))


def write_environment(m: Vice, x: Any) -> None:
    os.environ["GLOROT_TEST_LOOKING"] = "yes"


def set_attributes(m: Vice, x: Any) -> None:
    m.cache, m.count = nnx.Variable(x), m.count + 1


def count(m: Vice, x: Any) -> None:
    global CALLS  # noqa: PLW0603 - this is what is tried
    CALLS += 1
    type(m).uses = CALLS


CALLS = 0


def fail(m: Vice, x: Any) -> None:
    random.random()
    raise KeyError("k")


VICES: dict[str, Callable[[Vice, Any], Any]] = {
    "batch norm and dropout": lambda m, x: None,
    "weights": lambda m, x: m.fc.kernel.set_value(m.fc.kernel.get_value() * 0),
    "variable": lambda m, x: m.steps.set_value(m.steps.get_value() + 1),
    "keys": lambda m, x: m.rngs.params(),
    "attributes": set_attributes,
    "list": lambda m, x: m.seen.append(2),
    "object": lambda m, x: setattr(m.holder, "count", 5),
    "iterator": lambda m, x: next(m.numbers),
    "generator": lambda m, x: m.generator.random(),
    "global and class": count,
    "layer": lambda m, x: setattr(m, "late", nnx.Linear(2, 2, rngs=nnx.Rngs(0))),
    "NumPy": lambda m, x: np.random.rand(),  # noqa: NPY002
    "Python": lambda m, x: random.random(),
    "errstate": lambda m, x: np.seterr(all="ignore"),
    "filters": lambda m, x: warnings.simplefilter("ignore"),
    "environment": write_environment,
    "precision": lambda m, x: jax.config.update("jax_default_matmul_precision", "float32"),
    "failure": fail,
}


def everything(model: Vice, x: np.ndarray[Any, Any]) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves(nnx.state(model))
    values = [
        np.asarray(jax.random.key_data(one) if jax.numpy.issubdtype(one.dtype, jax.dtypes.prng_key) else one)
        for one in leaves
    ]
    return {
        "variables": [(value.tobytes(), value.shape) for value in values],
        "attributes": {name: id(value) for one in (model, model.fc, model.drop) for name, value in vars(one).items()},
        "static": (list(model.seen), model.holder.count, repr(model.numbers), str(model.generator.bit_generator.state)),
        "code": (CALLS, vars(Vice).get("uses")),
        "batch": x.tobytes(),
        "random": (random.getstate(), pickle.dumps(np.random.get_state())),  # noqa: NPY002
        "process": (np.geterr(), list(warnings.filters), dict(os.environ)),
        "JAX": (jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision),
    }


@pytest.mark.parametrize("vice", VICES)
def test_looking_changes_nothing(vice: str) -> None:
    model, x = Vice(VICES[vice]), BATCH.copy()
    before = everything(model, x)
    if vice == "failure":
        with pytest.raises(GlorotError, match="the batch does not fit the model: KeyError: 'k'"):
            glorot.plan(model, "xavier", inputs=x)
    else:
        glorot.plan(model, "xavier", inputs=x)
    after = everything(model, x)
    assert {name for name in before if before[name] != after[name]} == set()


@pytest.mark.parametrize(
    ("owner", "name", "nothing", "vice", "expected"),
    [
        (preserving, "random_states_kept", nullcontext, "Python", "random"),
        (running, "SWITCHES", (), "precision", "JAX"),
        (jax_model, "_rest_kept", lambda *_: nullcontext(), "list", "static"),
    ],
)
def test_without_one_restore_the_change_is_seen(
    owner: Any, name: str, nothing: Any, vice: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, precision = Vice(VICES[vice]), jax.config.jax_default_matmul_precision
    before = everything(model, BATCH)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, nothing)
        glorot.plan(model, "xavier", inputs=BATCH)
    after = everything(model, BATCH)
    jax.config.update("jax_default_matmul_precision", precision)
    assert before[expected] != after[expected]
