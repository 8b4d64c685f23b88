"""Operators that are a function of each element, as steps."""

import math
from collections.abc import Callable
from typing import Any

import torch

from glorot.graph.operations import Opaque, Random, Softmax
from glorot.torch.graph.call import Call

UNARY = {
    "abs": "abs", "neg": "neg", "sign": "sign", "sgn": "sign", "square": "square", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "reciprocal": "reciprocal", "exp": "exp", "exp2": "exp2", "log": "log", "log1p": "log1p", "expm1": "expm1",
    "sin": "sin", "cos": "cos", "tan": "tan", "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "sigmoid": "sigmoid", "erf": "erf", "erfc": "erfc", "floor": "floor", "ceil": "ceil",
    "relu": "relu", "silu": "silu", "mish": "mish", "hardswish": "hardswish", "hardsigmoid": "hardsigmoid",
    "log_sigmoid": "logsigmoid", "log_sigmoid_forward": "logsigmoid", "logical_not": "not",
}  # fmt: skip
"""Functions of one element, by their name in `glorot.graph.functions`."""

BINARY = {
    "mul": "mul", "maximum": "maximum", "minimum": "minimum", "fmax": "maximum", "fmin": "minimum", "pow": "pow",
    "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal", "ne": "not_equal",
    "logical_and": "and", "logical_or": "or", "logical_xor": "xor", "clamp_min": "maximum", "clamp_max": "minimum",
}  # fmt: skip
"""Functions of two elements."""

BITWISE = {"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "bitwise_not": "not", "__and__": "and",
           "__or__": "or", "__xor__": "xor"}  # fmt: skip
"""Functions of bits, which are logical ones where they are asked of truths."""


def _unary(function: str) -> Callable[[Call], int]:
    return lambda call: call.map(function, call.value(call.first))


def _round(call: Call) -> int:
    """Round to decimals: ⌊10ⁿ·z + ½⌋/10ⁿ."""
    size = 10.0 ** (call["decimals"] or 0)
    return call.scaled(call.map("round", call.scaled(call.value(call.first), size)), 1 / size)


def _binary(function: str) -> Callable[[Call], int]:
    return lambda call: call.map(function, *map(call.value, call.positional[:2]))


def _bitwise(function: str) -> Callable[[Call], int]:
    def row(call: Call) -> int:
        operands = [call.value(argument) for argument in call.positional]
        of_truths = call.results[0].dtype == torch.bool
        return call.map(function, *operands) if of_truths else call.step(Opaque(call.name), operands)

    return row


def _add(call: Call) -> int:
    first, other = call.positional[:2]
    return call.map(call.name, call.value(first), call.scaled(call.value(other), call["alpha"]))


def _rsub(call: Call) -> int:
    first, other = call.positional[:2]
    return call.map("sub", call.value(other), call.scaled(call.value(first), call["alpha"]))


def _div(call: Call) -> int:
    first, other = call.positional[:2]
    quotient = call.map("div", call.value(first), call.value(other))
    mode = call["rounding_mode"] or ("floor" if call.name == "floor_divide" else None)
    if mode == "trunc":
        return call.step(Opaque("trunc"), [quotient])
    return call.map("floor", quotient) if mode else quotient


def _remainder(call: Call) -> int:
    """Z − y·⌊z/y⌋."""
    first, other = map(call.value, call.positional[:2])
    return call.map("sub", first, call.map("mul", other, call.map("floor", call.map("div", first, other))))


def _pow(call: Call) -> int:
    base, exponent = call.positional[:2]
    if isinstance(exponent, int | float) and exponent == 2:
        return call.map("square", call.value(base))
    return call.map("pow", call.value(base), call.value(exponent))


def _log_of(base: float) -> Callable[[Call], int]:
    return lambda call: call.map("mul", call.map("log", call.value(call.first)), call.number(1 / math.log(base)))


def _clamp(call: Call) -> int:
    low, high = call["min"], call["max"]
    value = call.value(call.first)
    if low is not None and high is not None:
        return call.map("clip", value, call.value(low), call.value(high))
    return call.map("minimum", value, call.value(high)) if low is None else call.map("maximum", value, call.value(low))


def _addcmul(call: Call) -> int:
    whole, one, other = map(call.value, call.positional[:3])
    product = call.map("mul" if call.name == "addcmul" else "div", one, other)
    return call.map("add", whole, call.scaled(product, call["value"]))


def _lerp(call: Call) -> int:
    start, end, weight = map(call.value, call.positional[:3])
    return call.map("add", start, call.map("mul", weight, call.map("sub", end, start)))


def _where(call: Call) -> int:
    return call.map("where", *map(call.value, call.positional))


def _masked_fill(call: Call) -> int:
    return call.map("where", call.value(call["mask"]), call.value(call["value"]), call.value(call["self"]))


def _nan_to_num(call: Call) -> int:
    return call.value(call.first)


# ---- activations -----------------------------------------------------------------------------------------------------


def _elu(call: Call) -> int:
    """Scale · (z where z > 0, else α·(e^(input_scale·z) − 1))."""
    alpha, scale, inner = call["alpha"], call["scale"], call["input_scale"]
    if call.name == "celu":
        scale, inner = 1.0, 1 / alpha
    z = call.value(call.first)
    if (alpha, scale, inner) == (1, 1, 1):
        return call.map("elu", z)
    below = call.scaled(call.map("expm1", call.scaled(z, inner)), alpha)
    return call.scaled(call.map("where", _is_above(call, z, 0), z, below), scale)


def _selu(call: Call) -> int:
    return call.map("selu", call.value(call.first))


def _is_above(call: Call, z: int, bound: Any) -> int:
    return call.map("greater", z, call.number(bound))


def _leaky(call: Call) -> int:
    return call.map("leaky", call.value(call.first), call.number(call["negative_slope"]))


def _prelu(call: Call) -> int:
    slope = call.value(call["weight"])
    if call["weight"].dim() == 1 and call["weight"].numel() > 1 and len(call.shape) > 2:
        slope = call.spread(slope, call.shape, [1])
    elif not call.shape:
        slope = call.reshaped(slope, ())
    return call.map("leaky", call.value(call.first), slope)


def _rrelu(call: Call) -> int:
    """A leaky ReLU, whose slope is drawn while the model is trained; the mean of it stands for that."""
    return call.map("leaky", call.value(call.first), call.number((call["lower"] + call["upper"]) / 2))


def _threshold(call: Call) -> int:
    z = call.value(call.first)
    return call.map("where", _is_above(call, z, call["threshold"]), z, call.number(call["value"]))


def _hardshrink(call: Call) -> int:
    z = call.value(call.first)
    return call.map("where", _is_above(call, call.map("abs", z), call["lambd"]), z, call.number(0))


def _softshrink(call: Call) -> int:
    z, bound = call.value(call.first), call["lambd"]
    below = call.map("add", z, call.number(bound))
    shrunk = call.map("where", call.map("less", z, call.number(-bound)), below, call.number(0))
    return call.map("where", _is_above(call, z, bound), call.map("sub", z, call.number(bound)), shrunk)


def _softplus(call: Call) -> int:
    beta, z = call["beta"], call.value(call.first)
    return call.scaled(call.map("softplus", call.scaled(z, beta)), 1 / beta)


def _hardtanh(call: Call) -> int:
    return call.map("clip", call.value(call.first), call.number(call["min_val"]), call.number(call["max_val"]))


def _gelu(call: Call) -> int:
    return call.map("gelu_tanh" if call["approximate"] == "tanh" else "gelu", call.value(call.first))


def _glu(call: Call) -> int:
    value, (axis,) = call.value(call.first), call.axes(call["dim"])
    half = call.shape[axis]
    signal, gate = call.pieces(value, axis, [half, half])
    return call.map("mul", signal, call.map("sigmoid", gate))


def _softmax(call: Call) -> int:
    return call.step(Softmax(call.axes(call["dim"])), [call.value(call.first)])


def _log_softmax(call: Call) -> int:
    return call.map("log", _softmax(call))


def _native_dropout(call: Call) -> list[int]:
    value, rate = call.value(call.first), call["p"]
    if call["train"] is False or rate == 0:
        return [value]
    drawn = call.step(Random("dropout"), [])
    return [call.map("mul", call.scaled(value, 1 / (1 - rate) if rate < 1 else 1), drawn), drawn]


ROWS: dict[str, Callable[[Call], int | list[int]]] = {
    **{name: _unary(function) for name, function in UNARY.items()},
    **{name: _binary(function) for name, function in BINARY.items()},
    **{name: _bitwise(function) for name, function in BITWISE.items()},
    "add": _add, "sub": _add, "rsub": _rsub, "div": _div, "floor_divide": _div, "remainder": _remainder, "pow": _pow,
    "log2": _log_of(2), "log10": _log_of(10), "clamp": _clamp, "addcmul": _addcmul, "addcdiv": _addcmul,
    "round": _round, "lerp": _lerp, "where": _where, "masked_fill": _masked_fill, "nan_to_num": _nan_to_num,
    "elu": _elu, "celu": _elu, "selu": _selu, "leaky_relu": _leaky, "prelu": _prelu, "_prelu_kernel": _prelu,
    "rrelu": _rrelu, "threshold": _threshold, "hardshrink": _hardshrink, "softshrink": _softshrink,
    "softplus": _softplus, "hardtanh": _hardtanh, "gelu": _gelu, "glu": _glu, "_softmax": _softmax,
    "_safe_softmax": _softmax, "_log_softmax": _log_softmax, "native_dropout": _native_dropout,
}  # fmt: skip
"""What operators become, by name."""
