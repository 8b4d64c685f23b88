"""What an activation is, its Gaussian moments, and the catalogue that all activations enter."""

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glorot.catalogue import Catalogue, format_call
from glorot.errors import GlorotError

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

TAIL = 12.0  # a standard normal beyond ±12 weighs 4e-33
_NODES, _WEIGHTS = (np.asarray(a) for a in np.polynomial.legendre.leggauss(12))
_BINARY = 2.0 ** np.arange(-5, 7)  # activations bend on the scale of 1, whatever the variance of z
_SCALES = np.concatenate([-_BINARY[::-1], [0.0], _BINARY])
_CHUNK = 1024  # variances integrated at once, 600 nodes each: 5 MB a temporary


@dataclass(frozen=True)
class Moments:
    """E φ(z), E φ(z)² and E φ′(z)² under z ~ N(m, q): floats, or arrays where q or m was an array."""

    mean: Any
    second_moment: Any
    derivative_second_moment: Any


@dataclass(frozen=True)
class Activation:
    """A nonlinearity φ applied to each element.

    Args:
        name: its canonical text, as in "leaky_relu(negative_slope=0.2)".
        function: φ on float64 arrays.
        derivative: φ′ on float64 arrays; at a kink one of the slopes beside it.
        kinks: where φ′ jumps, ascending.
    """

    name: str
    function: Function
    derivative: Function
    kinks: tuple[float, ...] = ()

    def moments(self, q: float | Array = 1.0, mean: float | Array = 0.0) -> Moments:
        """Return the mean, second moment and slope second moment for z ~ N(m, q).

        E f(m + √q·x) under x ~ N(0, 1), by Gauss-Legendre panels that end at every kink. At q = 0 the
        mean and the second moment are φ(m) and φ(m)², the slope that of q → 0. A φ that goes on waving
        (sin) is right up to q = 100.

        Args:
            q: variance of the preactivation, ≥ 0: one number, or an array of any shape.
            mean: its mean m, that of biases: a number, or an array that broadcasts with q.

        Raises:
            GlorotError: if q is negative, a number is not finite, or a moment overflows.

        Example:
            >>> from glorot.activations import activation
            >>> activation("relu").moments(np.array([1.0, 4.0])).second_moment.round(6).tolist()
            [0.5, 2.0]
        """
        variances, means = np.broadcast_arrays(np.asarray(q, np.float64), np.asarray(mean, np.float64))
        if not np.all(np.isfinite(variances) & (variances >= 0)):
            raise GlorotError(f"{self.name}: the variance q must be finite and not negative, got {q!r}")
        if not np.all(np.isfinite(means)):
            raise GlorotError(f"{self.name}: the mean must be finite, got {mean!r}")
        flat = np.stack([variances.ravel(), means.ravel()])
        parts = [self._integrate(*flat[:, i : i + _CHUNK]) for i in range(0, max(variances.size, 1), _CHUNK)]
        result = np.concatenate(parts, axis=1).reshape(3, *variances.shape)
        if not np.all(np.isfinite(result)):
            raise GlorotError(f"{self.name}: a moment overflows at variance {variances.max():g}")
        return Moments(*result) if variances.ndim else Moments(*map(float, result))

    def _integrate(self, q: Array, mean: Array) -> Array:
        x, weight = _panels(q, mean, self.kinks)
        with np.errstate(all="ignore"):
            z = mean[:, None] + np.maximum(np.sqrt(q), 1e-100)[:, None] * x  # q = 0: still tells left from right
            value, slope = self.function(z), self.derivative(z)
            result = np.stack([np.sum(weight * f, axis=1) for f in (value, value**2, slope**2)])
            still = self.function(mean)
        result[:2] = np.where(q > 0, result[:2], np.stack([still, still**2]))
        return result

    @functools.cached_property
    def gain(self) -> float:
        """1/√E φ² for z ~ N(0, 1): weights scaled by it hold the second moment of the signal at 1.

        Rounded to 12 significant digits, so that plans are the same on every processor.
        """
        second = self.moments().second_moment
        if second == 0:
            raise GlorotError(f"{self.name}: no gain, for E φ(z)² is 0: it lets no signal through")
        return _steady(1 / math.sqrt(second))

    @property
    def slope_at_zero(self) -> float:
        """φ′(0), the slope that small signals see; at a kink, the one that frameworks take."""
        return float(self.derivative(np.zeros(1))[0])

    @functools.cached_property
    def squashes_off_zero(self) -> bool:
        """Whether φ is bounded on both sides and φ(0) ≠ 0, so that E x = 0 fails in the next layer."""
        near, far = np.linspace(0, 1e3, 10001), np.geomspace(1e3, 1e4, 1001)
        with np.errstate(all="ignore"):
            inner, outer = (max(np.max(np.abs(self.function(s * z))) for s in (1, -1)) for z in (near, far))
            at_zero = float(self.function(np.zeros(1))[0])
        return bool(outer <= 1.1 * inner < math.inf) and at_zero != 0

    def scale_gains(self) -> tuple[float, float]:
        """Return the forward and the backward gain that a compromise recipe averages.

        1/√E φ² holds the signal and 1/√E φ′² the gradient, both for z ~ N(0, 1). Where φ squashes off
        zero, E φ² is mostly the square of a constant mean, which says nothing about the input: both
        gains are then 1/φ′(0), which restores unit slope to small signals.

        Example:
            >>> from glorot.activations import activation
            >>> activation("relu").scale_gains()[1].__round__(4), activation("sigmoid").scale_gains()
            (1.4142, (4.0, 4.0))
        """
        return self._scale_gains

    @functools.cached_property
    def _scale_gains(self) -> tuple[float, float]:
        if self.squashes_off_zero and self.slope_at_zero != 0:
            return (_steady(1 / self.slope_at_zero),) * 2
        slope = self.moments().derivative_second_moment
        if slope == 0:
            raise GlorotError(f"{self.name}: no backward gain, for E φ′(z)² is 0: no gradient passes")
        return self.gain, _steady(1 / math.sqrt(slope))

    @functools.cached_property
    def steepest(self) -> float:
        """The maximum of |φ′| over |z| ≤ 10; a unit is called saturated where |φ′| is below 5 % of it."""
        beside = [k + side for k in self.kinks for side in (-1e-6, 1e-6)]
        return float(np.max(np.abs(self.derivative(np.concatenate([np.linspace(-10, 10, 4001), beside])))))


def _steady(gain: float) -> float:
    """Round a gain to 12 significant digits: the last bits of a sum depend on how a processor adds it up."""
    return float(f"{gain:.12g}")


def _panels(q: Array, mean: Array, kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Return nodes and N(0, 1) weights, one row per variance, in panels that end at every kink."""
    bends = (np.concatenate([_SCALES, kinks]) - mean[:, None]) / np.maximum(np.sqrt(q), 1e-100)[:, None]
    steps = np.broadcast_to(np.arange(-TAIL, TAIL + 1), (q.size, int(2 * TAIL) + 1))
    ends = np.sort(np.concatenate([np.clip(bends, -TAIL, TAIL), steps], axis=1), axis=1)
    half = np.diff(ends, axis=1)[..., None] / 2
    x = (ends[:, :-1, None] + half + half * _NODES).reshape(q.size, -1)
    weight = (half * _WEIGHTS).reshape(q.size, -1) * np.exp(-x * x / 2)
    return x, weight / weight.sum(axis=1, keepdims=True)


ACTIVATIONS: Catalogue[Activation] = Catalogue("activation", "glorot.activations")


class Formula(NamedTuple):
    """What a page of the catalogue returns: φ, φ′, and where φ′ jumps."""

    function: Function
    derivative: Function
    kinks: tuple[float, ...] = ()


def entry(*aliases: str) -> Callable[[Callable[..., Formula]], Callable[..., Activation]]:
    """Turn a function that returns a formula into an entry of the catalogue."""

    def register(formula: Callable[..., Formula]) -> Callable[..., Activation]:
        @functools.wraps(formula)
        def factory(*positional: float, **keywords: float) -> Activation:
            arguments = inspect.signature(formula).bind(*positional, **keywords).arguments
            for key, value in arguments.items():
                if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                    raise GlorotError(f"{formula.__name__}: {key} must be a finite number, got {value!r}")
            function, derivative, kinks = formula(**arguments)
            name = format_call(formula.__name__, formula, arguments)
            return Activation(name, _in_float64(function), _in_float64(derivative), kinks)

        ACTIVATIONS.add(factory, *aliases)
        return factory

    return register


def _in_float64(function: Function) -> Function:
    return lambda z: function(np.asarray(z, dtype=np.float64))
