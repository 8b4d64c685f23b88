"""Mean-field theory: the signal and the gradient that a wide chain of layers starts with, predicted."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glorot.activations import Activation, Function, Moments, activation, pair_moment
from glorot.errors import GlorotError

Array = NDArray[np.float64]
ActivationLike = str | Activation | Function

SMALLEST_SIGNAL, LARGEST_SIGNAL, ROUNDING = 1e-8, 1e12, 1e-13
_NEAR_ONE = 1 - 0.5 ** np.arange(31)  # correlations, from 0 up to 1 - 1e-9


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
        bias_variance: Var b, ≥ 0.
        bias_mean: E b, the value of constant biases.
    """

    name: str
    fan_in: float
    fan_out: float
    weight_variance: float
    activation: ActivationLike = "identity"
    weight_mean: float = 0.0
    bias_variance: float = 0.0
    bias_mean: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """What the theory says of one layer, pooled over units and examples.

    Args:
        name: the layer's.
        preactivation_variance: q_l = Var z_l.
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

    Forward q_l = fan_in_l·Var W_l·E φ_{l-1}² + Var b_l, and backward
    E(∂L/∂z_l)² = fan_out_{l+1}·Var W_{l+1}·E φ_l′²·E(∂L/∂z_{l+1})², under z_l ~ N(E b_l, q_l). Exact as
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
            normal: constant weights are out of the theory's reach), or a number makes no sense.

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
            "with a common mean all units move together, and no preactivation is normal"
        )
    numbers = {k: getattr(layer, k) for k in ("fan_in", "fan_out", "weight_variance", "bias_variance")}
    _check(**{f"layer {layer.name!r}: {k}": v for k, v in numbers.items()})
    if not math.isfinite(layer.bias_mean):
        raise GlorotError(f"layer {layer.name!r}: bias_mean must be finite, got {layer.bias_mean:g}")


def _forward(layers: Sequence[Layer], signal: Array) -> list[tuple[Array, Moments]]:
    """Return q and the moments of every layer, one number per example."""
    result = []
    for layer in layers:
        with np.errstate(over="ignore"):  # moments refuse what is infinite
            q = layer.fan_in * layer.weight_variance * signal + layer.bias_variance
        moments = activation(layer.activation).moments(q, layer.bias_mean)
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
        The fixed point that q = 1 leads to; where every q is one (He's law for relu), 1.

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

    def excess(q: float) -> float:
        return weight_variance * float(act.moments(q).second_moment) + bias_variance - q

    if abs(excess(1.0)) <= ROUNDING:
        return 1.0
    low, high = 0.5, 1.0
    if excess(1.0) > 0:
        low, high = _growing(excess, f"{act.name} at σ_w²={weight_variance:g}, σ_b²={bias_variance:g}")
    while low and excess(low) < 0:
        low, high = (low / 2, low) if low > SMALLEST_SIGNAL else (0.0, low)
    return _bisect(excess, low, high) if low or excess(0.0) > ROUNDING else 0.0


def _growing(excess: Callable[[float], float], what: str) -> tuple[float, float]:
    """Return where a variance that grows from 1 stops growing, between a power of two and the next."""
    high = 1.0
    while excess(high) > -ROUNDING * high:  # its rounding grows with q
        high *= 2
        if high > LARGEST_SIGNAL:
            raise GlorotError(
                f"{what}: the variance has no fixed point, it grows without end from layer to layer; "
                "take a smaller σ_w²"
            )
    return high / 2, high


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
    map's slope, σ_w²·E φ′(u₁)φ′(u₂), at its fixed point c*. The map is convex, so in the ordered phase c* = 1, of
    slope χ₁, and in the chaotic one there is one other c* below 1, to which all inputs come.

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

    def excess(c: Any) -> Any:
        return (weight_variance * pair_moment(act.function, q, q, c, kinks=act.kinks) + bias_variance) / q - c

    chi_one = chi(act, weight_variance, q)
    correlation = _chaotic(excess) if chi_one > 1 + ROUNDING else 1.0
    if correlation == 1:
        return Phase(q, chi_one, 1.0, _depth_scale(min(chi_one, 1.0)))
    slope = weight_variance * float(pair_moment(act.derivative, q, q, correlation, kinks=act.kinks))
    return Phase(q, chi_one, correlation, _depth_scale(slope))


def _chaotic(excess: Callable[[Any], Any]) -> float:
    """Return the c below 1 where a correlation stops growing; 1 where that is too near to 1 to be told from it."""
    falls = np.flatnonzero(excess(_NEAR_ONE) < -ROUNDING)
    if excess(0.0) <= ROUNDING:
        return 0.0
    return _bisect(excess, *_NEAR_ONE[falls[0] - 1 : falls[0] + 1]) if falls.size else 1.0


def _depth_scale(slope: float) -> float:
    """Return ξ for a slope in [-1, 1]: what dies out faster than by any factor has the depth 0."""
    if abs(slope) <= ROUNDING:
        return 0.0
    return math.inf if abs(slope) >= 1 - 1e-12 else -1 / math.log(abs(slope))


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

    def excess(q: Any) -> Any:
        m = act.moments(q)
        with np.errstate(divide="ignore", invalid="ignore"):
            return m.second_moment / m.derivative_second_moment + bias_variance - q

    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 201)])
    above = excess(grid) <= 0
    high = 0.0  # right if above[0]: σ_b² = 0 and φ(0) = 0, so a weak signal stays weak
    if not above.any():
        raise GlorotError(f"{act.name}: no σ_w² has χ₁ = 1 at its fixed point, for σ_b²={bias_variance:g}")
    if not above[0]:
        high = _bisect(excess, grid[np.argmax(above) - 1], grid[np.argmax(above)])
    critical = 1 / chi(act, 1.0, high)
    less, more = (0.999 * high, 1.001 * high) if high else (0.0, 1e-3)
    rise = np.diff(act.moments(np.array([less, more])).second_moment)[0] / (more - less)
    if critical * rise > 1 + 1e-6:
        raise GlorotError(f"{act.name}: at σ_b²={bias_variance:g}, where χ₁ = 1, the variance is not stable")
    return critical


def _bisect(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function that is positive at `low` and negative at `high` crosses 0, to the last digit."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return float(high)


def _check(**numbers: float) -> None:
    for key, value in numbers.items():
        if not (math.isfinite(value) and value >= 0):
            raise GlorotError(f"{key} must be finite and not negative, got {value:g}")
