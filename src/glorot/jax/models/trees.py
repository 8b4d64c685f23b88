"""Plain pytrees of arrays: dicts, lists, tuples and dataclasses. Nothing is known of how a leaf connects."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax

from glorot.errors import GlorotError
from glorot.graph import Forward
from glorot.inventory import Inventory
from glorot.jax.models.describing import Described, describe, kind_in, unknown
from glorot.jax.models.paths import by_path, dotted, is_array, nodes, shapes_of
from glorot.jax.models.running import prepared
from glorot.jax.models.tracing import graph_of

framework = "jax"


def matches(model: object) -> bool:
    """Tell whether a model is a pytree that holds arrays."""
    if is_array(model):
        return False
    try:
        return any(is_array(leaf) for leaf in jax.tree_util.tree_leaves(model))
    except (TypeError, ValueError):  # keys that do not compare: no pytree to JAX
        return False


def leaves(model: Any) -> dict[str, Any]:
    """Return the leaves by their path, in the order in which JAX flattens them.

    Raises:
        GlorotError: if a leaf is no array, or two have one path.
    """
    found = by_path((dotted(keys), leaf) for keys, leaf in jax.tree_util.tree_flatten_with_path(model)[0])
    for path, leaf in found.items():
        if not is_array(leaf):
            raise GlorotError(f"the leaf {path!r} is no array, it is a {type(leaf).__name__}; {_way_out(model, leaf)}")
    return found


def _way_out(model: Any, leaf: Any) -> str:
    """Return what to pass instead of a pytree that holds more than arrays."""
    if kind_in(leaf, ("Module",), ("flax.linen.",)):
        return "pass the pair (module, params), and a batch as inputs="
    inside = ((path, node) for path, node in nodes(model).items() if kind_in(node, ("Module",), ("flax.", "equinox.")))
    path, module = next(inside, ("", None))
    if module is not None:
        return f"it stands in a module, the {type(module).__name__} at {path!r}: pass the module alone"
    if hasattr(model, "params"):
        return (
            "pass the params alone, beside their Linen module if they have one, and put the new ones back: "
            "state.replace(params=…)"
        )
    return "a pytree to initialise holds arrays alone: take what is none out of it"


def tied(_model: Any) -> dict[str, str]:
    """Return {}: to JAX equal leaves of a pytree are two values."""
    return {}


def buffers(_model: Any, _started: Collection[str]) -> dict[str, Any]:
    """Return {}: every leaf of a pytree counts as a parameter."""
    return {}


def modules(_model: Any, _inputs: Any = None) -> dict[str, Any]:
    """Return {}: a pytree has no layers."""
    return {}


def described(model: Any, _inputs: Any = None) -> dict[str, Described]:
    """Describe every leaf: its container, and that nothing is known of it."""
    return describe(nodes(model), shapes_of(leaves(model)), lambda path, containers: (None, unknown))


def graph(
    model: Any, stock: Inventory, inputs: Any, forward: Forward | None = None, use: Callable[..., Any] = graph_of
) -> Any:
    """Return what is computed with a pytree.

    Args:
        model: the pytree.
        stock: what is known of its leaves.
        inputs: the batch, or its shapes.
        forward: function (pytree, batch) that computes with it; None without one, for a pytree tells nothing itself.
        use: what is made of the function that runs it and of the arrays that it takes: its graph by default.

    Raises:
        GlorotError: if the function refuses the batch.
    """
    if forward is None:
        return None
    batch, call = prepared(inputs, forward)
    weights = leaves(model)

    def run(values: list[Any], _others: list[Any], batch: list[Any]) -> Any:
        return call(rebuilt(model, dict(zip(weights, values, strict=True))), batch)

    return use(run, stock, weights, {}, batch)


def rebuilt(model: Any, values: Mapping[str, Any]) -> Any:
    """Return the pytree with leaves replaced; the one given is not changed.

    Args:
        model: the pytree.
        values: {path: its new leaf}; what is not there is kept.
    """
    return jax.tree_util.tree_map_with_path(lambda keys, leaf: values.get(dotted(keys), leaf), model)
