"""The drop-in has the names and the arguments of jax.nn.initializers, and tells of them."""

import inspect
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from docstring_rules import problems
from glorot.jax import initializers

THEIRS = jax.nn.initializers
NAMES = sorted(name for name in vars(THEIRS) if not name.startswith("_"))
FUNCTIONS = [name for name in NAMES if name != "Initializer"]
FACTORIES = [name for name in FUNCTIONS if name not in ("zeros", "ones")]
ARGUMENTS: dict[str, tuple[Any, ...]] = {"constant": (0.3,), "variance_scaling": (1.0, "fan_in", "normal")}
ALIASES = {
    "glorot_uniform": "xavier_uniform",
    "glorot_normal": "xavier_normal",
    "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal",
}


def arguments(function: Any) -> list[tuple[Any, ...]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default, type(p.default)) for p in parameters]


def made(module: Any, name: str) -> Any:
    return getattr(module, name)(*ARGUMENTS.get(name, ()))


def test_every_public_name_is_there_and_no_other():
    assert initializers.__all__ == NAMES
    assert len(FUNCTIONS) == 19


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_are_those_of_jax(name: str):
    ours, theirs = getattr(initializers, name), getattr(THEIRS, name)
    assert ours is not theirs
    assert ours.__name__ == ALIASES.get(name, name)
    assert arguments(ours) == arguments(theirs)


@pytest.mark.parametrize("name", FACTORIES)
def test_what_is_built_is_called_as_in_jax(name: str):
    assert arguments(made(initializers, name)) == arguments(made(THEIRS, name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_built_is_an_initializer_of_jax(name: str):
    built = made(initializers, name) if name in FACTORIES else getattr(initializers, name)
    assert initializers.Initializer is THEIRS.Initializer
    assert isinstance(built, THEIRS.Initializer)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases(alias: str, name: str):
    assert getattr(initializers, alias) is getattr(initializers, name)


@pytest.mark.parametrize("name", [name for name in FACTORIES if name != "constant"])
def test_equal_arguments_make_equal_initializers(name: str):
    one, two = (made(initializers, name) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert repr(one) == repr(two)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != getattr(initializers, name)(*ARGUMENTS.get(name, ()), dtype=jnp.bfloat16)
    assert made(THEIRS, name) != made(THEIRS, name)  # what this improves upon


def test_other_arguments_make_other_initializers():
    built = {initializers.he_normal(), initializers.he_normal(-1, -2), initializers.he_uniform()}
    built |= {initializers.orthogonal(), initializers.orthogonal(2), initializers.delta_orthogonal()}
    built |= {initializers.normal(), initializers.normal(0.1), initializers.uniform(), initializers.truncated_normal()}
    assert len(built) == 10


def test_an_initializer_prints_its_law():
    assert repr(initializers.normal(0.5)) == "OneLaw(dtype=None, distribution=Normal(mean=0.0, std=0.5))"
    assert "scale=2.0, mode='fan_in', distribution='truncated_normal'" in repr(initializers.he_normal())


def test_docstrings_explain():
    assert {name: found for name in FUNCTIONS if (found := problems("function", getattr(initializers, name)))} == {}
    assert problems("function", THEIRS.uniform)  # the test can fail
