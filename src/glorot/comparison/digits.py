"""The task of the demonstration: a plain deep net on scikit-learn's handwritten digits."""

from collections import OrderedDict
from typing import Any

import numpy as np

from glorot.activations import activation
from glorot.comparison.task import Task
from glorot.errors import GlorotError

LEARNING_RATES = {"sigmoid": 0.2, "hardsigmoid": 0.2}
"""Plain SGD's step where it is not 0.02: the slope of these is a quarter or less."""

OPTIMIZERS = ("sgd", "momentum", "adam")

TEXTBOOK_RECIPES = (
    "zeros", "constant(0.1)", "random(0.01)", "random(1)", "standard", "xavier_uniform", "xavier_normal", "he_normal",
)  # fmt: skip


def digits_task(
    activation_name: str = "tanh",
    depth: int = 5,
    width: int = 128,
    optimizer: str = "sgd",
    learning_rate: float | None = None,
) -> Task:
    """Return the task: `depth` hidden layers of `width` units on 8×8 handwritten digits.

    1347 images to learn from and 450 to judge by, stratified; one global mean and one global standard
    deviation, so that the input has variance 1 over all pixels and images.

    Args:
        activation_name: the activation of the hidden layers.
        depth: number of hidden layers.
        width: units of a hidden layer.
        optimizer: "sgd" (plain), "momentum" (0.9) or "adam".
        learning_rate: its step; by default 0.02 (sgd), 0.2 for sigmoid, 0.002 with momentum, 0.001 for adam.

    Returns:
        The task.

    Raises:
        GlorotError: if scikit-learn is not installed, or a setting is out of range.
    """
    for what, value in (("depth", depth), ("width", width)):
        if value < 1:
            raise GlorotError(f"{what} must be a positive integer, got {value}")
    check_optimizer(optimizer, learning_rate)
    phi = activation(activation_name).name
    default = {"sgd": LEARNING_RATES.get(phi, 0.02), "momentum": 0.002, "adam": 0.001}[optimizer]
    step = default if learning_rate is None else learning_rate
    train, test = load_digits()
    return Task(
        build=lambda: deep_net(64, 10, phi, depth, width),
        train=train,
        test=test,
        name=f"handwritten digits, {depth} hidden layers of {width} {phi} units, {optimizer} {step:g}",
        optimizer=lambda parameters: optimizer_of(optimizer, parameters, step),
    )


def load_digits() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return 1347 images to learn from and 450 to judge by: 64 pixels each, in one scale, and their digits."""
    try:
        from sklearn import datasets
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise GlorotError("the digits come with scikit-learn: pip install 'glorot[compare]'") from error
    images, labels = datasets.load_digits(return_X_y=True)
    images = ((images - images.mean()) / images.std()).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=450, stratify=labels, random_state=0)
    return (x_train, y_train), (x_test, y_test)


def check_optimizer(name: str, step: float | None) -> None:
    """Raise unless the name of an optimiser is known, and its step a positive number or left open."""
    if name not in OPTIMIZERS:
        raise GlorotError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}")
    if step is not None and not 0 < step < float("inf"):
        raise GlorotError(f"the learning rate must be a positive number, got {step}")


def optimizer_of(name: str, parameters: Any, step: float, decay: float = 0.0) -> Any:
    """Return the optimiser of a name for parameters, or groups of them."""
    import torch

    if name == "adam":
        return torch.optim.Adam(parameters, lr=step, weight_decay=decay)
    return torch.optim.SGD(parameters, lr=step, momentum=0.9 if name == "momentum" else 0.0, weight_decay=decay)


def deep_net(inputs: int, outputs: int, activation_name: str, depth: int, width: int) -> Any:
    """Return a plain deep net: `depth` hidden layers of `width` units with one activation, then the output layer."""
    from torch import nn

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number in range(1, depth + 1):
        layers[f"hidden{number}"] = nn.Linear(inputs if number == 1 else width, width)
        layers[f"activation{number}"] = _module(activation_name)
    layers["output"] = nn.Linear(width, outputs)
    return nn.Sequential(layers)


def _module(name: str) -> Any:
    """Return the PyTorch module that computes an activation of the catalogue."""
    import torch
    from torch import nn

    class Function(nn.Module):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.function = function

        def forward(self, value: torch.Tensor) -> Any:
            return self.function(value)

    plain, _, argument = name.partition("(")
    value = float(argument.rstrip(")").partition("=")[2]) if argument else None
    modules: dict[str, Any] = {
        "identity": nn.Identity, "relu": nn.ReLU, "relu6": nn.ReLU6, "selu": nn.SELU, "gelu": nn.GELU,
        "silu": nn.SiLU, "mish": nn.Mish, "softplus": nn.Softplus, "softsign": nn.Softsign, "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid, "hardswish": nn.Hardswish, "hardsigmoid": nn.Hardsigmoid, "hardtanh": nn.Hardtanh,
        "logsigmoid": nn.LogSigmoid, "tanhshrink": nn.Tanhshrink,
    }  # fmt: skip
    shaped: dict[str, Any] = {"leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "softshrink": nn.Softshrink}
    functions: dict[str, Any] = {"sin": torch.sin, "erf": torch.erf, "relu_squared": lambda z: torch.relu(z).square()}
    if plain in modules:
        return modules[plain]()
    if plain in shaped:
        return shaped[plain]() if value is None else shaped[plain](value)
    if plain == "gelu_tanh":
        return nn.GELU("tanh")
    if plain in functions:
        return Function(functions[plain])
    raise GlorotError(f"no PyTorch module computes the activation {name!r}")


def default_recipes(activation_name: str) -> tuple[str, ...]:
    """Return the recipes that textbooks set side by side; with a sigmoid also the one that saves it."""
    saved = ("xavier_uniform(gain=4)",) if activation(activation_name).squashes_off_zero else ()
    return (*TEXTBOOK_RECIPES, *saved)
