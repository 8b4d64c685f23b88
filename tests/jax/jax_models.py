"""What the tests of JAX models share: how a model of each kind is made and described."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from glorot.adapters import take_inventory as inventory
from glorot.inventory import Part
from glorot.inventory.layouts import place_in
from glorot.jax.models import Described, kind_of

KEY = jax.random.key(0, impl="rbg")  # compiles in a tenth of the time; its numbers do not matter here


def rngs() -> nnx.Rngs:
    return nnx.Rngs(KEY)


def linen(module: nn.Module, *inputs: Any) -> tuple[tuple[nn.Module, Any], Any]:
    return (module, jax.eval_shape(module.init, KEY, *inputs)), inputs


def described(model: Any, inputs: Any = None) -> dict[str, Described]:
    return kind_of(model).described(model, inputs)


def x(*shape: int) -> Any:
    return jnp.ones(shape)


def filled(shape: tuple[int, ...], written: Iterable[tuple[Part, Any]]) -> np.ndarray[Any, Any]:
    """Return a stored tensor with values written to where its parts lie, NaN everywhere else."""
    stored = np.full(shape, np.nan, np.float32)
    for part, values in written:
        place = place_in(stored, part.view)
        place[...] = np.reshape(values, place.shape)
    return stored


def seen(model: Any, inputs: Any = None) -> list[tuple[str, str, str]]:
    """Return (layer, what feeds it, what follows it) of every weight, in the order of execution."""
    layers = {path: known.layer for path, known in kind_of(model).described(model, inputs).items()}
    parts = [(layers[part.path], part) for part in inventory(model, inputs).parts]
    rows = {(p.depth, layer, p.fed_by, p.followed_by) for layer, p in parts if p.role in ("kernel", "embedding")}
    return [row[1:] for row in sorted(rows)]


class Inner(nnx.Module):
    def __init__(self) -> None:
        self.weights = nnx.data({"z": nnx.Param(jnp.ones(2)), "a": nnx.Param(jnp.ones(3))})
        self.scale = nnx.BatchStat(jnp.ones(2))


class Net(nnx.Module):
    """A module with ties and state, whose order of registration is not that of the alphabet."""

    def __init__(self) -> None:
        self.up = nnx.Linear(3, 3, rngs=rngs())
        self.layers = nnx.List([nnx.Linear(3, 3, use_bias=False, rngs=rngs()) for _ in range(11)])
        self.down = nnx.Linear(3, 3, rngs=rngs())
        self.down.kernel = self.up.kernel
        self.again = self.layers[0]
        self.inner = Inner()
        self.norm = nnx.BatchNorm(3, rngs=rngs())
        self.drop = nnx.Dropout(0.1, rngs=rngs())


class Tree(eqx.Module):
    parts: dict[str, Any]
    bn: eqx.nn.BatchNorm
    count: Any
    step: jax.Array
    last: eqx.nn.Linear

    def __init__(self) -> None:
        self.last = eqx.nn.Linear(3, 3, key=KEY)
        self.parts = {"b": [jnp.ones(3), jax.nn.relu, None], "a": eqx.nn.Linear(3, 3, key=KEY)}
        self.parts["a"] = eqx.tree_at(lambda layer: layer.weight, self.parts["a"], self.last.weight)
        self.bn = eqx.nn.BatchNorm(3, "batch", mode="batch")
        self.count = np.zeros(2, int)
        self.step = jnp.array(0)


def new_values(model: Any) -> dict[str, Any]:
    """Return different numbers for each leaf, none for those that are tied."""
    kind = kind_of(model)
    owners = {path: leaf for path, leaf in kind.leaves(model).items() if path not in kind.tied(model)}
    return {path: jnp.full(owners[path].shape, n + 100.0) for n, path in enumerate(sorted(owners))}


def check_filled(model: Any) -> Any:
    return kind_of(model).rebuilt(model, new_values(model))


class Boxed(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        init = nn.with_partitioning(nn.initializers.ones_init(), ("x", None))
        x = nn.Dense(3, kernel_init=nn.with_logical_partitioning(nn.initializers.ones_init(), ("in", "out")))(x)
        return nn.BatchNorm(use_running_average=False)(nn.Dense(2, kernel_init=init)(x))
