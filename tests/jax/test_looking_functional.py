"""Looking at a Linen or Equinox model changes nothing that its code can reach besides the arrays."""

import itertools
import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import glorot
from glorot.errors import GlorotError
from glorot.jax import model as jax_model

KEY, BATCH = jax.random.key(0), jnp.ones((2, 4))


class Notes:
    """What a model keeps besides its arrays."""

    def __init__(self) -> None:
        self.count, self.seen, self.numbers = 0, [1], itertools.count()
        self.generator, self.random, self.sums = np.random.default_rng(1), random.Random(1), np.zeros(3)

    def state(self) -> dict[str, Any]:
        return {
            "object": self.count,
            "list": list(self.seen),
            "iterator": repr(self.numbers),
            "generator": str(self.generator.bit_generator.state),
            "random": self.random.getstate(),
            "NumPy array": self.sums.tolist(),
            "global": CALLS,
            "class": dict(vars(Notes)),
        }


CALLS = 0


def count(notes: Notes) -> None:
    global CALLS  # noqa: PLW0603 - this is what is tried
    CALLS += 1


def fail(notes: Notes) -> None:
    notes.count += 1
    raise KeyError("k")


def add(notes: Notes) -> None:
    notes.sums += 1


VICES: dict[str, Callable[[Notes], Any]] = {
    "object": lambda notes: setattr(notes, "count", 5),
    "list": lambda notes: notes.seen.append(2),
    "iterator": lambda notes: next(notes.numbers),
    "generator": lambda notes: notes.generator.random(),
    "random": lambda notes: notes.random.random(),
    "NumPy array": add,
    "global": count,
    "class": lambda notes: setattr(type(notes), "uses", 1),
}


class LinenNet(linen.Module):
    """A net that does something else first."""

    act: Callable[[Notes], Any]
    notes: Notes

    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        self.act(self.notes)
        return linen.Dense(3)(linen.relu(linen.Dense(4)(x)))


class LinenSetup(linen.Module):
    """One whose layers are made in `setup`, where it does something else."""

    act: Callable[[Notes], Any]
    notes: Notes

    def setup(self) -> None:
        self.act(self.notes)
        self.fc = linen.Dense(3)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.fc(x)


class EqxNet(eqx.Module):
    """A net that does something else first."""

    fc: eqx.nn.Linear
    act: Callable[[Notes], Any] = eqx.field(static=True)
    notes: Notes = eqx.field(static=True)

    def __call__(self, x: jax.Array) -> jax.Array:
        self.act(self.notes)
        return self.fc(x)


def linen_model(kind: Any, act: Callable[[Notes], Any], notes: Notes) -> Any:
    return kind(act, notes), kind(lambda _: None, notes).init(KEY, BATCH)


MODELS: dict[str, tuple[Callable[[Callable[[Notes], Any], Notes], Any], Any]] = {
    "linen": (lambda act, notes: linen_model(LinenNet, act, notes), BATCH),
    "linen setup": (lambda act, notes: linen_model(LinenSetup, act, notes), BATCH),
    "linen setup without a batch": (lambda act, notes: linen_model(LinenSetup, act, notes), None),
    "equinox": (lambda act, notes: EqxNet(eqx.nn.Linear(4, 3, key=KEY), act, notes), BATCH[0]),
}


@pytest.mark.parametrize("vice", VICES)
@pytest.mark.parametrize("kind", MODELS)
def test_looking_changes_nothing(kind: str, vice: str) -> None:
    make, batch = MODELS[kind]
    notes = Notes()
    model, before = make(VICES[vice], notes), notes.state()
    glorot.plan(model, "xavier", inputs=batch)
    assert notes.state() == before


@pytest.mark.parametrize("kind", ["linen", "equinox"])
def test_nor_does_a_look_that_fails(kind: str) -> None:
    make, batch = MODELS[kind]
    notes = Notes()
    with pytest.raises(GlorotError, match="the batch does not fit the model: KeyError: 'k'"):
        glorot.plan(make(fail, notes), "xavier", inputs=batch)
    assert notes.count == 0


@pytest.mark.parametrize("vice", VICES)
@pytest.mark.parametrize("kind", MODELS)
def test_without_the_restore_the_change_is_seen(kind: str, vice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notes, "uses", 0, raising=False)  # which is taken away in the end
    make, batch = MODELS[kind]
    notes = Notes()
    model, before = make(VICES[vice], notes), notes.state()
    monkeypatch.setattr(jax_model, "_rest_kept", lambda *_: nullcontext())
    glorot.plan(model, "xavier", inputs=batch)
    after = notes.state()
    assert before[vice] != after[vice]


def test_parameters_in_numpy_arrays_are_not_copied_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[Any] = []
    remember = jax_model.remember

    def listening(objects: Any) -> Callable[[], None]:
        some = list(objects)
        copied.extend(one for one in some if isinstance(one, np.ndarray))
        return remember(some)

    monkeypatch.setattr(jax_model, "remember", listening)
    notes = Notes()
    module, params = linen_model(LinenNet, lambda _: None, notes)
    glorot.plan((module, jax.tree.map(np.asarray, params)), inputs=BATCH)
    assert {id(one) for one in copied} == {id(notes.sums)}
