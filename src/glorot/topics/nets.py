"""Small nets on NumPy alone, that topics measure and train: one pass through a deep net, and a few steps of one."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glorot import stream
from glorot.activations import Activation, activation
from glorot.distributions import Normal

Floats = NDArray[np.float64]
Std = Callable[[int, int], float]
EXAMPLES = 16
"""That go through a deep net: few, so that a product of matrices is too small to be spread over threads."""


def drawn(name: str, outputs: int, inputs: int, std: float, seed: int = 0) -> Floats:
    """Return normal weights of mean 0, (outputs, inputs), as glorot's stream gives them to this name and seed.

    Example:
        >>> drawn("layers.0.weight", 100, 300, std=0.1).std().round(2).item()
        0.1
    """
    if std == 0:
        return np.zeros((outputs, inputs))
    law, key = Normal(0.0, std), stream.key_of(seed, name)
    return np.asarray(stream.draw(key, law, (outputs, inputs), axes="oi", dtype=np.float64))


@dataclass(frozen=True)
class Pass:
    """What one pass through a deep net shows, layer by layer.

    Attributes:
        weights: of each layer, (out, in).
        sums: z of each layer, (examples, units).
        values: φ(z) of each layer.
        last: the gradient of the loss at the last values, of standard deviation 1.
        phi: φ.
    """

    weights: tuple[Floats, ...]
    sums: tuple[Floats, ...]
    values: tuple[Floats, ...]
    last: Floats
    phi: Activation

    def signal(self) -> list[float]:
        """Return the standard deviation of each layer's values."""
        return [float(value.std()) for value in self.values]

    def gradient(self) -> list[float]:
        """Return the standard deviation of each layer's ∂L/∂z."""
        gradient = self.last * self.phi.derivative(self.sums[-1])
        found = [float(gradient.std())]
        for weight, z in zip(self.weights[:0:-1], self.sums[-2::-1], strict=True):
            gradient = (gradient @ weight) * self.phi.derivative(z)
            found.append(float(gradient.std()))
        return found[::-1]

    def flat(self) -> list[float]:
        """Return the share of units and examples where |φ′| is below 5 % of its maximum, by layer."""
        return [float(np.mean(np.abs(self.phi.derivative(z)) < 0.05 * self.phi.steepest)) for z in self.sums]


def deep_pass(
    phi: str, scale: float, depth: int = 10, width: int = 128, examples: int = EXAMPLES, seed: int = 0
) -> Pass:
    """Send standard normal examples through a chain of equal layers, and a gradient back.

    z_l = W_l·φ(z_{l−1}), W ~ N(0, scale²/width)

    Args:
        phi: the activation.
        scale: σ·√width, so that scale² = fan_in·Var(w): 1 is Xavier's here, √2 He's.
        depth: number of layers.
        width: units of each, and of the input.
        examples: how many.
        seed: of examples and weights.

    Example:
        >>> [round(std, 2) for std in deep_pass("identity", 0.5, depth=3).signal()]
        [0.5, 0.25, 0.12]
    """
    act = activation(phi)
    value = drawn("examples", examples, width, 1.0, seed)
    weights = [drawn(f"layers.{layer}.weight", width, width, scale / math.sqrt(width), seed) for layer in range(depth)]
    sums, values = [], []
    for weight in weights:
        sums.append(value @ weight.T)
        value = act.function(sums[-1])
        values.append(value)
    return Pass(tuple(weights), tuple(sums), tuple(values), drawn("gradient", examples, width, 1.0, seed), act)


def signal_through(layer: Callable[[Floats, Floats], Floats], depth: int = 20, width: int = 128) -> list[float]:
    """Return the standard deviation of the values after each of a chain of layers.

    Args:
        layer: makes the next values of values and of a weight with n·Var(w) = 1.
        depth: number of layers.
        width: units of each.

    Example:
        >>> signal_through(lambda x, weight: 2 * x, depth=2)[1] / signal_through(lambda x, weight: x, depth=1)[0]
        4.0
    """
    value, signal = drawn("examples", EXAMPLES, width, 1.0), []
    for place in range(depth):
        value = layer(value, drawn(f"layers.{place}.weight", width, width, 1 / math.sqrt(width)))
        signal.append(float(value.std()))
    return signal


@dataclass
class Net:
    """Layers that learn: weights (out, in) and biases; φ follows all but the last."""

    weights: list[Floats]
    biases: list[Floats]
    phi: Activation

    def forward(self, x: Floats) -> list[Floats]:
        """Return z of each layer."""
        sums: list[Floats] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            sums.append((self.phi.function(sums[-1]) if sums else x) @ weight.T + bias)
        return sums

    def step(self, x: Floats, y: Floats, rate: float) -> float:
        """Take one step of plain gradient descent on the mean square error, and return that error before it."""
        sums = self.forward(x)
        error = sums[-1] - y
        gradient = 2 * error / error.size
        for layer in reversed(range(len(self.weights))):
            before = self.phi.function(sums[layer - 1]) if layer else x
            below = gradient @ self.weights[layer] * self.phi.derivative(sums[layer - 1]) if layer else gradient
            self.weights[layer] -= rate * gradient.T @ before
            self.biases[layer] -= rate * gradient.sum(axis=0)
            gradient = below
        return float(np.mean(error**2))

    def loss(self, x: Floats, y: Floats) -> float:
        """Return the mean square error."""
        return float(np.mean((self.forward(x)[-1] - y) ** 2))


def net_of(sizes: Sequence[int], phi: str, std: Std, seed: int = 0) -> Net:
    """Return a net with weights of mean 0 and biases 0.

    Args:
        sizes: of the input, the hidden layers and the output.
        phi: the activation.
        std: what a layer starts from, a function of fan_in and fan_out.
        seed: of the weights.

    Example:
        >>> [weight.shape for weight in net_of([2, 8, 1], "tanh", lambda fan_in, fan_out: 1.0).weights]
        [(8, 2), (1, 8)]
    """
    pairs = list(itertools.pairwise(sizes))
    weights = [drawn(f"layers.{n}.weight", out, inputs, std(inputs, out)) for n, (inputs, out) in enumerate(pairs)]
    return Net(weights, [np.zeros(out) for _, out in pairs], activation(phi))


def constant_std(std: float) -> Std:
    """Return a start with the same σ for every layer, whatever its fans.

    Example:
        >>> constant_std(0.01)(300, 100)
        0.01
    """
    return lambda fan_in, fan_out: std


def xavier_std(fan_in: int, fan_out: int) -> float:
    """Return √(2/(fan_in + fan_out)).

    Example:
        >>> round(xavier_std(300, 100), 4)
        0.0707
    """
    return math.sqrt(2 / (fan_in + fan_out))


def deep_task(std: Std) -> tuple[Net, Floats, Floats]:
    """Return a net of four hidden tanh layers of 32 units, examples with four features, and what to learn of them.

    y = sin(2·v·x)

    Example:
        >>> net, x, y = deep_task(xavier_std)
        >>> x.shape, y.shape, round(net.loss(x, y), 1)
        ((128, 4), (128, 1), 1.0)
    """
    x = drawn("examples", 128, 4, 1.0)
    return net_of([4, 32, 32, 32, 32, 1], "tanh", std), x, answers(x)


def answers(x: Floats) -> Floats:
    """Return what the examples of the deep task are to be answered with.

    Example:
        >>> answers(np.zeros((1, 4))).item()
        0.0
    """
    return np.asarray(np.sin(2 * x @ drawn("direction", 1, 4, 0.5).T))


def wave(examples: int = 64) -> tuple[Floats, Floats]:
    """Return a small task: x from −1 to 1, and sin(4x), each as a column.

    Example:
        >>> [column.shape for column in wave(3)]
        [(3, 1), (3, 1)]
    """
    x = np.linspace(-1, 1, examples)[:, None]
    return x, np.sin(4 * x)
