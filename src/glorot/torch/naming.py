"""The activation that a PyTorch function computes, by its name in the catalogue."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from glorot.activations import ACTIVATIONS

# the argument that shapes an activation, under its name here and in PyTorch, and its place in a call
ARGUMENTS = {"leaky_relu": ("negative_slope", 1), "elu": ("alpha", 1), "softshrink": ("lambd", 1)}
PLAIN = {"sigmoid", "tanh", "relu", "relu6", "selu", "silu", "mish", "softplus", "softsign", "hardswish"}
PLAIN |= {"hardsigmoid", "hardtanh", "sin", "erf", "logsigmoid", "tanhshrink", "gelu"}
OTHER_NAMES = {"leakyrelu": "leaky_relu", "prelu": "leaky_relu(negative_slope=0.25)"}

BOUNDS: dict[tuple[float | None, float | None], str] = {(-1, 1): "hardtanh", (0, 6): "relu6", (0, None): "relu"}
"""The activations that PyTorch computes by clipping, by their bounds; None stands for no bound."""

CLIPS = {"hardtanh": ("min_val", "max_val", -1, 1), "clamp": ("min", "max", None, None)}
CLIPS |= {"clip": CLIPS["clamp"], "clamp_min": CLIPS["clamp"]}
"""The functions that clip: what they call their bounds, and the bounds that they have by default."""


def plain_name(function: Callable[..., Any]) -> str:
    """Return the name of a function, without the mark of its in-place form."""
    name = getattr(function, "__name__", "")
    if name == "__get__":  # an attribute, such as x.T
        name = getattr(function, "__self__").__name__  # noqa: B009 (a Callable has none by its type)
    return name if name.endswith("__") else name.rstrip("_")


def _number(bound: Any) -> Any:
    """Return a bound as a number if it is a tensor of one, and any other as it is."""
    if isinstance(bound, Tensor) and bound.numel() == 1 and not bound.is_meta:
        return bound.item()
    return bound


def activation_of_call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Return the name of the activation that a PyTorch function computes, if it computes one."""
    name = plain_name(function)
    if name in CLIPS:
        low_name, high_name, low, high = CLIPS[name]
        low = args[1] if len(args) > 1 else kwargs.get(low_name, low)
        high = args[2] if len(args) > 2 else kwargs.get(high_name, high)
        return BOUNDS.get((_number(low), _number(high)))
    argument, place = ARGUMENTS.get(name, ("approximate", 99))
    return _activation(name, kwargs.get(argument, args[place] if len(args) > place else None))


OPAQUE = {
    ("transformers.activations", "GELUActivation"): "gelu",
    ("transformers.activations", "GELUTanh"): "gelu_tanh",
    ("transformers.activations", "NewGELUActivation"): "gelu_tanh",
    ("transformers.activations", "FastGELUActivation"): "gelu_tanh",
    ("transformers.activations", "ReLUSquaredActivation"): "relu_squared",
}
"""Modules of model libraries that are an activation, or compute one from smaller steps."""


def _activation(name: str, argument: Any) -> str | None:
    if name in ARGUMENTS:
        factory = ACTIVATIONS.factory(name)
        return factory().name if argument is None else factory(float(argument)).name
    if name == "gelu" and argument == "tanh":
        return "gelu_tanh"
    name = {"prelu": OTHER_NAMES["prelu"], "log_sigmoid": "logsigmoid"}.get(name, name)
    return name if name in PLAIN or name == OTHER_NAMES["prelu"] else None
