"""The activation that a Keras layer, operation or function computes, by its name in the catalogue."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras

from glorot.activations import ACTIVATIONS
from glorot.keras.paths import kinds

PLAIN = {"relu6", "selu", "silu", "mish", "softplus", "softsign", "sigmoid", "tanh", "hardsigmoid", "hardtanh"}
PLAIN |= {"logsigmoid", "tanhshrink", "sin", "erf", "hardswish"}
OTHER_NAMES = {"swish": "silu", "hardsilu": "hardswish", "linear": "identity", "identity": "identity"}

# what shapes an activation: its name in the catalogue, and what Keras or its backends call the number
ARGUMENTS = {
    "leakyrelu": ("leaky_relu", ("negative_slope", "alpha")),
    "elu": ("elu", ("alpha",)),
    "softshrink": ("softshrink", ("threshold", "lambd")),
}
PRELU = "leaky_relu(negative_slope=0.25)"
"""What a PReLU starts as."""

BOUNDS: dict[tuple[Any, Any], str] = {(-1, 1): "hardtanh", (0, 6): "relu6", (0, None): "relu"}
"""The activations that can be written as clipping, by their bounds."""

BACKENDS = ("keras", "tensorflow", "jax", "torch")


def activation_of_function(function: Any) -> str | None:
    """Return the name of the activation that a layer was given; None if it is not known.

    Example:
        >>> activation_of_function(None), activation_of_function(keras.activations.leaky_relu)
        ('identity', 'leaky_relu(negative_slope=0.2)')
    """
    given: dict[str, Any] = {}
    while isinstance(function, functools.partial):
        given, function = {**function.keywords, **given}, function.func
    if function is None:
        return "identity"
    if isinstance(function, keras.Operation):
        return activation_of_operation(function)
    if str(getattr(function, "__module__", "")).partition(".")[0] not in BACKENDS:
        return None
    arguments = {**_defaults(function), **given}
    return _named(getattr(function, "__name__", ""), arguments.get)


def activation_of_operation(operation: Any) -> str | None:
    """Return the name of the activation that a layer or an operation of a graph is; None if it is none.

    Example:
        >>> activation_of_operation(keras.layers.LeakyReLU(0.1)), activation_of_operation(keras.layers.Flatten())
        ('leaky_relu(negative_slope=0.1)', None)
    """
    kind = next(iter(kinds(operation)), "")
    if kind == "Activation":
        return activation_of_function(operation.activation)
    if kind == "Clip":
        return BOUNDS.get((_number(operation.x_min), _number(operation.x_max)))
    return _named(kind, lambda name: getattr(operation, name, None))


def _named(name: str, argument: Callable[[str], Any]) -> str | None:
    name = name.replace("_", "").lower()
    name = OTHER_NAMES.get(name, name)
    if name == "relu":
        return _rectifier(argument)
    if name == "gelu":
        return "gelu_tanh" if argument("approximate") in (True, "tanh") else "gelu"
    if name in ARGUMENTS:
        entry, numbers = ARGUMENTS[name]
        value = next((argument(number) for number in numbers if argument(number) is not None), None)
        factory = ACTIVATIONS.factory(entry)
        return factory().name if value is None else factory(float(value)).name
    return PRELU if name == "prelu" else name if name in PLAIN or name == "identity" else None


def _rectifier(argument: Callable[[str], Any]) -> str | None:
    """Return what Keras's ReLU is: it may leak, be cut off, or begin later, and only the usual ones have a name."""
    slope, largest = argument("negative_slope") or 0.0, argument("max_value")
    if argument("threshold"):
        return None
    if slope:
        return ACTIVATIONS.factory("leaky_relu")(float(slope)).name if largest is None else None
    return {None: "relu", 6: "relu6"}.get(largest)


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function of C tells nothing
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _number(bound: Any) -> Any:
    """Return a bound as it is if it is a number or none at all; a tensor may be anything."""
    return bound if bound is None or isinstance(bound, int | float) else "tensor"
