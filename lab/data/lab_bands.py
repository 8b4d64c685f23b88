"""Write lab/data/bands.json, in half an hour: the narrow band of depths and scales in which nets learn."""

import base64
import functools
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lab_digits import TRAIN, scaled, shuffled
from lab_nets import ACTIVATIONS, DEEPEST, INPUTS, OUTPUTS, write_json
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

import glorot
from glorot import theory

Array = NDArray[np.float64]
WIDTH = 64
STEPS = 40
DEPTHS = [round(depth) for depth in np.linspace(1, DEEPEST, STEPS).tolist()]
SCALES = [float(f"{scale:.6g}") for scale in np.geomspace(0.1, 10, STEPS).tolist()]
"""σ·√WIDTH: what a layer multiplies a weak signal by, were φ the identity."""

EXAMPLES = 64
RATE, BATCH = 0.05, 32
TENTHS = 10
"""Logarithms are kept in tenths of a power of ten, and not beyond ±12.7."""


def bands() -> dict[str, Any]:
    """Return all of the file."""
    return {
        "width": WIDTH,
        "depths": DEPTHS,
        "scales": SCALES,
        "rate": RATE,
        "batch": BATCH,
        "activations": {name: band(name) for name in ACTIVATIONS},
    }


def band(activation: str) -> dict[str, str]:
    """Return the maps of one activation, depth by depth, each with all scales."""
    print(activation, file=sys.stderr)
    signal, gradient = measured(activation)
    theory_signal, theory_gradient = predicted(activation)
    accuracy = np.stack([accuracies(activation, depth) for depth in DEPTHS])
    return {
        "signal": packed(signal),
        "gradient": packed(gradient),
        "theory_signal": packed(theory_signal),
        "theory_gradient": packed(theory_gradient),
        "accuracy": base64.b64encode(accuracy.tobytes()).decode(),
    }


def packed(ratios: Array) -> str:
    """Return log10 of ratios in tenths, in one signed byte each; what is 0 or no number is the least."""
    with np.errstate(divide="ignore", invalid="ignore"):
        tenths = np.nan_to_num(np.log10(ratios) * TENTHS, nan=-127)
    return base64.b64encode(np.clip(np.rint(tenths), -127, 127).astype(np.int8).tobytes()).decode()


def weights(depth: int, dtype: torch.dtype) -> list[Tensor]:
    """Return the weights of a net at all scales, scale × out × in: those of `layers.0.weight` and so on, seed 0."""
    sigmas = torch.tensor(SCALES).div(math.sqrt(WIDTH)).float()[:, None, None]
    normals = [*(normals_of(number, WIDTH) for number in range(depth)), normals_of(depth, OUTPUTS)]
    return [(sigmas * each).to(dtype) for each in normals]


@functools.cache
def normals_of(number: int, rows: int) -> Tensor:
    """Return what is scaled by σ: one draw for all scales."""
    columns = INPUTS if number == 0 else WIDTH
    name = f"layers.{number}.weight"
    return torch.from_numpy(glorot.draw("normal(std=1)", (rows, columns), seed=0, name=name, in_axis=1, out_axis=0))


def examples(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return all digits, and their labels."""
    images, labels = shuffled()
    return torch.from_numpy(scaled(images)).to(dtype), torch.from_numpy(labels)


def measured(activation: str, depths: Sequence[int] = DEPTHS) -> tuple[Array, Array]:
    """Return what is left of signal and gradient at the end of their way through the hidden layers, depth × scale.

    The signal is the std of the last hidden values, over that of the inputs; the gradient that of ∂L/∂sums of the
    first layer, over that of ∂L/∂values of the last hidden one.
    """
    images, labels = examples(torch.float64)
    inputs = images[:EXAMPLES].expand(STEPS, -1, -1)
    hidden = weights(max(depths), torch.float64)[:-1]
    values, slopes = [inputs], []
    for weight in hidden:
        sums = (values[-1] @ weight.mT).requires_grad_()
        curved = ACTIVATIONS[activation](sums)
        slopes.append(torch.autograd.grad(curved.sum(), sums)[0])
        values.append(curved.detach())
    signal = [spread(values[depth]) / spread(inputs) for depth in depths]
    gradient = []
    for depth in depths:
        start = flow = output_gradient(values[depth], labels[:EXAMPLES], weights(depth, torch.float64)[-1])
        for number in range(depth - 1, -1, -1):
            errors = flow * slopes[number]
            flow = errors @ hidden[number]
        gradient.append(spread(errors) / spread(start))
    return np.stack(signal), np.stack(gradient)


def output_gradient(values: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Return ∂L/∂values of the last hidden layer."""
    chances = torch.softmax(values @ weight.mT, -1)
    return (chances - torch.nn.functional.one_hot(labels, OUTPUTS)) @ weight / len(labels)


def spread(values: Tensor) -> Array:
    """Return the standard deviation, scale by scale."""
    return np.asarray(values.std((1, 2), correction=0))


def predicted(activation: str) -> tuple[Array, Array]:
    """Return what the theory says of the two ratios, depth × scale."""
    images, _ = examples(torch.float64)
    inputs = images[:EXAMPLES]
    columns = [chain(activation, scale, inputs.square().mean(1).numpy()) for scale in SCALES]
    signal, gradient = (np.stack(maps, axis=1) for maps in zip(*columns, strict=True))
    return signal / float(inputs.std(correction=0)), gradient


def chain(activation: str, scale: float, second_moments: Array) -> tuple[Array, Array]:
    """Return, for each depth, the std of the last hidden values, and the two gradients' ratio."""
    hidden = theory.Layer("hidden", WIDTH, WIDTH, scale**2 / WIDTH, activation)
    layers = theory.predict([hidden] * (DEEPEST + 1), second_moments)
    signal = np.array([layer.activation_std for layer in layers])
    gradient = np.sqrt(np.cumprod([layer.gradient_factor for layer in layers])) / scale
    last = np.array(DEPTHS) - 1
    return signal[last], gradient[last]


def accuracies(activation: str, depth: int) -> NDArray[np.uint8]:
    """Return the percentage of the test digits that nets of a depth tell right after one epoch, scale by scale."""
    images, labels = examples(torch.float32)
    parameters = [weight.requires_grad_() for weight in weights(depth, torch.float32)]
    biases = [torch.zeros(STEPS, 1, weight.shape[1], requires_grad=True) for weight in parameters]
    for start in range(0, TRAIN, BATCH):
        batch = slice(start, min(start + BATCH, TRAIN))
        logits = logits_of(activation, parameters, biases, images[batch])
        targets = labels[batch].expand(STEPS, -1)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum") / len(targets[0])
        with torch.no_grad():
            everything = [*parameters, *biases]
            for parameter, slope in zip(everything, torch.autograd.grad(loss, everything), strict=True):
                parameter.sub_(RATE * slope)
    with torch.no_grad():
        told = logits_of(activation, parameters, biases, images[TRAIN:]).argmax(-1)
    return np.asarray((told == labels[TRAIN:]).double().mean(1).mul(100).round(), np.uint8)


def logits_of(activation: str, parameters: list[Tensor], biases: list[Tensor], images: Tensor) -> Tensor:
    """Return the logits of all nets for the same images, scale × image × class."""
    values = images.expand(STEPS, -1, -1)
    for weight, bias in zip(parameters[:-1], biases[:-1], strict=True):
        values = ACTIVATIONS[activation](torch.baddbmm(bias, values, weight.mT))
    return torch.baddbmm(biases[-1], values, parameters[-1].mT)


if __name__ == "__main__":
    torch.set_num_threads(1)  # these nets are small: more threads wait for each other
    write_json("bands.json", bands())
