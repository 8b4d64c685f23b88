"""Looking at a Keras model changes nothing: neither it nor the process, with two threads either."""

import itertools
import os
import pickle
import random
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.backend.common import global_state

import glorot
from glorot import preserving
from glorot.errors import GlorotError
from glorot.keras import preserve

BATCH = np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4)


class Holder:
    def __init__(self) -> None:
        self.count = 0


class Slotted:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Vice(keras.Model):
    """A model that does something else first."""

    def __init__(self, act: Callable[["Vice", Any], Any]) -> None:
        super().__init__()
        self.fc, self.norm, self.drop = layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)
        self.out, self.seeds = layers.Dense(3), keras.random.SeedGenerator(1)
        self.seen, self.holder, self.generator = [1], Holder(), np.random.default_rng(1)
        self.slotted, self.numbers = Slotted(), itertools.count()
        self.act = act

    def call(self, x: Any, training: bool | None = None) -> Any:
        self.act(self, x)
        return self.out(self.drop(self.norm(self.fc(x), training=True), training=True))


def write_environment(m: Vice, x: Any) -> None:
    os.environ["GLOROT_TEST_LOOKING"] = "yes"


def count(m: Vice, x: Any) -> None:
    global CALLS  # noqa: PLW0603 - this is what is tried
    CALLS += 1
    type(m).uses = CALLS


CALLS = 0


def fail(m: Vice, x: Any) -> None:
    m.cache, m.holder.count = x, 3
    random.random()
    raise KeyError("k")


VICES: dict[str, Callable[[Vice, Any], Any]] = {
    "batch norm and dropout": lambda m, x: None,
    "weights": lambda m, x: m.fc.kernel.assign(ops.zeros_like(m.fc.kernel)),
    "seed generator": lambda m, x: keras.random.normal((2,), seed=m.seeds),
    "a draw without a seed": lambda m, x: keras.random.normal((2,)),
    "iterations of an optimiser": lambda m, x: m.optimizer.iterations.assign_add(1),
    "an optimiser's rate": lambda m, x: setattr(m.optimizer, "learning_rate", 0.5),
    "cache": lambda m, x: setattr(m, "cache", x),
    "list": lambda m, x: m.seen.append(2),
    "object": lambda m, x: setattr(m.holder, "count", 5),
    "slots": lambda m, x: setattr(m.slotted, "count", 5),
    "iterator": lambda m, x: next(m.numbers),
    "global and class": count,
    "generator": lambda m, x: m.generator.random(),
    "layer": lambda m, x: setattr(m, "late", layers.Dense(2)),
    "trainable": lambda m, x: setattr(m.fc, "trainable", False),
    "NumPy": lambda m, x: np.random.rand(),  # noqa: NPY002
    "Python": lambda m, x: random.random(),
    "errstate": lambda m, x: np.seterr(all="ignore"),
    "filters": lambda m, x: warnings.simplefilter("ignore"),
    "environment": write_environment,
    "floatx": lambda m, x: keras.config.set_floatx("float64"),
    "policy": lambda m, x: keras.config.set_dtype_policy("mixed_bfloat16"),
    "failure": fail,
}
REFUSED = {"layer", "failure"}  # Keras itself takes no layers once a model is built


def build(vice: str) -> Vice:
    model = Vice(lambda m, x: None)
    model.compile("adam", "mse")
    model(BATCH)
    model.optimizer.build(model.trainable_variables)
    model.act = VICES[vice]
    return model


def everything(model: Vice, x: np.ndarray[Any, Any]) -> dict[str, Any]:
    every = [*model.variables, *model.optimizer.variables, model.seeds.state, model.drop.seed_generator.state]
    attributes = {name: id(value) for one in (model, *model.layers) for name, value in vars(one).items()}
    return {
        "variables": [(id(one), one.trainable, np.asarray(one).tobytes()) for one in every],
        "attributes": (attributes, list(model.seen), vars(model.holder).copy(), str(model.generator.bit_generator.state)),
        "state": (model.slotted.count, repr(model.numbers), CALLS, vars(Vice).get("uses")),
        "layers": [id(layer) for layer in model.layers],
        "batch": x.tobytes(),
        "random": (random.getstate(), pickle.dumps(np.random.get_state())),  # noqa: NPY002
        "process": (np.geterr(), list(warnings.filters), dict(os.environ)),
        "Keras": [keras.config.floatx(), *(global_state.get_global_attribute(name) for name in ("dtype_policy", "global_seed_generator"))],
    }  # fmt: skip


def look(model: Vice, x: np.ndarray[Any, Any]) -> str:
    try:
        glorot.plan(model, "xavier", inputs=x)
    except GlorotError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("vice", VICES)
def test_looking_changes_nothing(vice: str) -> None:
    model, x = build(vice), BATCH.copy()
    before = everything(model, x)
    said = look(model, x)
    after = everything(model, x)
    assert {name for name in before if before[name] != after[name]} == set()
    assert said.startswith("the batch does not fit the model: " if vice in REFUSED else "")
    assert bool(said) == (vice in REFUSED)


def test_two_threads_leave_the_process_as_it_was() -> None:
    models, ready = [build("NumPy"), build("environment")], threading.Barrier(2)
    before = [everything(model, BATCH) for model in models]
    said: list[str] = []

    def work(model: Vice) -> None:
        ready.wait()
        said.extend(look(model, BATCH) for _ in range(3))

    workers = [threading.Thread(target=work, args=(model,)) for model in models]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert said == [""] * 6
    after = [everything(model, BATCH) for model in models]
    assert {name for now, then in zip(after, before, strict=True) for name in now if now[name] != then[name]} == set()


@pytest.mark.parametrize(
    ("owner", "name", "nothing", "vice", "expected"),
    [
        (preserve, "remember", lambda *_, **__: lambda: None, "list", "attributes"),
        (preserve, "SWITCHES", (), "floatx", "Keras"),
        (preserving, "random_states_kept", nullcontext, "NumPy", "random"),
        (preserving, "environment_kept", nullcontext, "environment", "process"),
    ],
)
def test_without_one_restore_the_change_is_seen(
    owner: Any, name: str, nothing: Any, vice: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, floatx = build(vice), keras.config.floatx()
    before = everything(model, BATCH)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, nothing)
        look(model, BATCH)
    after = everything(model, BATCH)
    keras.config.set_floatx(floatx)
    assert before[expected] != after[expected]
