"""Activations: nonlinearities with their Gaussian moments, from which the gain of a layer follows."""

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
    """E φ(z), E φ(z)² and E φ′(z)² under z ~ N(0, q): floats, or arrays where q was an array."""

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

    def moments(self, q: float | Array = 1.0) -> Moments:
        """Return the mean, second moment and slope second moment for z ~ N(0, q).

        E f(√q·x) under x ~ N(0, 1), by Gauss-Legendre panels that end at every kink. At q = 0 the
        mean and the second moment are φ(0) and φ(0)², the slope that of q → 0. A φ that goes on waving
        (sin) is right up to q = 100.

        Args:
            q: variance of the preactivation, ≥ 0: one number, or an array of any shape.

        Raises:
            GlorotError: if q is negative or not finite, or a moment overflows.

        Example:
            >>> activation("relu").moments(np.array([1.0, 4.0])).second_moment.round(6).tolist()
            [0.5, 2.0]
        """
        variances = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if not np.all(np.isfinite(variances) & (variances >= 0)):
            raise GlorotError(f"{self.name}: the variance q must be finite and not negative, got {q!r}")
        flat = variances.ravel()
        parts = [self._integrate(flat[i : i + _CHUNK]) for i in range(0, max(flat.size, 1), _CHUNK)]
        result = np.concatenate(parts, axis=1).reshape(3, *variances.shape)
        if not np.all(np.isfinite(result)):
            raise GlorotError(f"{self.name}: a moment overflows at variance {flat.max():g}")
        return Moments(*result) if np.ndim(q) else Moments(*(float(row[0]) for row in result))

    def _integrate(self, q: Array) -> Array:
        x, weight = _panels(q, self.kinks)
        with np.errstate(all="ignore"):
            z = np.maximum(np.sqrt(q), 1e-100)[:, None] * x  # q = 0: still tells left from right
            value, slope = self.function(z), self.derivative(z)
            result = np.stack([np.sum(weight * f, axis=1) for f in (value, value**2, slope**2)])
            at_zero = self.function(np.zeros(1))
        result[:2] = np.where(q > 0, result[:2], np.stack([at_zero, at_zero**2]))
        return result

    @functools.cached_property
    def gain(self) -> float:
        """1/√E φ² for z ~ N(0, 1): weights scaled by it hold the second moment of the signal at 1."""
        second = self.moments().second_moment
        if second == 0:
            raise GlorotError(f"{self.name}: no gain, for E φ(z)² is 0: it lets no signal through")
        return 1 / math.sqrt(second)

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
            >>> activation("relu").scale_gains()[1].__round__(4), activation("sigmoid").scale_gains()
            (1.4142, (4.0, 4.0))
        """
        if self.squashes_off_zero and self.slope_at_zero != 0:
            return 1 / self.slope_at_zero, 1 / self.slope_at_zero
        slope = self.moments().derivative_second_moment
        if slope == 0:
            raise GlorotError(f"{self.name}: no backward gain, for E φ′(z)² is 0: no gradient passes")
        return self.gain, 1 / math.sqrt(slope)

    @functools.cached_property
    def steepest(self) -> float:
        """The maximum of |φ′| over |z| ≤ 10; a unit is called saturated where |φ′| is below 5 % of it."""
        beside = [k + side for k in self.kinks for side in (-1e-6, 1e-6)]
        return float(np.max(np.abs(self.derivative(np.concatenate([np.linspace(-10, 10, 4001), beside])))))


def _panels(q: Array, kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Return nodes and N(0, 1) weights, one row per variance, in panels that end at every kink."""
    bends = np.concatenate([_SCALES, kinks]) / np.maximum(np.sqrt(q), 1e-100)[:, None]
    steps = np.broadcast_to(np.arange(-TAIL, TAIL + 1), (q.size, int(2 * TAIL) + 1))
    ends = np.sort(np.concatenate([np.clip(bends, -TAIL, TAIL), steps], axis=1), axis=1)
    half = np.diff(ends, axis=1)[..., None] / 2
    x = (ends[:, :-1, None] + half + half * _NODES).reshape(q.size, -1)
    weight = (half * _WEIGHTS).reshape(q.size, -1) * np.exp(-x * x / 2)
    return x, weight / weight.sum(axis=1, keepdims=True)


def activation(spec: "str | Activation | Function") -> Activation:
    """Return the activation that a text, an `Activation` or a function on NumPy arrays stands for.

    The kinks and the slope of a function are found numerically.

    Args:
        spec: a name or a call such as "elu(alpha=0.5)"; or any function that maps a float array to
            real numbers of the same shape, element by element.

    Raises:
        GlorotError: if the name or its parameters are unknown, or the function is not such a map.

    Example:
        >>> activation("swish").name, activation("leaky_relu(0.2)").name
        ('silu', 'leaky_relu(negative_slope=0.2)')
        >>> activation(lambda z: np.maximum(z, 0)).gain.__round__(6)  # He's √2, from the function alone
        1.414214
    """
    if isinstance(spec, Activation):
        return spec
    if isinstance(spec, str):
        return ACTIVATIONS.make(spec)
    if callable(spec):
        return _from_function(spec)
    raise GlorotError(f"an activation is a name, an Activation or a function on arrays, got {spec!r}")


def _from_function(function: Callable[..., Any]) -> Activation:
    name = str(getattr(function, "__name__", type(function).__name__))

    def checked(z: Array) -> Array:
        z = np.asarray(z, dtype=np.float64)
        try:
            with np.errstate(all="ignore"):
                result = np.asarray(function(z))
        except Exception as error:  # whatever the user's code raises, say where it was called
            raise GlorotError(f"{name}: calling it on a float64 array of shape {z.shape}: {error}") from error
        if result.shape != z.shape:
            raise GlorotError(f"{name}: must keep the shape, but made {result.shape} from {z.shape}")
        if result.dtype.kind not in "fiub":
            raise GlorotError(f"{name}: must return real numbers, returned dtype {result.dtype}")
        return result.astype(np.float64)

    grid = np.linspace(-TAIL, TAIL, 97)
    wrong = grid[~np.isfinite(checked(grid))]
    if wrong.size:
        raise GlorotError(f"{name}: must be finite, but is not at z = {wrong[0]:g}")
    kinks = _find_kinks(checked)
    return Activation(name, checked, lambda z: _slope(checked, np.asarray(z, dtype=np.float64), kinks), kinks)


def _slope(function: Function, z: Array, kinks: tuple[float, ...]) -> Array:
    """Differentiate with a stencil of order 4 that keeps clear of 0 and of every kink."""
    for kink in kinks:
        z = np.where(np.abs(z - kink) < 3e-6, kink + np.copysign(3e-6, z - kink), z)
    away = np.min([np.abs(z - bend) for bend in (0.0, *kinks)], axis=0)
    h = np.clip(away / 3, 1e-6, 1e-3)
    near, far = (function(z + k * h) - function(z - k * h) for k in (1, 2))
    return np.asarray((8 * near - far) / (12 * h))


def _find_kinks(function: Function) -> tuple[float, ...]:
    """Find where φ or its slope jumps: scan |z| ≤ 10, halve the cells, keep jumps that do not fade."""

    def slope(z: Array) -> Array:
        return (function(z) - function(z - 1e-6)) / 1e-6

    grid = np.linspace(-10.0123, 10.0123, 8001)  # off round numbers, where kinks like to sit
    values, slopes = function(grid), slope(grid)
    reach = (grid[1] - grid[0]) * (np.abs(slopes[1:]) + np.abs(slopes[:-1]))
    leaps = np.abs(np.diff(values)) > 3 * reach + 1e-6
    threshold = 1e-3 * max(float(np.max(np.abs(slopes))), 1e-12)
    cells = np.flatnonzero(leaps | (np.abs(np.diff(slopes)) > threshold))
    left, right, leap = grid[cells], grid[cells + 1], leaps[cells]
    while left.size and np.max(right - left) > 1e-9:
        middle = (left + right) / 2
        rows = [np.where(leap, function(z), slope(z)) for z in (left, middle, right)]
        first = np.abs(rows[1] - rows[0]) > np.abs(rows[2] - rows[1])
        left, right = np.where(first, left, middle), np.where(first, middle, right)
    a, b = left - 1e-5, right + 1e-5
    slope_a, slope_b = slope(a), slope(b + 1e-6)
    with np.errstate(all="ignore"):  # where two tangents meet: sharper than the halving
        meet = (function(b) - function(a) + slope_a * a - slope_b * b) / (slope_a - slope_b)
    at = np.where((meet > a) & (meet < b) & ~leap, meet, (left + right) / 2)
    found = np.round(at[leap | (np.abs(slope_b - slope_a) > threshold)], 8) + 0.0
    return tuple(found[np.diff(found, prepend=-np.inf) > 1e-4].tolist())


ACTIVATIONS: Catalogue[Activation] = Catalogue("activation")


class Formula(NamedTuple):
    """What a page of the catalogue returns: φ, φ′, and where φ′ jumps."""

    function: Function
    derivative: Function
    kinks: tuple[float, ...] = ()


def _entry(*aliases: str) -> Callable[[Callable[..., Formula]], Callable[..., Activation]]:
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


_ERF_STEP = 1 / 128
_ERF = np.array([math.erf(k * _ERF_STEP) for k in range(6 * 128 + 1)])


def _erf(z: Array) -> Array:
    """Return erf to 1e-15: Taylor's five terms from the nearest of 769 tabulated values."""
    size = np.minimum(np.abs(z), 6.0)
    index = np.rint(size / _ERF_STEP).astype(np.intp)
    a = np.asarray(index * _ERF_STEP, dtype=np.float64)
    d, s = size - a, a * a
    series = (4 * s * s - 12 * s + 3) / 30
    series = series * d - a * (2 * s - 3) / 6
    series = ((series * d + (2 * s - 1) / 3) * d - a) * d + 1
    return np.copysign(_ERF[index] + _gauss(a) * series * d, z)


def _gauss(z: Array) -> Array:
    """Return 2/√π·exp(-z²), the slope of erf."""
    return np.asarray(2 / math.sqrt(math.pi) * np.exp(-z * z))


def _logistic(z: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(z / 2))


def _softplus(z: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, z))


def _where(condition: NDArray[np.bool_], yes: Array | float, no: Array | float) -> Array:
    return np.asarray(np.where(condition, yes, no), dtype=np.float64)


@_entry("linear")
def identity() -> Formula:
    """No bend at all: φ(z) = z.

    When to use: output layers and linear nets; Xavier's derivation is exact for it, at any depth.

    Example:
        >>> [round(g, 9) for g in activation("identity").scale_gains()]  # nothing to make up for
        [1.0, 1.0]

    References:
        Glorot & Bengio 2010, §4.2.1: the linear regime.
    """
    return Formula(lambda z: z, np.ones_like)


@_entry()
def relu() -> Formula:
    """Rectifier: φ(z) = max(z, 0).

    When to use: the default of deep nets, with He's law: half of E z² is lost, forward and backward,
    so the variance of the weights doubles. Xavier's loses a factor 2 per layer.

    Example:
        >>> m = activation("relu").moments()
        >>> round(m.second_moment, 6), round(m.derivative_second_moment, 6)
        (0.5, 0.5)

    References:
        He et al. 2015, eq. 10 and 14.
    """
    return Formula(lambda z: np.maximum(z, 0.0), lambda z: _where(z > 0, 1.0, 0.0), (0.0,))


@_entry("leakyrelu")
def leaky_relu(negative_slope: float = 0.01) -> Formula:
    """Leaky rectifier: φ(z) = z for z > 0, else negative_slope·z.

    Args:
        negative_slope: the slope a below zero, dimensionless. PReLU starts at 0.25.

    When to use: as relu, with He's law for a leak: weights of variance 2/((1 + a²)·fan).

    Example:
        >>> a = 0.2
        >>> round(activation(f"leaky_relu({a})").gain ** 2 * (1 + a**2), 6)
        2.0

    References:
        Maas et al. 2013; He et al. 2015, eq. 15.
    """
    kinks = () if negative_slope == 1 else (0.0,)
    return Formula(lambda z: _where(z > 0, z, negative_slope * z), lambda z: _where(z > 0, 1.0, negative_slope), kinks)


@_entry("relu_6")
def relu6() -> Formula:
    """Rectifier capped at 6: φ(z) = min(max(z, 0), 6).

    When to use: mobile nets in low precision, with He's law: at unit variance the cap is six
    standard deviations away and costs 4e-9 of E φ².

    Example:
        >>> round(activation("relu6").gain / activation("relu").gain, 6)
        1.0

    References:
        Howard et al. 2017 (MobileNets).
    """
    return Formula(lambda z: np.clip(z, 0.0, 6.0), lambda z: _where((z > 0) & (z < 6), 1.0, 0.0), (0.0, 6.0))


@_entry()
def elu(alpha: float = 1.0) -> Formula:
    """Exponential linear unit: φ(z) = z for z > 0, else alpha·(e^z - 1).

    Args:
        alpha: the depth -alpha that φ falls to, dimensionless.

    When to use: where activations should stay near mean zero; between He's law (gain 1.414) and
    Xavier's (1), for two thirds of E z² come through.

    Example:
        >>> round(activation("elu").moments().mean, 4), round(activation("relu").moments().mean, 4)
        (0.1605, 0.3989)

    References:
        Clevert et al. 2016.
    """

    def derivative(z: Array) -> Array:
        return _where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0)))

    kinks = () if alpha == 1 else (0.0,)
    return Formula(lambda z: _where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0))), derivative, kinks)


@_entry()
def selu() -> Formula:
    """Self-normalising unit: φ(z) = 1.0507·elu(z, alpha=1.6733).

    When to use: deep dense nets without normalisation, with LeCun's law (variance 1/fan_in): mean 0
    and variance 1 are its fixed point. A gain of ¾, as some tables have it, leaves that point.

    Example:
        >>> m = activation("selu").moments()
        >>> abs(m.mean) < 1e-12, round(m.second_moment, 9)
        (True, 1.0)

    References:
        Klambauer et al. 2017, eq. 2 and 14.
    """
    alpha, scale = 1.6732632423543772, 1.0507009873554805

    def function(z: Array) -> Array:
        return scale * _where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))

    return Formula(function, lambda z: scale * _where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0))), (0.0,))


@_entry()
def gelu() -> Formula:
    """Gaussian error linear unit: φ(z) = z·Φ(z), Φ the normal distribution function.

    When to use: transformers; under He's law a layer keeps 2·0.425 = 85 % of the variance at q = 1, and
    ever less below. Residual nets bear it; a plain deep one wants the gain 1.534.

    Example:
        >>> round(2 * activation("gelu").moments().second_moment, 3)
        0.85

    References:
        Hendrycks & Gimpel 2016.
    """

    def derivative(z: Array) -> Array:
        return 0.5 + 0.5 * _erf(z / math.sqrt(2)) + z * _gauss(z / math.sqrt(2)) / math.sqrt(8)

    return Formula(lambda z: z * (0.5 + 0.5 * _erf(z / math.sqrt(2))), derivative)


@_entry("gelu_new", "gelu_pytorch_tanh")
def gelu_tanh() -> Formula:
    """GELU's tanh approximation: φ(z) = z·(1 + tanh(√(2/π)·(z + 0.044715·z³)))/2.

    When to use: as gelu, where GPT-2's or BERT's weights expect it; the two differ by 5e-4 at most,
    and their gains by less than 1e-4.

    Example:
        >>> round(activation("gelu_tanh").gain - activation("gelu").gain, 6)
        5e-05

    References:
        Hendrycks & Gimpel 2016, §2.
    """
    c = math.sqrt(2 / math.pi)

    def bent(z: Array) -> Array:
        return np.asarray(np.tanh(c * (z + 0.044715 * z**3)))

    def derivative(z: Array) -> Array:
        t = bent(z)
        return 0.5 + 0.5 * t + 0.5 * z * (1 - t * t) * c * (1 + 0.134145 * z * z)

    return Formula(lambda z: 0.5 * z * (1 + bent(z)), derivative)


@_entry("swish")
def silu() -> Formula:
    """Sigmoid-weighted linear unit, or swish: φ(z) = z·sigmoid(z).

    When to use: modern conv nets and gated transformer blocks. Near zero it is z/2, so a weak signal
    loses three quarters of its variance: let the gain, 1.677, hold it at unit variance instead of He's.

    Example:
        >>> silu = activation("silu")
        >>> [round(silu.moments(q).second_moment / q, 3) for q in (0.01, 1.0, 100.0)]
        [0.252, 0.356, 0.499]

    References:
        Elfwing et al. 2018; Ramachandran et al. 2017.
    """

    def derivative(z: Array) -> Array:
        s = _logistic(z)
        return s + z * s * (1 - s)

    return Formula(lambda z: z * _logistic(z), derivative)


@_entry()
def mish() -> Formula:
    """Mish: φ(z) = z·tanh(softplus(z)).

    When to use: where silu is; it lets a little more through, so He's law is 5 % short of its gain.

    Example:
        >>> round(activation("mish").gain / activation("relu").gain, 3)
        1.051

    References:
        Misra 2020.
    """

    def derivative(z: Array) -> Array:
        t: Array = np.tanh(_softplus(z))
        return t + z * (1 - t * t) * _logistic(z)

    return Formula(lambda z: z * np.tanh(_softplus(z)), derivative)


@_entry()
def softplus() -> Formula:
    """Smooth rectifier: φ(z) = log(1 + e^z).

    When to use: outputs that must be positive. In hidden layers its mean of 0.8 makes up 70 % of
    E φ², and under a third of the gradient's variance passes: no scale serves both directions.

    Example:
        >>> tuple(round(g, 2) for g in activation("softplus").scale_gains())
        (1.04, 1.85)

    References:
        Dugas et al. 2001.
    """
    return Formula(_softplus, _logistic)


@_entry("soft_sign")
def softsign() -> Formula:
    """Softsign: φ(z) = z/(1 + |z|).

    When to use: with Xavier's law, for φ′(0) = 1; its flanks are polynomial, so it saturates far more
    gently than tanh and forgives a poor scale.

    Example:
        >>> z = np.array([4.0])
        >>> (activation("softsign").derivative(z) / activation("tanh").derivative(z)).round()
        array([30.])

    References:
        Bergstra et al. 2009; Glorot & Bengio 2010, §3.3.
    """
    return Formula(lambda z: z / (1 + np.abs(z)), lambda z: (1 + np.abs(z)) ** -2.0)


@_entry()
def tanh() -> Formula:
    """Hyperbolic tangent: φ(z) = tanh z.

    When to use: with Xavier's law: odd and of slope 1 at zero, it is linear for weak signals, and so
    the derivation holds. At unit variance 0.39 of E φ² is left; later layers lose ever less.

    Example:
        >>> tanh = activation("tanh")
        >>> [round(tanh.moments(q).second_moment / q, 3) for q in (1.0, 0.1, 0.01)]
        [0.394, 0.842, 0.981]

    References:
        Glorot & Bengio 2010, §3.2 and §4.2.1.
    """
    return Formula(np.tanh, lambda z: 1 - np.tanh(z) ** 2)


@_entry("logistic")
def sigmoid() -> Formula:
    """Logistic sigmoid: φ(z) = 1/(1 + e^-z).

    When to use: gates and output probabilities. In hidden layers Xavier's derivation breaks twice:
    φ′(0) = 1/4, so each layer divides the gradient by four, and the mean is 1/2, so E x = 0 fails and
    pushes the top layer into saturation. Four times Xavier restores unit slope but not the mean: the
    gain 1.846 would only hold E φ², 85 % of which is that mean. Better use tanh.

    Example:
        >>> s = activation("sigmoid")
        >>> s.slope_at_zero, s.squashes_off_zero, s.scale_gains()
        (0.25, True, (4.0, 4.0))
        >>> m = s.moments()
        >>> round(m.mean**2 / m.second_moment, 2)
        0.85

    References:
        Glorot & Bengio 2010, §3.1; Xavier ×4: DeepLearning.net tutorial on multilayer perceptrons.
    """

    def derivative(z: Array) -> Array:
        s = _logistic(z)
        return s * (1 - s)

    return Formula(_logistic, derivative)


@_entry("hard_swish", "hard_silu")
def hardswish() -> Formula:
    """Piecewise swish: φ(z) = z·min(max(z + 3, 0), 6)/6.

    When to use: mobile nets in place of silu; like it, it is z/2 near zero and wants more than He's
    law: its gain is 1.737.

    Example:
        >>> hardswish = activation("hardswish")
        >>> hardswish.slope_at_zero, hardswish.kinks
        (0.5, (-3.0, 3.0))

    References:
        Howard et al. 2019 (MobileNetV3).
    """

    def derivative(z: Array) -> Array:
        return _where(np.abs(z) < 3, z / 3 + 0.5, _where(z > 0, 1.0, 0.0))

    return Formula(lambda z: z * np.clip(z + 3, 0.0, 6.0) / 6, derivative, (-3.0, 3.0))


@_entry("hard_sigmoid")
def hardsigmoid() -> Formula:
    """Piecewise sigmoid: φ(z) = min(max(z + 3, 0), 6)/6.

    When to use: cheap gates. In hidden layers the same holds as for sigmoid: mean 1/2, and slope 1/6,
    so six times Xavier restores unit slope.

    Example:
        >>> [round(g, 9) for g in activation("hardsigmoid").scale_gains()]
        [6.0, 6.0]

    References:
        Courbariaux et al. 2015; Howard et al. 2019.
    """
    return Formula(lambda z: np.clip(z + 3, 0.0, 6.0) / 6, lambda z: _where(np.abs(z) < 3, 1 / 6, 0.0), (-3.0, 3.0))


@_entry("hard_tanh")
def hardtanh() -> Formula:
    """Clipped identity: φ(z) = min(max(z, -1), 1).

    When to use: with Xavier's law, exact until the signal reaches ±1; at unit variance a third of the
    units, P(|z| > 1), lie on the flat and pass no gradient.

    Example:
        >>> round(1 - activation("hardtanh").moments().derivative_second_moment, 3)
        0.317

    References:
        Collobert 2004.
    """
    return Formula(lambda z: np.clip(z, -1.0, 1.0), lambda z: _where(np.abs(z) < 1, 1.0, 0.0), (-1.0, 1.0))


@_entry("sine")
def sin() -> Formula:
    """Sine: φ(z) = sin z.

    When to use: implicit representations. E φ² = (1 - e^(-2q))/2 never exceeds 1/2; SIREN's law,
    U(±√(6/fan_in)) of variance 2/fan_in, holds z at the fixed point q = 1 - e^(-2q) = 0.797.

    Example:
        >>> sin = activation("sin")
        >>> [round(sin.moments(q).second_moment, 3) for q in (0.1, 1.0, 4.0)]
        [0.091, 0.432, 0.5]

    References:
        Sitzmann et al. 2020, §3.2.
    """
    return Formula(np.sin, np.cos)


@_entry("relu2", "squared_relu")
def relu_squared() -> Formula:
    """Squared rectifier: φ(z) = max(z, 0)².

    When to use: transformer blocks with a norm before them. E φ² grows as q², so no gain holds it:
    whatever is above the fixed point explodes, whatever is below dies out.

    Example:
        >>> relu2 = activation("relu_squared")
        >>> [round(relu2.moments(q).second_moment, 6) for q in (0.5, 1.0, 2.0)]
        [0.375, 1.5, 6.0]

    References:
        So et al. 2021 (Primer).
    """
    return Formula(lambda z: np.maximum(z, 0.0) ** 2, lambda z: 2 * np.maximum(z, 0.0))


@_entry()
def erf() -> Formula:
    """Error function: φ(z) = 2/√π·∫₀ᶻ e^(-t²) dt.

    When to use: theory, for its moments are closed: E φ² = 2/π·arcsin(2q/(1 + 2q)). Of slope 2/√π at
    zero, it needs Xavier's law times √π/2 to be neutral for weak signals.

    Example:
        >>> math.isclose(activation("erf").moments().second_moment, 2 / math.pi * math.asin(2 / 3))
        True

    References:
        Williams 1997, eq. 11.
    """
    return Formula(_erf, _gauss)


@_entry("log_sigmoid")
def logsigmoid() -> Formula:
    """Logarithm of the sigmoid: φ(z) = -log(1 + e^-z), which is -softplus(-z).

    When to use: inside losses. As a hidden layer it has softplus' moments with a negative mean.

    Example:
        >>> [round(activation(name).moments().mean, 4) for name in ("logsigmoid", "softplus")]
        [-0.8061, 0.8061]

    References:
        Dugas et al. 2001, for softplus.
    """
    return Formula(lambda z: -_softplus(-z), lambda z: _logistic(-z))


@_entry("soft_shrink")
def softshrink(lambd: float = 0.5) -> Formula:
    """Soft threshold: φ(z) = sign(z)·max(|z| - lambd, 0).

    Args:
        lambd: the threshold, ≥ 0, in the units of z.

    When to use: sparse coding. Weak signals die altogether, so the variance must stay near where the
    gain, 1.544 at unit variance, was taken.

    Example:
        >>> softshrink = activation("softshrink")
        >>> [round(softshrink.moments(q).second_moment / q, 3) for q in (0.01, 1.0, 100.0)]
        [0.0, 0.419, 0.923]

    References:
        Donoho 1995; Gregor & LeCun 2010.
    """
    if lambd < 0:
        raise GlorotError(f"softshrink: lambd must not be negative, got {lambd:g}")
    kinks = (-lambd, lambd) if lambd else ()
    return Formula(lambda z: z - np.clip(z, -lambd, lambd), lambda z: _where(np.abs(z) > lambd, 1.0, 0.0), kinks)


@_entry("tanh_shrink")
def tanhshrink() -> Formula:
    """Tanh shrinkage: φ(z) = z - tanh(z).

    When to use: hardly at all in depth: φ′(0) = 0, so a signal that weakens is cubed away, and no
    Xavier-like law exists. The gain 2.338 balances at unit variance, unstably.

    Example:
        >>> tanhshrink = activation("tanhshrink")
        >>> [round(tanhshrink.moments(q).second_moment / q, 5) for q in (0.01, 1.0, 100.0)]
        [0.00016, 0.18288, 0.85028]

    References:
        PyTorch, torch.nn.Tanhshrink.
    """
    return Formula(lambda z: z - np.tanh(z), lambda z: np.tanh(z) ** 2)
