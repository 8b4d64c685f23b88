"""Equinox models: their inexact arrays are parameters, but for what their layers keep as state.

The running statistics of a BatchNorm lie in a separate `eqx.nn.State` once `eqx.nn.make_with_state` has made it. A
model that was made without holds what they start at, and that is started with it.
"""

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.inventory import Inventory
from glorot.jax.models.describing import Described, describe, kind_in
from glorot.jax.models.eqx_layers import COUNTERS, PACKAGES, kind_at
from glorot.jax.models.norming import with_norms
from glorot.jax.models.paths import by_path, check_filled, dotted, is_array, nodes, shapes_of
from glorot.jax.models.registration import in_order
from glorot.jax.models.running import prepared
from glorot.jax.models.tracing import graph_of, placed

framework = "equinox"


def matches(model: object) -> bool:
    """Tell whether a model is an Equinox module, or a class of them; Equinox is not imported for that."""
    equinox = sys.modules.get("equinox")
    return equinox is not None and isinstance(model, equinox.Module | type(equinox.Module))


def leaves(model: Any) -> dict[str, Any]:
    """Return the parameters by their path, in the order of registration, and then the running statistics.

    Raises:
        GlorotError: if the model is a class, or has no parameters.
    """
    if isinstance(model, type):
        raise GlorotError(f"{model.__name__} is a class of Equinox modules; pass an instance of it")
    found = {path: leaf for path, leaf in _arrays(model).items() if _is_parameter(leaf)}
    if not found:
        raise GlorotError(
            f"this {type(model).__name__} has no parameters: none of its leaves is an array of floating-point numbers"
        )
    return found | _statistics(model)


def _statistics(model: Any) -> dict[str, Any]:
    """Return the running statistics that the norms of a model hold, by their path."""
    norms = {path: node for path, node in nodes(model, _is_state()).items() if kind_in(node, ("BatchNorm",), PACKAGES)}
    held = {f"{path}.{name}.init": getattr(norm, name) for path, norm in norms.items() for name in COUNTERS}
    return {
        f"{path}.{n}".removeprefix("."): leaf
        for path, index in held.items()
        for n, leaf in enumerate(index.init if index is not None and isinstance(index.init, tuple) else ())
        if is_array(leaf)
    }


def _arrays(model: Any) -> dict[str, Any]:
    flat, _ = jax.tree_util.tree_flatten_with_path(model, is_leaf=_is_state())
    return by_path((dotted(keys), leaf) for keys, leaf in flat if is_array(leaf))


def _is_parameter(leaf: Any) -> bool:
    return is_array(leaf) and bool(jnp.issubdtype(leaf.dtype, jnp.inexact))


def _is_state() -> Callable[[Any], bool]:
    """Return what tells the state of layers, such as the running means of BatchNorm, from parameters."""
    kinds = sys.modules["equinox"].nn
    return lambda node: isinstance(node, kinds.StateIndex | kinds.State)


def tied(model: Any) -> dict[str, str]:
    """Return {path: the path of the first} of what is one and the same array; a mean and a variance never are."""
    owners: dict[tuple[int, str], str] = {}
    concrete = {path: leaf for path, leaf in leaves(model).items() if not isinstance(leaf, jax.ShapeDtypeStruct)}
    which = {path: path.rpartition(".")[2] for path in _statistics(model)}
    firsts = {path: owners.setdefault((id(leaf), which.get(path, "")), path) for path, leaf in concrete.items()}
    return {path: first for path, first in firsts.items() if path != first}


def buffers(model: Any, started: Collection[str]) -> dict[str, Any]:
    """Return the other arrays by their paths: integers, masks, and what layers hold as state.

    What counts the batches of running statistics that start is left out: it starts again with them.

    Args:
        model: the model.
        started: the paths of its parameters and running statistics.
    """
    known = {*started, *_counters(started)}
    held = {dotted(keys): leaf for keys, leaf in jax.tree_util.tree_flatten_with_path(model)[0] if is_array(leaf)}
    return {path: leaf for path, leaf in held.items() if path not in known}


def modules(model: Any, inputs: Any = None) -> dict[str, Any]:
    """Return the modules of a model by their paths, itself at ""."""
    base = sys.modules["equinox"].Module
    return {path: node for path, node in nodes(model, _is_state()).items() if isinstance(node, base)}


def described(model: Any, inputs: Any = None) -> dict[str, Described]:
    """Describe every parameter and running statistic by the module that owns it.

    Args:
        model: the model.
        inputs: what it is called with, or its shapes, which shows the order of execution and the activations;
            without it the order of registration is taken.

    Raises:
        GlorotError: if the model has no parameters, or refuses the inputs.
    """
    shapes, own, inside = shapes_of(leaves(model)), modules(model), nodes(model, _is_state())
    found = with_norms(describe(own, shapes, kind_at), own, shapes)
    return found if inputs is not None else placed(found, in_order(inside.items(), found))


def graph(
    model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None, use: Callable[..., Any] = graph_of
) -> Any:
    """Return what a model computes of what it is called with.

    Args:
        model: the model; it is not changed.
        stock: what is known of its parameters.
        inputs: what it is called with, or its shapes.
        forward: function (model, inputs) that runs it; by default it is called.
        use: what is made of the function that runs it and of the arrays that it takes: its graph by default.

    Raises:
        GlorotError: if the model refuses the inputs.
    """
    arrays = _arrays(model)
    own = [path for path in arrays if stock.parameter(path) is not None]
    others = [path for path in arrays if path not in own]
    batch, call = prepared(inputs, forward)

    def run(weights: list[Any], state: list[Any], batch: list[Any]) -> Any:
        return call(_with(model, dict(zip([*own, *others], [*weights, *state], strict=True))), batch)

    weights = {path: arrays[path] for path in own}
    try:
        return use(run, stock, weights, {path: arrays[path] for path in others}, batch)
    except GlorotError as error:
        hint = (
            "a BatchNorm in training knows its batch by that name: pass eqx.nn.inference_mode(model)"
            if "unbound axis name" in str(error)
            else "inputs are what an Equinox model is called with, mostly one example"
        )
        raise GlorotError(f"{error}; {hint}") from error


def _with(model: Any, values: Mapping[str, Any]) -> Any:
    """Return a model with some leaves replaced."""
    return jax.tree_util.tree_map_with_path(lambda keys, leaf: values.get(dotted(keys), leaf), model)


def rebuilt(model: Any, values: Mapping[str, Any]) -> Any:
    """Return the model with parameters and running statistics replaced; the one given is not changed.

    Args:
        model: the model.
        values: {path: its new value}; what is not there is kept, and what is tied goes with the first.

    Raises:
        GlorotError: if an array that is no parameter has a shape but no values.
    """
    first = tied(model)
    others = {path: leaf for path, leaf in _arrays(model).items() if not _is_parameter(leaf)}
    check_filled(
        others, "the array", "build the model inside jax.jit instead of eqx.filter_eval_shape, or fill it first"
    )
    new = {path: values[first.get(path, path)] for path in leaves(model) if first.get(path, path) in values}
    return _with(model, new | _counters(new))


def _counters(new: Collection[str]) -> dict[str, Any]:
    """Return the start of what counts the batches of running statistics, wherever these are replaced."""
    found: dict[str, Any] = {}
    for index, (counter, start) in COUNTERS.items():
        means = [path for path in new if path.endswith(f"{index}.init.0")]
        found |= {path.replace(f"{index}.init.0", f"{counter}.init"): jnp.array(start) for path in means}
    return found
