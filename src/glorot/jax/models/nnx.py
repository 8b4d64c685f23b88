"""Flax NNX models: what they hold as `nnx.Param`, or as a kind of it, are parameters; norms hold statistics besides."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jax

from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.inventory import Inventory
from glorot.jax.models.describing import Described, describe
from glorot.jax.models.flax_layers import keeps_statistics, kind_at
from glorot.jax.models.norming import with_norms
from glorot.jax.models.paths import check_filled, dotted, is_array, shapes_of
from glorot.jax.models.registration import in_order
from glorot.jax.models.running import prepared
from glorot.jax.models.tracing import graph_of, placed

framework = "flax.nnx"


def matches(model: object) -> bool:
    """Tell whether a model is an NNX module, or a class of them; Flax is not imported for that."""
    nnx = _nnx()
    return nnx is not None and (isinstance(model, nnx.Module) or _is_class(model, nnx.Module))


def _nnx() -> Any:
    return sys.modules.get("flax.nnx")


def _is_class(model: object, base: type) -> bool:
    return isinstance(model, type) and issubclass(model, base)


def leaves(model: Any) -> dict[str, Any]:
    """Return the values of parameters and running statistics by path, attributes in the order of the alphabet.

    Raises:
        GlorotError: if the model is a class, has no parameters, or one that is no array.
    """
    if isinstance(model, type):
        raise GlorotError(f"{model.__name__} is a class of NNX modules; pass an instance, {model.__name__}(…, rngs=…)")
    found = {path: variable.get_value() for path, variable in _started(model).items()}
    if not found:
        raise GlorotError(
            f"this {type(model).__name__} is not built: it has no nnx.Param; a bridge.ToNNX needs lazy_init on a batch"
        )
    for path, value in found.items():
        if not is_array(value):
            raise GlorotError(
                f"this {type(model).__name__} is not built: {path!r} is an nnx.Param that holds no array but a "
                f"{type(value).__name__}"
            )
    return found


def _started(model: Any) -> dict[str, Any]:
    """Return the variables that a start sets: parameters, and the statistics of norms that are trained."""
    nnx, items = _nnx(), list(_walk(model, "", ()))
    modules = {path: node for path, node in items if isinstance(node, nnx.Module)}

    def is_started(path: str, node: Any) -> bool:
        if isinstance(node, nnx.BatchStat) and keeps_statistics(path, modules):
            return not _is_frozen(modules[path.rpartition(".")[0]])
        return isinstance(node, nnx.Param)

    return {path: node for path, node in items if is_started(path, node)}


def _is_frozen(norm: Any) -> bool:
    """Tell whether a norm has weights, but in variables of another kind than those that are trained."""
    nnx = _nnx()
    own = [weight for weight in map(vars(norm).get, ("scale", "bias")) if isinstance(weight, nnx.Variable)]
    return bool(own) and not any(isinstance(weight, nnx.Param) for weight in own)


def _walk(node: Any, path: str, above: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Return everything inside a model with its path, attributes in the order of the alphabet.

    That is how NNX itself sorts them whenever it splits and merges a model, as `nnx.eval_shape` and `nnx.jit` do: the
    order of registration is gone then, and the first of several tied parameters has to stay the first. What stands
    in several places comes once for each; a module that holds one above it does not go around.
    """
    if any(node is other for other in above):
        return
    yield path, node
    if not isinstance(node, _nnx().Variable):
        for name, child in _children(node):
            yield from _walk(child, f"{path}.{name}".removeprefix("."), (*above, node))


def _children(node: Any) -> list[tuple[str, Any]]:
    if isinstance(node, _nnx().Pytree):
        if isinstance(node, _nnx().List):
            return [(str(n), child) for n, child in enumerate(node)]
        return [(name, child) for name, child in sorted(vars(node).items(), key=_name) if name[:9] != "_pytree__"]
    if isinstance(node, Mapping):
        return [(str(key), node[key]) for key in sorted(node, key=str)]
    if isinstance(node, list | tuple):
        return [(str(n), child) for n, child in enumerate(node)]
    return []


def _name(item: tuple[str, Any]) -> str:
    return item[0]


def tied(model: Any) -> dict[str, str]:
    """Return {path: the path of the first} of what is one and the same variable."""
    owners: dict[int, str] = {}
    firsts = {path: owners.setdefault(id(variable), path) for path, variable in _started(model).items()}
    return {path: first for path, first in firsts.items() if path != first}


def buffers(model: Any, started: Collection[str]) -> dict[str, Any]:
    """Return the other state by path: caches, counts, statistics that do not start, arrays without a variable.

    Generators (`nnx.RngState`) are left out: what they hold is no part of what a trained model computes.

    Args:
        model: the model.
        started: the paths of its parameters and of the statistics that start with them.
    """
    nnx, firsts = _nnx(), dict[int, tuple[str, Any]]()
    for path, node in _walk(model, "", ()):
        is_other = path not in started and not isinstance(node, nnx.RngState) and not _children(node)
        if is_other and any(map(is_array, jax.tree.leaves(_value(node)))):
            firsts.setdefault(id(node), (path, _value(node)))  # what stands in several places is listed once
    return dict(firsts.values())


def modules(model: Any, inputs: Any = None) -> dict[str, Any]:
    """Return the modules of a model by their paths, itself at ""."""
    return {path: node for path, node in _walk(model, "", ()) if isinstance(node, _nnx().Module)}


def described(model: Any, inputs: Any = None) -> dict[str, Described]:
    """Describe every parameter and running statistic by the module that owns it.

    Args:
        model: the model; it is not changed.
        inputs: a batch, whose graph will show the order of execution and the activations; without it no more is
            known than what an `nnx.Sequential` holds in a row.

    Raises:
        GlorotError: if the model is not built, or refuses the batch.
    """
    shapes, own = shapes_of(leaves(model)), modules(model)
    found = with_norms(describe(own, shapes, kind_at), own, shapes)
    return placed(found, in_order(list(_walk(model, "", ())), found, attributes=False)) if inputs is None else found


def graph(
    model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None, use: Callable[..., Any] = graph_of
) -> Any:
    """Return what a model computes of a batch.

    Args:
        model: the model; it is not changed.
        stock: what is known of its parameters.
        inputs: the batch, or its shapes.
        forward: function (model, batch) that runs it; by default it is called.
        use: what is made of the function that runs it and of the arrays that it takes: its graph by default.

    Raises:
        GlorotError: if the model refuses the batch.
    """
    nnx = _nnx()
    graph, state = nnx.split(model)
    flat = nnx.to_flat_state(state)
    batch, call = prepared(inputs, forward)

    def run(weights: list[Any], others: list[Any], batch: list[Any]) -> Any:
        values = {True: iter(weights), False: iter(others)}
        new = [(keys, _with_value(held, next(values[isinstance(held, nnx.Param)]))) for keys, held in flat]
        return call(nnx.merge(graph, nnx.from_flat_state(new)), batch)

    weights = {dotted(keys): _value(held) for keys, held in flat if isinstance(held, nnx.Param)}
    others = {dotted(keys): _value(held) for keys, held in flat if not isinstance(held, nnx.Param)}
    return use(run, stock, weights, others, batch)


def rebuilt(model: Any, values: Mapping[str, Any]) -> Any:
    """Return a model with parameters and running statistics replaced, which shares no variable with the one given.

    Args:
        model: the model; it is not changed.
        values: {path: its new value}; what is not there is kept, and what is tied goes with the first.

    Raises:
        GlorotError: if a variable that is no parameter, and is not replaced, has a shape but no values.
    """
    nnx = _nnx()
    graph, state = nnx.split(model)
    first, others, new = tied(model), {}, []
    for keys, variable in nnx.to_flat_state(state):
        path = dotted(keys)
        value = values.get(first.get(path, path), _value(variable))
        new.append((keys, _with_value(variable, value)))
        if not isinstance(variable, nnx.Param):
            others[path] = value
    way_out = "build the model inside nnx.jit instead of nnx.eval_shape, or fill that state first"
    check_filled(others, "the state", way_out)
    return nnx.merge(graph, nnx.from_flat_state(new))


def _value(variable: Any) -> Any:
    """Return what a variable holds; an array may as well stand in a model by itself."""
    return variable.get_value() if isinstance(variable, _nnx().Variable) else variable


def _with_value(variable: Any, value: Any) -> Any:
    """Return a variable of the same kind and metadata that holds a value."""
    return variable.replace(value) if isinstance(variable, _nnx().Variable) else value
