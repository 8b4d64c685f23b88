"""Mean-field theory: the signal and the gradient that a wide chain of layers starts with, predicted."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glorot.activations import Activation, Function, Moments, activation
from glorot.errors import GlorotError

Array = NDArray[np.float64]
ActivationLike = str | Activation | Function

SMALLEST_SIGNAL, LARGEST_SIGNAL, ROUNDING = 1e-8, 1e12, 1e-13
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(100)
_WEIGHTS = np.outer(_WEIGHTS, _WEIGHTS) / (2 * math.pi)


@dataclass(frozen=True)
class Layer:
    """One layer of a chain: a_l = φ_l(z_l) with z_l = W_l·a_{l-1} + b_l.

    Args:
        name: what the prediction is called.
        fan_in: how many inputs are summed into one output unit.
        fan_out: how many output units one input unit feeds.
        weight_variance: Var W of one weight, ≥ 0.
        activation: the φ that follows, as `glorot.activations.activation` reads it.
        weight_mean: E W; must be 0 for a prediction.
        bias_variance: E b², ≥ 0.
    """

    name: str
    fan_in: float
    fan_out: float
    weight_variance: float
    activation: ActivationLike = "identity"
    weight_mean: float = 0.0
    bias_variance: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """What the theory says of one layer, pooled over units and examples.

    Args:
        name: the layer's.
        preactivation_variance: q_l = E z_l².
        activation_mean: E φ_l(z_l).
        activation_std: standard deviation of φ_l(z_l).
        activation_second_moment: E φ_l(z_l)², what the next layer sums.
        gradient_factor: E(∂L/∂z_l)² over E(∂L/∂z_{l+1})²; 1 for the last layer, where the gradient is given;
            NaN where the layer above has no gradient.
        gradient_std: standard deviation of ∂L/∂z_l, in the units of the given one.
    """

    name: str
    preactivation_variance: float
    activation_mean: float
    activation_std: float
    activation_second_moment: float
    gradient_factor: float
    gradient_std: float


def predict(
    layers: Sequence[Layer], second_moment: float | ArrayLike = 1.0, output_gradient_std: float = 1.0
) -> list[Prediction]:
    """Predict signal and gradient, layer by layer, at the start of training.

    Forward q_l = fan_in_l·Var W_l·E φ_{l-1}² + E b_l², and backward
    E(∂L/∂z_l)² = fan_out_{l+1}·Var W_{l+1}·E φ_l′²·E(∂L/∂z_{l+1})², under z_l ~ N(0, q_l). Exact as
    the width grows; at finite width the error is of the order depth/width. Each example keeps a q of
    its own: examples of unequal norm saturate unequally.

    Args:
        layers: the chain, input first.
        second_moment: E x² over the features of the input: one number, or an array with one per example.
        output_gradient_std: that of ∂L/∂z at the last layer.

    Returns:
        One prediction per layer, in the same order.

    Raises:
        GlorotError: if a mean of weights is not 0 (all units then move together, and no z is
            N(0, q): constant weights are out of the theory's reach), or a number makes no sense.

    Example:
        >>> net = [Layer(f"fc{i}", 1000, 1000, 1 / 1000, "tanh") for i in (1, 2, 3)]
        >>> for p in predict([*net, Layer("out", 1000, 1000, 1 / 1000)]):  # Var W = 1/n is Xavier's
        ...     print(f"{p.name}: activation {p.activation_std:.3f}, gradient {p.gradient_std:.3f}")
        fc1: activation 0.628, gradient 0.463
        fc2: activation 0.486, gradient 0.680
        fc3: activation 0.408, gradient 0.852
        out: activation 0.408, gradient 1.000

    References:
        Glorot & Bengio 2010, eq. 5 and 6; Poole et al. 2016, eq. 3; Schoenholz et al. 2017, §3.
    """
    signal = np.asarray(second_moment, dtype=np.float64).ravel()
    if not signal.size or not np.all(np.isfinite(signal) & (signal >= 0)):
        raise GlorotError(f"second_moment: needs finite numbers ≥ 0, at least one, got {second_moment!r}")
    _check(output_gradient_std=output_gradient_std)
    for layer in layers:
        _check_layer(layer)
    forward = _forward(layers, signal)
    gradients = _backward(layers, [moments for _, moments in forward], output_gradient_std**2)
    above = [*gradients[1:], *gradients[-1:]]
    return [
        _pool(layer.name, q, moments, gradient, next_gradient)
        for layer, (q, moments), gradient, next_gradient in zip(layers, forward, gradients, above, strict=True)
    ]


def _check_layer(layer: Layer) -> None:
    if layer.weight_mean != 0:
        raise GlorotError(
            f"layer {layer.name!r}: the theory needs weights of mean 0, got {layer.weight_mean:g}; "
            "with a common mean all units move together, and no preactivation is N(0, q)"
        )
    numbers = {k: getattr(layer, k) for k in ("fan_in", "fan_out", "weight_variance", "bias_variance")}
    _check(**{f"layer {layer.name!r}: {k}": v for k, v in numbers.items()})


def _forward(layers: Sequence[Layer], signal: Array) -> list[tuple[Array, Moments]]:
    """Return q and the moments of every layer, one number per example."""
    result = []
    for layer in layers:
        with np.errstate(over="ignore"):  # moments refuse what is infinite
            q = layer.fan_in * layer.weight_variance * signal + layer.bias_variance
        moments = activation(layer.activation).moments(q)
        signal = moments.second_moment
        result.append((q, moments))
    return result


def _backward(layers: Sequence[Layer], moments: Sequence[Moments], output: float) -> list[Array]:
    """Return E(∂L/∂z)² of every layer, one number per example."""
    gradients = [np.full_like(m.mean, output) for m in moments[-1:]]
    for above, below in zip(layers[:0:-1], moments[-2::-1], strict=True):
        gradients.append(above.fan_out * above.weight_variance * below.derivative_second_moment * gradients[-1])
    return gradients[::-1]


def _pool(name: str, q: Array, moments: Moments, gradient: Array, above: Array) -> Prediction:
    mean, second = float(np.mean(moments.mean)), float(np.mean(moments.second_moment))
    square, square_above = float(np.mean(gradient)), float(np.mean(above))
    return Prediction(
        name=name,
        preactivation_variance=float(np.mean(q)),
        activation_mean=mean,
        activation_std=math.sqrt(max(second - mean * mean, 0.0)),
        activation_second_moment=second,
        gradient_factor=square / square_above if square_above else math.nan,
        gradient_std=math.sqrt(square),
    )


def fixed_point(phi: ActivationLike, weight_variance: float, bias_variance: float = 0.0) -> float:
    """Return q*, the variance that a deep wide net settles at: q* = σ_w²·E φ(√q*·z)² + σ_b².

    Args:
        phi: φ, as `glorot.activations.activation` reads it.
        weight_variance: σ_w² = fan_in·Var W, dimensionless.
        bias_variance: σ_b² = E b².

    Returns:
        The stable fixed point that q = 1 leads to; where every q is one (He's law for relu), 1.

    Raises:
        GlorotError: if a variance is negative or not finite, or q grows without end.

    Example:
        >>> round(fixed_point("tanh", weight_variance=1.5, bias_variance=0.05), 4)
        0.418
        >>> round(fixed_point("tanh", 0.9), 9)  # below 1, without biases, the signal dies
        0.0

    References:
        Poole et al. 2016, eq. 3.
    """
    _check(weight_variance=weight_variance, bias_variance=bias_variance)
    act = activation(phi)

    def step(q: float) -> float:
        return weight_variance * float(act.moments(q).second_moment) + bias_variance

    return _settle(step, 1.0, f"{act.name} at σ_w²={weight_variance:g}, σ_b²={bias_variance:g}: the variance")


def chi(phi: ActivationLike, weight_variance: float, q: float) -> float:
    """Return χ₁ = σ_w²·E φ′(√q·z)²: the factor on the gradient, and on the angle of two near inputs.

    Args:
        phi: φ, as `glorot.activations.activation` reads it.
        weight_variance: σ_w² = fan_in·Var W, dimensionless.
        q: variance of the preactivation, mostly the fixed point q*.

    Raises:
        GlorotError: if a variance is negative or not finite.

    Example:
        >>> chi("relu", weight_variance=2.0, q=1.0).__round__(9)  # He's law: gradients hold their size
        1.0

    References:
        Poole et al. 2016, eq. 6; Schoenholz et al. 2017, eq. 5.
    """
    _check(weight_variance=weight_variance, q=q)
    return weight_variance * float(activation(phi).moments(q).derivative_second_moment)


@dataclass(frozen=True)
class Phase:
    """Where a deep wide net stands between order and chaos.

    Args:
        q: the fixed point of the variance.
        chi: χ₁ there; below 1 ordered (gradients vanish), above 1 chaotic (they explode).
        correlation: the fixed point c* of the correlation of two inputs; 1 in the ordered phase.
        depth_scale: ξ in layers: how deep two inputs can be told apart; infinite at χ₁ = 1.
    """

    q: float
    chi: float
    correlation: float
    depth_scale: float


def phase(phi: ActivationLike, weight_variance: float, bias_variance: float = 0.0) -> Phase:
    """Return the fixed points and the depth scale of a deep wide net.

    c ← (σ_w²·E φ(u₁)φ(u₂) + σ_b²)/q* for u of variance q* and correlation c, and ξ = -1/ln of that
    map's slope, σ_w²·E φ′(u₁)φ′(u₂), at its fixed point c*; in the ordered phase c* = 1, the slope χ₁.
    The integrals over two dimensions take 100 × 100 Gauss-Hermite nodes: ten digits for tanh, two for an
    activation with kinks.

    Args:
        phi: φ, as `glorot.activations.activation` reads it.
        weight_variance: σ_w² = fan_in·Var W, dimensionless.
        bias_variance: σ_b² = E b².

    Raises:
        GlorotError: as `fixed_point`; and where q* = 0, for a dead signal has no correlation.

    Example:
        >>> p = phase("tanh", weight_variance=2.0, bias_variance=0.05)
        >>> f"χ₁ {p.chi:.4f}, c* {p.correlation:.4f}, ξ {p.depth_scale:.2f} layers"
        'χ₁ 1.0477, c* 0.7441, ξ 25.21 layers'

    References:
        Poole et al. 2016, eq. 5; Schoenholz et al. 2017, eq. 9.
    """
    act = activation(phi)
    q = fixed_point(act, weight_variance, bias_variance)
    if q == 0:
        raise GlorotError(f"{act.name} at σ_w²={weight_variance:g}: the signal dies (q* = 0), it has no phase")

    def step(c: float) -> float:
        return (weight_variance * _paired(act.function, q, c) + bias_variance) / q

    chi_one = slope = chi(act, weight_variance, q)
    correlation = 1.0
    if chi_one > 1:
        correlation = _settle(step, 0.0, f"{act.name} at σ_w²={weight_variance:g}: the correlation")
        slope = weight_variance * _paired(act.derivative, q, correlation)
    return Phase(q, chi_one, correlation, math.inf if slope == 1 else -1 / math.log(slope))


def critical_weight_variance(phi: ActivationLike, bias_variance: float = 0.0) -> float:
    """Return the σ_w² at which χ₁ = 1: the edge of chaos, where signal and gradient reach deepest.

    Solves q = E φ²/E φ′² + σ_b² for q and returns 1/E φ′².

    Args:
        phi: φ, as `glorot.activations.activation` reads it.
        bias_variance: σ_b² = E b².

    Raises:
        GlorotError: if there is none, as for relu with biases, or the variance is unstable there (gelu).

    Example:
        >>> round(critical_weight_variance("tanh"), 5), round(critical_weight_variance("relu"), 5)
        (1.0, 2.0)
        >>> round(critical_weight_variance("tanh", bias_variance=0.05), 5)
        1.76095

    References:
        Poole et al. 2016, fig. 1; Schoenholz et al. 2017, §3.
    """
    _check(bias_variance=bias_variance)
    act = activation(phi)

    def excess(q: Array) -> Array:
        m = act.moments(q)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(q - m.second_moment / m.derivative_second_moment - bias_variance)

    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 201)])
    above = excess(grid) >= 0
    low = high = 0.0  # right if above[0]: σ_b² = 0 and φ(0) = 0, so a weak signal stays weak
    if not above.any():
        raise GlorotError(f"{act.name}: no σ_w² has χ₁ = 1 at its fixed point, for σ_b²={bias_variance:g}")
    if not above[0]:
        low, high = grid[np.argmax(above) - 1], grid[np.argmax(above)]
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if excess(np.array([middle]))[0] >= 0 else (middle, high)
    critical = 1 / chi(act, 1.0, high)
    less, more = (0.999 * high, 1.001 * high) if high else (0.0, 1e-3)
    rise = np.diff(act.moments(np.array([less, more])).second_moment)[0] / (more - less)
    if critical * rise > 1 + 1e-6:
        raise GlorotError(f"{act.name}: at σ_b²={bias_variance:g}, where χ₁ = 1, the variance is not stable")
    return critical


def _paired(function: Function, q: float, correlation: float) -> float:
    """Return E f(u₁)f(u₂) for u₁, u₂ ~ N(0, q) of the given correlation."""
    first = math.sqrt(q) * _NODES
    second = correlation * first[:, None] + math.sqrt(max(1 - correlation**2, 0.0)) * first
    return float(np.sum(_WEIGHTS * function(first)[:, None] * function(second)))


def _settle(step: Callable[[float], float], start: float, what: str) -> float:
    """Iterate to a stable fixed point; where steps shrink, Aitken's formula jumps ahead."""
    x = start
    for _ in range(500):
        one = step(x)
        two = step(one)
        first, second = one - x, two - one
        if abs(two) < SMALLEST_SIGNAL and abs(step(0.0)) < ROUNDING:
            return 0.0
        if abs(second) <= ROUNDING * abs(two):
            return two
        if abs(two) > LARGEST_SIGNAL:
            raise GlorotError(f"{what} has no fixed point: it grows beyond {LARGEST_SIGNAL:g}")
        ahead = x - first * first / (second - first) if abs(second) < abs(first) else two
        x = ahead if 0 <= ahead <= LARGEST_SIGNAL else two
    raise GlorotError(f"{what} has no fixed point that 500 steps reach: it was {x:g}")


def _check(**numbers: float) -> None:
    for key, value in numbers.items():
        if not (math.isfinite(value) and value >= 0):
            raise GlorotError(f"{key} must be finite and not negative, got {value:g}")
