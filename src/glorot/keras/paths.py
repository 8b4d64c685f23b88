"""Structural paths of layers and variables: from how a model holds them, never from automatic names."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

from glorot.errors import GlorotError

AUTOMATIC = re.compile(r"variable(_\d+)?")

# what Keras itself keeps of a layer's contents, beside the attribute that holds it
RECORDS = {"_layers", "_trainable_variables", "_non_trainable_variables", "_operations", "_functional"}
OF_TENSORFLOW = "_self_"  # what TensorFlow keeps beside them, on its own backend: the tuples, for one

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


def told(path: str, layer: Any) -> str:
    """Return how a message calls a layer.

    Example:
        >>> told("head", keras.layers.Dense(3)), told("", keras.layers.Dense(3))
        ("layer 'head' (Dense)", 'this Dense')
    """
    kind = type(layer).__name__
    return f"layer {path!r} ({kind})" if path else f"this {kind}"


def every_layer(model: Any) -> list[Any]:
    """Return a model and all layers below it that Keras knows of, each once, whether or not they have a name."""
    found: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        layer = waiting.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            waiting += layer._layers
    return list(found.values())


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


def modules(model: Any, inputs: Any = None) -> dict[str, Any]:
    """Return the layers of a model by their paths, itself at ""; no batch is needed."""
    return dict(layers_of(model))


def children(layer: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return (step, layer) of the layers that a layer holds itself.

    The layers of a Sequential and a Functional model are counted, without its inputs, so that both forms of one
    network agree, and a Sequential one whether or not it was given an Input. All others go by their attributes.
    Keras also keeps a layer whose attribute was assigned over: it has no name, and is left out where it has no weights.
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
            if not _has_weights(child):
                continue
            raise GlorotError(
                f"{told(path, layer)} holds a {type(child).__name__} in a set or out of sight, where it has no name, "
                "or it was assigned over by another: hold it in an attribute, a list or a dict, and make it only once"
            )
        name = names[id(child)]
        held.append((short.get(name, _bare(name, names)), child))
    return [*((f"layers.{n}", child) for n, child in enumerate(chain)), *held]


def own_variables(layer: Any) -> list[tuple[str, Any]]:
    """Return (name, variable) of the weights that a layer holds itself, frozen or not.

    What was made not to be trained is state and no weight, but for the moving statistics of a norm that is trained,
    which are started with it. Of a quantized layer, whose weights Keras turns into such state, it is all listed. One
    that is held nowhere goes by the name it was given, unless another has that name too or it was given none.
    """
    variables = list(layer._trainable_variables)
    if "BatchNormalization" in kinds(layer) and layer.trainable and layer.built:
        variables += [layer.moving_mean, layer.moving_variance]
    if is_quantized(layer):
        variables += layer._non_trainable_variables
    return _named(layer, variables, "weights")


def other_variables(layer: Any) -> list[tuple[str, Any]]:
    """Return (name, variable) of the state that a layer holds itself besides: no weights, nor what starts with them.

    Generators of random seeds are left out: what they hold is no part of what a trained model computes.
    """
    own = {id(variable) for _, variable in own_variables(layer)}
    return _named(layer, [one for one in layer._non_trainable_variables if id(one) not in own], "state")


def state_of(model: Any) -> dict[str, Any]:
    """Return the variables that no recipe starts, by their paths; what stands in several places is listed once."""
    found = layers_of(model)
    owned = {id(variable) for _, layer in found for _, variable in own_variables(layer)}
    firsts: dict[int, tuple[str, Any]] = {}
    for path, layer in found:
        for name, variable in other_variables(layer):
            if id(variable) not in owned:
                firsts.setdefault(id(variable), (joined(path, name), variable))
    return dict(firsts.values())


def _named(layer: Any, variables: list[Any], otherwise: str) -> list[tuple[str, Any]]:
    """Return (name, variable), numbered after another word where nothing names a variable."""
    names = _names(layer)
    called = [_bare(names[id(one)], names) if id(one) in names else one.name for one in variables]
    count = Counter(called)
    found = []
    for n, (name, variable) in enumerate(zip(called, variables, strict=True)):
        tells = id(variable) in names or (count[name] == 1 and not AUTOMATIC.fullmatch(name))
        found.append((name if tells else f"{otherwise}.{n}", variable))
    return found


def is_quantized(layer: Any) -> bool:
    """Tell whether a layer computes with quantized weights."""
    return getattr(layer, "quantization_mode", None) is not None


def _bare(name: str, names: dict[int, str]) -> str:
    """Return a name without leading underscores, unless another thing of the layer bears that name."""
    bare = name.lstrip("_")
    if bare == name:
        return name
    alike = {other for other in names.values() if other.lstrip("_") == bare}
    return bare if bare and alike == {name} else name


def _names(layer: Any) -> dict[int, str]:
    """Return where a layer holds each layer and variable, by its id; an attribute comes before a list or dict."""
    stored = vars(layer)
    held = [
        (name, value)
        for name, value in {**stored, **stored.get("_modules", {})}.items()
        if name not in RECORDS and not name.startswith(OF_TENSORFLOW)
    ]  # on the torch backend, layers lie in _modules
    names: dict[int, str] = {}
    for name, value in held:
        if _is_held(value):
            names.setdefault(id(value), name)
    taken = set(names.values())
    for name, value in held:
        for step, thing in _within(value, set()):
            if id(thing) not in names:
                names[id(thing)] = _free(f"{name}.{step}", taken)
                taken.add(names[id(thing)])
    return names


def _free(name: str, taken: set[str]) -> str:
    """Return a name, or with a number behind it where it is taken: {"a.b": …} and {"a": {"b": …}} lead to one."""
    numbered = (f"{name}_{n}" for n in itertools.count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _is_held(value: Any) -> bool:
    return isinstance(value, keras.layers.Layer | keras.Variable)


def _has_weights(layer: Any) -> bool:
    return any(one._trainable_variables or one._non_trainable_variables for one in every_layer(layer))


def _within(container: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield (steps, thing) of the layers and variables in lists, tuples and dicts, however deep; in each but once."""
    if id(container) in seen:
        return
    seen.add(id(container))
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
            for step, thing in _within(value, seen):
                yield f"{key}.{step}", thing
