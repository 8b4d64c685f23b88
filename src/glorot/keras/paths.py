"""Structural paths of layers and variables: from how a model holds them, never from automatic names."""

import re
from collections.abc import Iterator
from typing import Any

import keras

from glorot.errors import GlorotError

AUTOMATIC = re.compile(r"variable(_\d+)?")

# what Keras itself keeps of a layer's contents, beside the attribute that holds it
RECORDS = {"_layers", "_trainable_variables", "_non_trainable_variables", "_operations", "_functional"}

PROJECTIONS = {f"_{name}_dense": name for name in ("query", "key", "value", "gate", "output")}
SHORT = {
    "MultiHeadAttention": PROJECTIONS,
    "GroupedQueryAttention": PROJECTIONS,
    "Bidirectional": {"forward_layer": "forward", "backward_layer": "backward"},
    "RNN": {"cell": ""},  # an LSTM is an RNN around an LSTMCell: its weights are called as if they were its own
}
"""What Keras's own layers call their sublayers, and what paths do."""


def kinds(operation: Any) -> list[str]:
    """Return the names of the classes of Keras that an operation or layer is of, its own first."""
    return [kind.__name__ for kind in type(operation).__mro__ if kind.__module__.partition(".")[0] == "keras"]


def joined(path: str, step: str) -> str:
    """Join two paths, either of which may be empty.

    Example:
        >>> joined("encoder", "kernel"), joined("", "kernel"), joined("lstm", "")
        ('encoder.kernel', 'kernel', 'lstm')
    """
    return f"{path}.{step}".strip(".")


def layers_of(model: Any) -> list[tuple[str, Any]]:
    """Return (path, layer) of a model and every layer in it, each once, in the order of registration.

    Raises:
        GlorotError: if a layer holds another where it has no name.
    """
    found: list[tuple[str, Any]] = []
    seen: set[int] = set()

    def visit(path: str, layer: Any) -> None:
        if id(layer) not in seen:
            seen.add(id(layer))
            found.append((path, layer))
            for step, child in children(layer, path):
                visit(joined(path, step), child)

    visit("", model)
    return found


def children(layer: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return (step, layer) of the layers that a layer holds itself.

    The layers of a Sequential and a Functional model are counted, without its inputs, so that both forms of one
    network agree, and a Sequential one whether or not it was given an Input. All others go by their attributes.
    """
    kind = set(kinds(layer))
    chain: list[Any] = []
    if kind & {"Sequential", "Functional"}:
        chain = [child for child in layer.layers if not isinstance(child, keras.layers.InputLayer)]
    counted = {id(child) for child in chain}
    names = _names(layer)
    short = next((SHORT[name] for name in kinds(layer) if name in SHORT), {})
    held = []
    for child in layer._layers if "Sequential" not in kind else ():
        if id(child) in counted or isinstance(child, keras.layers.InputLayer):
            continue
        if id(child) not in names:
            raise GlorotError(
                f"layer {path!r} ({type(layer).__name__}) holds a {type(child).__name__} in a set or out of sight, "
                "where it has no name; hold it in an attribute, a list or a dict"
            )
        name = names[id(child)]
        held.append((short.get(name, _bare(name, names)), child))
    return [*((f"layers.{n}", child) for n, child in enumerate(chain)), *held]


def own_variables(layer: Any) -> list[tuple[str, Any]]:
    """Return (name, variable) of the weights that a layer holds itself, frozen or not.

    What was made not to be trained, such as moving statistics, is state and no weight. Of a quantized layer, whose
    weights Keras turns into such state, it is all listed.
    """
    variables = list(layer._trainable_variables)
    if is_quantized(layer):
        variables += layer._non_trainable_variables
    names = _names(layer)
    found = []
    for n, variable in enumerate(variables):
        name = _bare(names[id(variable)], names) if id(variable) in names else variable.name
        found.append((f"weights.{n}" if AUTOMATIC.fullmatch(name) and id(variable) not in names else name, variable))
    return found


def is_quantized(layer: Any) -> bool:
    """Tell whether a layer computes with quantized weights."""
    return getattr(layer, "quantization_mode", None) is not None


def _bare(name: str, names: dict[int, str]) -> str:
    """Return a name without leading underscores, unless another thing of the layer bears that name."""
    bare = name.lstrip("_")
    return bare if bare and bare not in names.values() else name


def _names(layer: Any) -> dict[int, str]:
    """Return where a layer holds each layer and variable, by its id; an attribute comes before a list or dict."""
    stored = vars(layer)
    held = [
        (name, value) for name, value in {**stored, **stored.get("_modules", {})}.items() if name not in RECORDS
    ]  # on the torch backend, layers lie in _modules
    names: dict[int, str] = {}
    for name, value in held:
        if _is_held(value):
            names.setdefault(id(value), name)
    for name, value in held:
        for step, thing in _within(value):
            names.setdefault(id(thing), f"{name}.{step}")
    return names


def _is_held(value: Any) -> bool:
    return isinstance(value, keras.layers.Layer | keras.Variable)


def _within(container: Any) -> Iterator[tuple[str, Any]]:
    """Yield (steps, thing) of the layers and variables in lists, tuples and dicts, however deep."""
    if isinstance(container, dict):
        items = list(container.items())
    elif isinstance(container, list | tuple):
        items = list(enumerate(container))
    else:
        return
    for key, value in items:
        if _is_held(value):
            yield str(key), value
        else:
            for step, thing in _within(value):
                yield f"{key}.{step}", thing
