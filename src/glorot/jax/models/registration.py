"""What a forward pass would show, guessed from the order in which a model holds its layers and activations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from glorot.inventory import registration
from glorot.inventory.registration import NORM, Break, Function, Layer, Trace
from glorot.jax.models.activating import activation_of
from glorot.jax.models.describing import Described, kind_in

ATTRIBUTES = {"activation", "final_activation", "act", "act_fn", "activation_fn", "nonlinearity", "fn"}
"""The names of attributes that hold an activation."""

PACKAGES = ("flax.nnx.", "flax.linen.", "equinox.nn.")
WEIGHTS = {"kernel", "recurrent", "embedding"}
SLOPE = "leaky_relu(negative_slope=0.25)"
"""What a PReLU is at the start."""


def weight_layers(described: Mapping[str, Described]) -> set[str]:
    """Return the paths of the layers that have weights of their own."""
    return {known.layer for known in described.values() if any(part.role in WEIGHTS for part in known.parts)}


def in_order(items: Iterable[tuple[str, Any]], described: Mapping[str, Described], *, attributes: bool = True) -> Trace:
    """Guess a trace from everything inside a model.

    Args:
        items: (path, module or function) in the order of registration.
        described: the parameters.
        attributes: whether the attributes of a module are in that order; if not, an activation counts for layers in
            the same Sequential alone.
    """
    return registration.in_order(_found(list(items), described, attributes))


def _found(
    items: list[tuple[str, Any]], described: Mapping[str, Described], attributes: bool
) -> Iterator[Layer | Function | Break]:
    modules, layers, row = dict(items), weight_layers(described), ""
    norms = {known.layer for known in described.values() if any(part.role == "scale" for part in known.parts)}
    for path, node in _in_mlps(items, modules):
        if not attributes and _row(path, modules) != row:
            yield Break()
            row = _row(path, modules)
        if path in layers:
            yield Layer(path)
        elif path in norms:
            yield NORM
        elif (found := _activation(path, node, modules)) is not None:
            yield Function(found)


def _in_mlps(items: Iterable[tuple[str, Any]], modules: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Put the activation of an Equinox MLP, which it holds once and behind its layers, between them."""
    for path, node in items:
        above, _, name = path.rpartition(".")
        mlp, _, inside = above.rpartition(".")
        if kind_in(modules.get(above), ("MLP",), PACKAGES) and name == "activation":
            continue
        if inside == "layers" and name not in ("", "0") and kind_in(modules.get(mlp), ("MLP",), PACKAGES):
            yield f"{mlp}.activation".removeprefix("."), modules[mlp].activation
        yield path, node


def _row(path: str, modules: Mapping[str, Any]) -> str:
    """Return the path of the outermost Sequential around an item; its own, if there is none."""
    names = path.split(".")
    above = [".".join(names[:count]) for count in range(len(names))]
    return next((p for p in above if p in modules and kind_in(modules[p], ("Sequential",), PACKAGES)), path)


def _activation(path: str, node: Any, modules: Mapping[str, Any]) -> str | None:
    above, _, name = path.rpartition(".")
    if kind_in(node, ("PReLU",), PACKAGES):
        return SLOPE
    in_a_row = kind_in(modules.get(above.rpartition(".")[0]), ("Sequential",), PACKAGES) and name.isdigit()
    is_cell = type(modules.get(above)).__name__.endswith("Cell")
    if not isinstance(node, Callable) or isinstance(node, type) or is_cell:  # type: ignore[arg-type]
        return None
    is_module = kind_in(node, ("Module",), ("flax.", "equinox.")) is not None
    return activation_of(node) if not is_module and (in_a_row or name in ATTRIBUTES) else None
