"""Flax Linen models: a pair (module, params), where params may stand among other variables under "params"."""

import functools
import itertools
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jax

from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.inventory import Inventory
from glorot.jax.models.describing import STATISTICS, Described, describe
from glorot.jax.models.flax_layers import keeps_statistics, kind_at
from glorot.jax.models.norming import with_norms
from glorot.jax.models.paths import by_path, check_filled, dotted, is_array, shapes_of
from glorot.jax.models.registration import in_order
from glorot.jax.models.running import call_abstractly, prepared
from glorot.jax.models.stacks import Views
from glorot.jax.models.tracing import graph_of, placed
from glorot.text import shape_text

framework = "flax.linen"

ASK = (
    "Linen modules make their layers while they run: give inputs=, a batch as for init "
    "(glorot.plan(..., inputs=batch), glorot.apply(..., inputs=batch))"
)


def matches(model: object) -> bool:
    """Tell whether a model is a Linen module with its params, or without; Flax is not imported for that."""
    linen = sys.modules.get("flax.linen")
    module = model[0] if isinstance(model, tuple) and len(model) == 2 else model
    return linen is not None and (
        isinstance(module, linen.Module) or (isinstance(module, type) and issubclass(module, linen.Module))
    )


def _taken_apart(model: Any) -> tuple[Any, Any, Mapping[Any, Any]]:
    """Return the module, what stands beside it, and the params in that.

    Raises:
        GlorotError: if there is a class instead of a module, or no params.
    """
    module, given = model if isinstance(model, tuple) else (model, None)
    name = module.__name__ if isinstance(module, type) else type(module).__name__
    if isinstance(module, type):
        raise GlorotError(f"{name} is a class of Linen modules; pass (module, params) with an instance, {name}(…)")
    if not isinstance(given, Mapping):
        what = "it stands alone" if given is None else f"beside it stands a {type(given).__name__}"
        source = "state.params" if hasattr(given, "params") else "module.init(key, batch)"
        raise GlorotError(
            f"the Linen module {name} keeps no params of its own, and {what}: pass (module, params), with "
            f"params = {source}"
        )
    return module, given, given["params"] if _has_collections(given) else given


def _has_collections(given: Mapping[Any, Any]) -> bool:
    """Tell whether a mapping holds collections of variables, and not params themselves."""
    return isinstance(given.get("params"), Mapping)


def leaves(model: Any) -> dict[str, Any]:
    """Return the params by their path, in the order in which the module made them, and what may be running statistics.

    Boxes are opened.

    Raises:
        GlorotError: if the params are missing or empty, or one of them is no array.
    """
    params = _params(model)
    return params | _statistics(model, params)


def _params(model: Any) -> dict[str, Any]:
    module, _, params = _taken_apart(model)
    found = by_path(_walk(params, ""))
    if not found:
        raise GlorotError(f"the params of {type(module).__name__} are empty; make them with module.init(key, batch)")
    for path, leaf in found.items():
        if not is_array(leaf):
            raise GlorotError(f"the params hold no array at {path!r} but a {type(leaf).__name__}")
    return found


def _statistics(model: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands beside the params and has the names of running statistics, by its path."""
    given = _taken_apart(model)[1]
    found = by_path(_walk(given.get("batch_stats", {}), "")) if _has_collections(given) else {}
    named = {path: leaf for path, leaf in found.items() if path.rpartition(".")[2] in STATISTICS and is_array(leaf)}
    return {path: leaf for path, leaf in named.items() if path not in params}


def _walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, child in node.items():
            yield from _walk(child, f"{path}.{key}".removeprefix("."))
    else:
        for keys, leaf in jax.tree_util.tree_flatten_with_path(node, is_leaf=_is_box)[0]:
            yield dotted((path, *keys)), _opened(leaf)


def _is_box(node: Any) -> bool:
    return isinstance(node, sys.modules["flax.core.meta"].AxisMetadata)


def _opened(leaf: Any) -> Any:
    """Return what a box such as `nn.Partitioned` holds, without the sharding constraint that unboxing adds."""
    return next(iter(jax.tree_util.tree_leaves(leaf)), None) if _is_box(leaf) else leaf


def tied(_model: Any) -> dict[str, str]:
    """Return {}: a Linen module that is called twice has its params once."""
    return {}


def buffers(model: Any, started: Collection[str]) -> dict[str, Any]:
    """Return the variables beside the params that no recipe starts, by path, the collection first; {} for bare params.

    Args:
        model: (module, params).
        started: the paths of the params and of the running statistics.
    """
    given = _taken_apart(model)[1]
    if not _has_collections(given):
        return {}
    gathered = {f"batch_stats.{path}" for path in _statistics(model, _params(model)) if path in started}
    beside = _walk({key: value for key, value in given.items() if key != "params"}, "")
    return {path: leaf for path, leaf in beside if is_array(leaf) and path not in gathered}


def modules(model: Any, inputs: Any = None) -> dict[str, Any]:
    """Return the modules of a model by their paths, itself at "", as `described` finds them."""
    module, _, params = _taken_apart(model)
    if inputs is not None:
        return modules_made(module, inputs)[0]
    return {path: node for path, node in _from_setup(module, params) if isinstance(node, _base())}


def described(model: Any, inputs: Any = None) -> dict[str, Described]:
    """Describe every param and running statistic by its module, as a forward pass in shapes alone makes them.

    Args:
        model: (module, params).
        inputs: a batch as for `init`, or its shapes; a module that makes its layers in setup() needs none.

    Raises:
        GlorotError: if the batch is missing or does not fit, or the params belong to another module.
    """
    module, _, params = _taken_apart(model)
    own = _params(model)
    shapes, others = shapes_of(own), shapes_of(_statistics(model, own))

    def gathered(modules: Mapping[str, Any]) -> dict[str, Any]:
        return {path: shape for path, shape in others.items() if keeps_statistics(path, modules)}

    if inputs is not None:
        modules, made, views = modules_made(module, inputs)
        _check_belong(type(module).__name__, shapes, shapes_of(made))
        found = describe(modules, shapes | gathered(modules), kind_at, views.stacks(shapes))
        return with_norms(found, modules, shapes)
    items = list(_from_setup(module, params))
    modules = {path: node for path, node in items if isinstance(node, _base())}
    if any(path.rpartition(".")[0] not in modules for path in shapes):
        raise GlorotError(ASK)
    found = with_norms(describe(modules, shapes | gathered(modules), kind_at), modules, shapes)
    return placed(found, in_order(items, found, attributes=False))


def _base() -> Any:
    return sys.modules["flax.linen"].Module


def graph(
    model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None, use: Callable[..., Any] = graph_of
) -> Any:
    """Return what a module computes of a batch.

    Args:
        model: (module, params); neither is changed.
        stock: what is known of its params.
        inputs: the batch, or its shapes.
        forward: function ((module, variables), batch) that runs it; by default the module is applied.
        use: what is made of the function that runs it and of the arrays that it takes: its graph by default.

    Raises:
        GlorotError: if the module refuses the batch.
    """
    module, given, _ = _taken_apart(model)
    arrays, own = leaves(model), list(_params(model))
    besides = {key: value for key, value in given.items() if key != "params"} if _has_collections(given) else {}
    flat, structure = jax.tree_util.tree_flatten_with_path(besides)
    others = {dotted(keys).removeprefix("batch_stats."): leaf for keys, leaf in flat}
    batch, call = prepared(inputs, forward)

    def run(weights: list[Any], state: list[Any], batch: list[Any]) -> Any:
        _, new = rebuilt((module, _taken_apart(model)[2]), dict(zip(own, weights, strict=True)))
        variables = {**jax.tree_util.tree_unflatten(structure, state), "params": new}
        if forward is not None:
            return call((module, variables), batch)
        applied = functools.partial(module.apply, variables, mutable=True, rngs={"params": jax.random.key(0)})
        return call(applied, batch)[0]  # beside the state that it left

    return use(run, stock, {path: arrays[path] for path in own}, others, batch)


def modules_made(module: Any, inputs: Any) -> tuple[dict[str, Any], dict[str, Any], Views]:
    """Initialise a module in shapes alone; return its modules and its params by their path, and how modules saw them.

    Raises:
        GlorotError: if the batch does not fit.
    """
    linen = sys.modules["flax.linen"]
    modules: dict[str, Any] = {}
    views = Views()

    def note(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        path = ".".join(context.module.path)
        if path not in modules:
            modules[path] = context.module.clone(parent=None)
        result = call(*args, **kwargs)
        params = {} if context.module.scope is None else context.module.scope.variables().get("params", {})
        views.note(path, shapes_of(by_path(_walk(params, path))))
        return result

    def init(*args: Any, **kwargs: Any) -> Any:
        with linen.intercept_methods(note):
            return module.init(jax.random.key(0), *args, **kwargs)

    variables = call_abstractly(init, inputs)
    return modules, by_path(_walk(variables.get("params", {}), "")), views


def _check_belong(name: str, given: dict[str, Any], made: dict[str, Any]) -> None:
    """Raise, naming what is missing, extra or of another shape, if params are not those of a module.

    Params that the module has no place for are left to be told of as unknown if nothing else is wrong: another
    method of the module may use them.
    """
    lines = [f"  missing: {path}" for path in made if path not in given]
    lines += [
        f"  {path} has shape {shape_text(given[path])}, the module makes it {shape_text(made[path])} for this batch"
        for path in made
        if path in given and given[path] != made[path]
    ]
    if lines:
        lines += [f"  not in the module: {path}" for path in given if path not in made]
        more = [f"  … and {len(lines) - 20} more"] if len(lines) > 20 else []
        raise GlorotError(f"these params are not those of the module {name}:\n" + "\n".join(lines[:20] + more))


def _from_setup(module: Any, params: Any) -> Iterator[tuple[str, Any]]:
    """Return the modules that a module makes in setup() by their path, and the functions between those of a row."""
    base, row, count = _base(), sys.modules["flax.linen"].Sequential, itertools.count()

    def walk(parent: Any) -> Iterator[tuple[str, Any]]:
        yield ".".join(parent.path), parent.clone(parent=None)
        hasattr(parent, "any name")  # asking for what is not there makes setup() run
        for node in jax.tree_util.tree_leaves(dict(vars(parent)), is_leaf=lambda node: isinstance(node, base)):
            if isinstance(node, base) and node.scope is not None and node.path[:-1] == parent.path:
                yield from walk(node)
            elif isinstance(parent, row) and not isinstance(node, base) and callable(node):
                yield ".".join((*parent.path, "layers", str(next(count)))), node

    try:
        yield from walk(module.bind({"params": params}))
    except Exception as error:  # whatever setup() needs, it needs more than params
        raise GlorotError(f"{ASK}; without one, its setup() said: {error}") from error


def rebuilt(model: Any, values: Mapping[str, Any]) -> Any:
    """Return (module, params) with params and running statistics replaced, in containers and boxes of the same kind.

    Args:
        model: (module, params); neither is changed.
        values: {path: its new value}; what is not there is kept.

    Raises:
        GlorotError: if variables that stand beside the params, and are not replaced, have shapes but no values.
    """
    module, given, params = _taken_apart(model)
    new = _replaced(params, values, "")
    if not _has_collections(given):
        return module, new
    gathered = {path: values[path] for path in _statistics(model, _params(model)) if path in values}
    others = {key: value for key, value in given.items() if key != "params"}
    if gathered:
        others["batch_stats"] = _replaced(others["batch_stats"], gathered, "")
    way_out = "run module.init inside jax.jit instead of jax.eval_shape, or pass params alone"
    check_filled(by_path(_walk(others, "")), "the variable", way_out)
    return module, _like(given, {key: new if key == "params" else others[key] for key in given})


def _like(given: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    kind: Any = type(given)
    return kind(items)


def _replaced(node: Any, values: Mapping[str, Any], path: str) -> Any:
    if isinstance(node, Mapping):
        inside = {key: _replaced(child, values, f"{path}.{key}".removeprefix(".")) for key, child in node.items()}
        return _like(node, inside)

    def new(keys: Any, leaf: Any) -> Any:
        value = values.get(dotted((path, *keys)), _opened(leaf))
        return jax.tree_util.tree_map(lambda _: value, leaf) if _is_box(leaf) else value

    return jax.tree_util.tree_map_with_path(new, node, is_leaf=_is_box)
