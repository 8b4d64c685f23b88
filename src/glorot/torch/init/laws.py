"""The laws of the drop-in, checked once and remembered: a call with known numbers costs one look-up."""

import functools
import math
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from glorot.distributions import (
    LARGEST_SCALE,
    MOST_EXTREME_CUT,
    SMALLEST_SCALE,
    Constant,
    Distribution,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
)
from glorot.errors import GlorotError
from glorot.stream.checks import check_law
from glorot.stream.elements import check_element
from glorot.torch.filling import name_of

FARTHEST_CUT = 16.0  # std; the stream takes what lies beyond 12 for infinite
remembered = functools.lru_cache(maxsize=4096)


def number(function: str, name: str, value: Any) -> float:
    """Return an argument as a number; like PyTorch, take a tensor of one element for its element."""
    if type(value) is float:
        return value
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise GlorotError(f"{function}: {name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        return float(value)
    except OverflowError as error:
        raise GlorotError(f"{function}: {name} must lie within ±1.8e308, got a longer whole number") from error


@remembered
def uniform(function: str, a: float, b: float, dtype: torch.dtype) -> Distribution:
    """Return the law on [a, b]; a single value where they are equal."""
    _check_finite(function, a=a, b=b)
    if a > b:
        raise GlorotError(f"{function}: a must not be above b, got a={a:g}, b={b:g}")
    if a == b:
        return _fitting(function, dtype, Constant(a))
    _check_scale(function, "(b - a)/2", (b - a) / 2)
    _check_scale(function, "the larger of |a| and |b|", max(abs(a), abs(b)))
    return _fitting(function, dtype, Uniform(a, b))


@remembered
def symmetric(function: str, bound: float, dtype: torch.dtype) -> Distribution:
    """Return the uniform law on ±bound, for a bound that is a gain times a positive number."""
    if bound == 0:
        return _fitting(function, dtype, Constant(0.0))
    _check_scale(function, "the bound that gain and fans give", bound)
    return _fitting(function, dtype, Uniform.symmetric(bound))


@remembered
def normal(function: str, mean: float, std: float, dtype: torch.dtype) -> Distribution:
    """Return the normal law; a single value where std is 0."""
    _check_finite(function, mean=mean, std=std)
    if std < 0:
        raise GlorotError(f"{function}: std must not be negative, got {std:g}")
    if std == 0:
        return _fitting(function, dtype, Constant(mean))
    _check_scale(function, "std", std)
    return _fitting(function, dtype, Normal(mean, std))


@remembered
def truncated(function: str, mean: float, std: float, a: float, b: float, dtype: torch.dtype) -> Distribution:
    """Return the normal law of mean and std cut to [a, b], which may be infinite."""
    _check_finite(function, mean=mean, std=std)
    if not a <= b:
        raise GlorotError(f"{function}: a must not be above b, got a={a:g}, b={b:g}")
    if not std > 0:
        raise GlorotError(f"{function}: std must be above 0, got {std:g}; for all-equal values call constant_")
    _check_scale(function, "std", std)
    if a > mean + MOST_EXTREME_CUT * std or b < mean - MOST_EXTREME_CUT * std:
        raise GlorotError(
            f"{function}: [{a:g}, {b:g}] lies more than {MOST_EXTREME_CUT:g} std from the mean {mean:g} (std {std:g}), "
            "where the normal law has next to nothing; a and b are values, not multiples of std"
        )
    if a == b:
        return _fitting(function, dtype, Constant(a))
    low, high = max(a, mean - FARTHEST_CUT * std), min(b, mean + FARTHEST_CUT * std)
    return _fitting(function, dtype, TruncatedNormal(mean, std, low, high))


@remembered
def orthogonal(function: str, gain: float, dtype: torch.dtype) -> Distribution:
    """Return the law of gain times an orthogonal matrix, which a sign of the gain does not change."""
    _check_finite(function, gain=gain)
    if gain == 0:
        return _fitting(function, dtype, Constant(0.0))
    _check_scale(function, "|gain|", abs(gain))
    return _fitting(function, dtype, Orthogonal(abs(gain)))


def check_gain(function: str, gain: float) -> None:
    """Raise unless a gain is finite and not negative."""
    if not 0 <= gain < math.inf:
        raise GlorotError(f"{function}: gain must be a finite number from 0 upwards, got {gain:g}")


def _check_finite(function: str, **numbers: float) -> None:
    for name, value in numbers.items():
        if not -math.inf < value < math.inf:
            raise GlorotError(f"{function}: {name} must be finite, got {value:g}")


def _check_scale(function: str, what: str, scale: float) -> None:
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise GlorotError(
            f"{function}: {what} must lie between 2^-64 and 2^64, got {scale:g}; "
            "draw with a scale of about 1 and multiply the tensor"
        )


def _fitting(function: str, dtype: torch.dtype, law: Distribution) -> Distribution:
    """Return a law once it is known that a dtype can hold what it draws."""
    name = name_of(dtype)
    try:
        check_element(name)
        check_law(law, name)
    except GlorotError as error:
        raise GlorotError(f"{function}: {error}") from None
    return law
